/**
 * What one connection of HTTP/2 holds, or costs, is bounded.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { floodBytes, HTTP2_FLOODS } from "../attacks/http2_floods.ts";
import { FileBody, type Handler, HttpResponse } from "../../mod.ts";
import { Input } from "../../server/connection/input.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { KEPT_HEAD_BYTES_MEAN } from "../../server/http2_limits.ts";
import { Readiness } from "../../server/loop/poller.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { FrameType, readUint32, Setting } from "../../server/protocols/http2/frames/frame.ts";
import { HpackDecoder } from "../../server/protocols/http2/hpack/decoder.ts";
import { RequestHead } from "../../server/protocols/http2/requests/request_head.ts";
import { CONNECTION_WINDOW_BYTES, STREAMS_MAX } from "../../server/http2_limits.ts";
import { Http2 } from "../../server/protocols/http2/http2.ts";
import { handler, LARGE, textOf } from "../support/http2_handler.ts";
import { frame, getFields, headers, Http2Wire, post, setting, update } from "../support/http2_wire.ts";
import { Site } from "../support/program.ts";
import { Scripted } from "../support/scripted.ts";
import { withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";

const { DATA, HEADERS, PING, RST_STREAM, WINDOW_UPDATE } = FrameType;

/** Returns a scripted connection that speaks HTTP/2. */
function scripted(): Scripted {
  return new Scripted(handler, "edge", true, (connection) => {
    new Http2(connection).begin();
    connection.start();
  });
}

Deno.test("what a client does not take is bounded, and comes once it takes it", () => {
  for (
    const name of ["heads whose responses are not read", "small files that are not read", "PING, unread"]
  ) {
    const flood = HTTP2_FLOODS.find((flood) => flood.name === name)!;
    using line = scripted();
    const rounds = name.startsWith("PING") ? 90 : 20_000;
    line.receive(floodBytes(flood, 0));
    line.socket.capacity = 0;
    const bytes = floodBytes(flood, rounds).subarray(floodBytes(flood, 0).length);
    let most = 0;
    for (let at = 0; at < bytes.length; at += 10_000) {
      line.receive(bytes.slice(at, at + 10_000));
      most = Math.max(most, line.connection?.output.queuedBytes ?? 0);
    }
    assert(most > 1000, name);
    assertLess(most, 400_000, name);
    assertEquals(line.errors, []);
    if (name.startsWith("heads")) {
      line.socket.capacity = Infinity;
      line.writable();
      while (line.socket.incoming.length > 0) line.wake(Readiness.READABLE);
      const { sent } = line.socket;
      let answers = 0;
      for (
        let at = 0;
        at < sent.length;
        at += 9 + ((sent[at]! << 16) | (sent[at + 1]! << 8) | sent[at + 2]!)
      ) {
        if (sent[at + 3] === HEADERS) answers++;
      }
      assertEquals(answers, rounds);
    }
  }
});

Deno.test("the bodies that handlers do not read fill the window of the connection, and no more; what is read is returned", async () => {
  let read: () => void = () => {};
  const reading = new Promise<void>((resolve) => read = resolve);
  const slow: Handler = (request) =>
    reading.then(() => request.bytes()).then(({ length }) => HttpResponse.text(`${length}`));
  await withServer({ http2: true, handler: slow }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    const each = 60_000;
    const count = Math.floor(CONNECTION_WINDOW_BYTES / each) + 1;
    const last = 2 * count - 1;
    let left = CONNECTION_WINDOW_BYTES;
    for (let stream = 1; stream <= last; stream += 2) {
      await wire.send(post(stream, "/body"));
      for (let at = 0; at < each && left > 0; at += 10_000) {
        const length = Math.min(10_000, left);
        left -= length;
        // The one that does not fit in the window is not complete.
        await wire.send(
          frame(DATA, stream < last && at + length === each ? 1 : 0, stream, new Uint8Array(length)),
        );
      }
    }
    await wire.send(frame(PING, 0, 0, new Uint8Array(8)));
    await wire.expect(PING);
    const returned = () =>
      wire.frames.filter(({ type, stream }) => type === WINDOW_UPDATE && stream === 0)
        .reduce((sum, { payload }) => sum + readUint32(payload, 0), 0);
    assertEquals(returned(), CONNECTION_WINDOW_BYTES - 65_535, "what it began with");
    read();
    await wire.expect(WINDOW_UPDATE);
    while (returned() < CONNECTION_WINDOW_BYTES) await wire.expect(WINDOW_UPDATE, HEADERS, DATA);
    await wire.send(frame(DATA, 1, last, new Uint8Array(5)));
    const { body } = (await wire.response(last))!;
    assertEquals(textOf(body), `${CONNECTION_WINDOW_BYTES % each + 5}`);
  });
});

Deno.test("small DATA frames are not answered by a WINDOW_UPDATE each", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(post(1, "/body"));
    for (let i = 0; i < 1000; i++) await wire.send(frame(DATA, i === 999 ? 1 : 0, 1, [i]));
    assertEquals(textOf((await wire.response(1))?.body), "1000");
    assertLess(wire.frames.filter(({ type }) => type === WINDOW_UPDATE).length, 5);
  });
});

Deno.test("the heads that waiting requests keep are bounded: more requests are refused, until some are answered", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    const long = (stream: number) =>
      headers(stream, getFields("/never", ["x", `${stream}${"y".repeat(12_000)}`]));
    const fits = Math.ceil(STREAMS_MAX * KEPT_HEAD_BYTES_MEAN / 12_100);
    for (let i = 0; i < 60; i++) await wire.send(long(1 + 2 * i));
    const first = await wire.expect(RST_STREAM);
    assertEquals(readUint32(first.payload, 0), ErrorCode.REFUSED_STREAM);
    assert(
      first.stream >= 2 * fits - 1 && first.stream <= 2 * fits + 3,
      `stream ${first.stream}, ${fits} fit`,
    );
    await wire.send(frame(RST_STREAM, 0, 1, [0, 0, 0, 8]), frame(RST_STREAM, 0, 3, [0, 0, 0, 8]));
    await wire.send(headers(201, getFields("/a")));
    assertEquals(textOf((await wire.response(201))?.body), "hello /a");
  });
});

Deno.test("a field that is refused, and trailers, are written once, however often one byte names them", () => {
  const decoder = new HpackDecoder();
  const head = new RequestHead(16_384);
  let taken = 0;
  const take = head.take.bind(head);
  head.take = (...at) => {
    taken++;
    take(...at);
  };
  const flood = HTTP2_FLOODS.find(({ name }) => name === "an indexed-field bomb of a refused field")!;
  for (const isTrailer of [false, true]) {
    for (const [frame] of [flood.first!, flood.round(0, 3)]) {
      taken = 0;
      head.begin(isTrailer ? null : new HttpRequest(), 16_384, 100);
      assert(decoder.decode(frame!, 9, frame!.length, head));
    }
    assertLess(taken, 10);
  }
  const valid = HTTP2_FLOODS.find(({ name }) => name === "an indexed-field bomb in trailers")!;
  for (const frame of [valid.first![0]!, valid.round(0, 3)[1]!]) {
    taken = 0;
    head.begin(null, 16_384, 100);
    assert(decoder.decode(frame, 9, frame.length, head));
  }
  assertLess(taken, 10);
});

Deno.test("PING, and frames in drops, do not keep a connection open that has no request", async () => {
  const limits = { keepAliveTimeoutMs: 300, headTimeoutMs: 200 };
  await withServer({ http2: true, handler, ...limits }, async ({ port }) => {
    const talks: Record<string, (i: number) => Uint8Array> = {
      PING: () => frame(PING, 0, 0, new Uint8Array(8)),
      "a frame in drops": (i) => frame(HEADERS, 5, 1, new Uint8Array(1000)).subarray(i, i + 1),
      "DATA in drops": (i) => frame(DATA, 0, 1, new Uint8Array(1000)).subarray(i, i + 1),
    };
    for (const [name, part] of Object.entries(talks)) {
      using wire = await Http2Wire.connect(port);
      await wire.send(headers(1, getFields("/a")));
      await wire.response(1);
      let isOver = false;
      let sent = 0;
      const talking = (async () => {
        for (; sent < 600 && !isOver; sent++) {
          await wire.send(part(sent));
          await sleep(50);
        }
      })().catch(() => {});
      assertEquals(await wire.goAwayCode(), ErrorCode.NO_ERROR, name);
      isOver = true;
      assertLess(sent, 600, `${name}: it ended because the client did`);
      await talking;
    }
  });
});

Deno.test("a stream whose window its client does not open is reset, while others go on", async () => {
  await withServer({ http2: true, handler, sendTimeoutMs: 1500 }, async ({ port }) => {
    using wire = await Http2Wire.connect(port, setting(Setting.INITIAL_WINDOW_SIZE, 1000));
    await wire.send(update(0, 10_000_000), headers(1, getFields("/big")), headers(3, getFields("/big")));
    let ended = 0;
    const feeding = (async () => {
      for (let i = 0; i < 1000 && ended === 0; i++) {
        await wire.send(update(3, 500));
        await sleep(10);
      }
      await wire.send(update(3, 1_000_000));
    })();
    let received = 0;
    while (received < LARGE.length) {
      const { type, stream, payload } = await wire.expect(DATA, RST_STREAM);
      if (type === RST_STREAM) {
        assertEquals([stream, readUint32(payload, 0)], [1, ErrorCode.CANCEL], `${ended++}`);
      } else if (stream === 3) received += payload.length;
    }
    assertEquals(ended, 1);
    await feeding;
  });
});

Deno.test("a file whose callbacks throw costs its own stream", async () => {
  using site = new Site({ "file.txt": "0123456789".repeat(10) });
  const withFiles: Handler = (request, context) => {
    if (!request.path.startsWith("/file")) return handler(request, context);
    const root = openDirectory(site.root);
    const fd = openBeneathByWalking(root, cString("file.txt"));
    close(root);
    const fails = (what: string) => {
      if (request.path.endsWith(what)) throw new Error(`${what} fails`);
      return true;
    };
    const end = () => {
      close(fd);
      fails("close");
    };
    const body = new FileBody({ fd, offset: 0, length: 100, close: end, isIntact: () => fails("intact") });
    return new HttpResponse(200, [], body);
  };
  await withServer({ http2: true, handler: withFiles }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/never")), headers(3, getFields("/file/intact")));
    assertEquals((await wire.response(3))?.reset, ErrorCode.INTERNAL_ERROR);
    await wire.send(headers(5, getFields("/file/close")));
    const { body, reset } = (await wire.response(5))!;
    assertEquals([body.length, reset], [100, null]);
    await wire.send(setting(Setting.INITIAL_WINDOW_SIZE, 10), headers(7, getFields("/file/close")));
    await wire.expect(DATA);
    await wire.send(frame(RST_STREAM, 0, 7, [0, 0, 0, 8]), headers(9, getFields("/a")));
    await wire.expect(HEADERS);
    assertEquals(errors.map((line) => /(intact|close) fails/.exec(line)?.[1]), ["intact", "close", "close"]);
  });
});

Deno.test("memory that is transferred while it waits for a window, and what is no response, cost their own streams", async () => {
  let bytes = new Uint8Array(0);
  const changing: Handler = (request, context) => {
    if (request.path === "/none") return Object.create(HttpResponse.prototype);
    if (request.path === "/own") return HttpResponse.bytes(bytes = new Uint8Array(2_000_000)); // too large to be copied
    return handler(request, context);
  };
  await withServer({ http2: true, handler: changing }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port, setting(Setting.INITIAL_WINDOW_SIZE, 20_000));
    await wire.send(headers(1, getFields("/never")), headers(3, getFields("/none")));
    assertEquals((await wire.response(3))?.fields[":status"], "500");
    await wire.send(headers(5, getFields("/own")));
    await wire.expect(DATA);
    await wire.expect(DATA);
    bytes.buffer.transfer(0);
    await wire.send(update(5, 10_000_000), update(0, 10_000_000));
    assertEquals((await wire.response(5))?.reset, ErrorCode.INTERNAL_ERROR);
    await wire.send(headers(7, getFields("/a")));
    assertEquals(textOf((await wire.response(7))?.body), "hello /a");
    assertEquals(errors.length, 2);
  });
});

Deno.test("a frame that arrives a byte at a time is copied a few times, not for each byte", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    for (const byte of headers(1, getFields("/drops"))) await wire.send(Uint8Array.of(byte));
    assertEquals(textOf((await wire.response(1))?.body), "hello /drops");
  });
  const input = new Input();
  const bytes = new Uint8Array(new ArrayBuffer(16_384));
  const slot = { bytes, view: new DataView(bytes.buffer) };
  const buffers = { returnSlot() {} } as Parameters<Input["take"]>[0];
  const arrays = new Set<ArrayBufferLike>();
  for (let i = 0; i < 16_000; i++) {
    bytes[0] = i;
    input.take(buffers, slot, 1, true);
    input.keep();
    arrays.add(input.bytes.buffer);
  }
  assertEquals(input.end - input.start, 16_000);
  for (let i = 0; i < 16_000; i++) assertEquals(input.bytes[input.start + i], i & 255);
  assertLess(arrays.size, 30);
});
