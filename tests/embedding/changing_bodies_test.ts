/**
 * Bodies that change while they are sent, and files that are sent twice: the announced bytes are sent, or the
 * connection ends. Bytes of one response are never sent as part of the next.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FileBody, HttpResponse } from "../../mod.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { bytesWithHeadRoom } from "../../server/http/head_room.ts";
import { INLINE_BODY_BYTES_MAX } from "../../server/limits.ts";
import { eventually } from "../support/descriptors.ts";
import { serving, servingFetch } from "../support/in_process.ts";
import { Site } from "../support/program.ts";
import { get, head, Wire } from "../support/wire.ts";

/** More than socket buffers hold, so that a part of it is still to be sent. */
const LARGE = 32 * 1024 * 1024;
/** More than is copied behind a head. */
const SIZE = INLINE_BODY_BYTES_MAX + 1000;

/** Requests `/large` and `/next` at once, changes the body when its head has arrived, and reads everything. */
async function changed(body: Uint8Array, change: () => void): Promise<{ text: string; errors: string[] }> {
  const response = HttpResponse.bytes(body, { type: "x/y" });
  await using running = serving(({ path }) => path === "/large" ? response : HttpResponse.text("NEXT"));
  using wire = await Wire.connect(running.port);
  await wire.send(get("/large") + get("/next", "Connection: close"));
  await wire.arrival();
  change();
  const bytes = await wire.readToEnd().catch(() => new Uint8Array(0));
  const end = new TextDecoder().decode(bytes.subarray(-200));
  const announced = Number(
    /Content-Length: (\d+)/i.exec(new TextDecoder().decode(bytes.subarray(0, 400)))?.[1],
  );
  const from = new TextDecoder().decode(bytes.subarray(0, 400)).indexOf("\r\n\r\n") + 4;
  const isWhole = end.endsWith("NEXT");
  if (isWhole) { // then the body has exactly the announced bytes, and the next response follows
    const begin = new TextDecoder().decode(bytes.subarray(from + announced, from + announced + 15));
    assertEquals(begin, "HTTP/1.1 200 OK");
  } else {
    assert(bytes.length < from + announced, "more than was announced");
    assert(!end.includes("HTTP/1.1"), "another response stands in the body");
  }
  return { text: isWhole ? "whole" : "cut", errors: running.errors };
}

Deno.test("a body whose buffer is transferred while it is sent ends its connection, and onError is called", async () => {
  const body = new Uint8Array(LARGE);
  const { text, errors } = await changed(
    body,
    () => void structuredClone(body.buffer, { transfer: [body.buffer] }),
  );
  assertEquals(text, "cut");
  assertEquals(errors.length, 1);
  assertMatch(errors[0]!, /A body's buffer was transferred, or became smaller/);
});

Deno.test("a body whose buffer becomes smaller while it is sent ends its connection", async () => {
  for (const left of [0, 1, LARGE / 2]) {
    const memory = new ArrayBuffer(LARGE, { maxByteLength: LARGE });
    const { text } = await changed(new Uint8Array(memory), () => memory.resize(left));
    assertEquals(text, "cut");
  }
});

Deno.test("a body that grows while it is sent goes out as it was announced", async () => {
  const memory = new ArrayBuffer(LARGE, { maxByteLength: 2 * LARGE });
  const { text, errors } = await changed(new Uint8Array(memory), () => memory.resize(2 * LARGE));
  assertEquals([text, errors], ["whole", []]);
});

Deno.test("a body that is gone, or has changed its size, before it is sent: as announced, or 500", async () => {
  const gone = new Uint8Array(SIZE);
  const small = new ArrayBuffer(SIZE, { maxByteLength: 2 * SIZE });
  const grown = new ArrayBuffer(SIZE, { maxByteLength: 2 * SIZE });
  const responses = new Map([
    ["/gone", HttpResponse.bytes(gone)],
    ["/small", HttpResponse.bytes(new Uint8Array(small))],
    ["/grown", HttpResponse.bytes(new Uint8Array(grown))],
    ["/head", HttpResponse.text("x")],
  ]);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  small.resize(10);
  grown.resize(2 * SIZE);
  const { bytes } = responses.get("/head")!;
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  await using running = serving(({ path }) => responses.get(path) ?? HttpResponse.text("NEXT"));
  using wire = await Wire.connect(running.port);
  const expected = { "/gone": 500, "/small": 500, "/grown": 200, "/head": 500 };
  for (const [path, status] of Object.entries(expected)) {
    for (const request of [get(path), head(path)]) {
      using wire = await Wire.connect(running.port);
      await wire.send(request + get("/next"));
      const response = await wire.expect(request.startsWith("HEAD"));
      assertEquals(response.status, status, path);
      if (status === 200 && !request.startsWith("HEAD")) assertEquals(response.body.length, SIZE);
      if (response.fields.connection !== "close") assertEquals((await wire.expect()).text, "NEXT");
    }
  }
  await wire.send(get("/next"));
  assertEquals((await wire.expect()).text, "NEXT");
});

Deno.test("the number of bytes sent is their real number, even if an object claims another", async () => {
  class Liar extends Uint8Array<ArrayBuffer> {
    override get length(): number {
      return 282_131;
    }
    override subarray(): Uint8Array<ArrayBuffer> {
      return new Uint8Array(500_000);
    }
  }
  const lying = () => new Liar(encodeUtf8("abc").buffer);
  const own = () => Object.defineProperty(new TextEncoder().encode("abc"), "length", { value: 100_000 });
  for (const make of [lying, own]) {
    await using running = serving(({ path }) =>
      path === "/stream"
        ? new HttpResponse(200, [], ReadableStream.from([make()]))
        : path === "/known"
        ? new HttpResponse(200, [], { stream: ReadableStream.from([make()]), length: 3 })
        : HttpResponse.bytes(make())
    );
    for (const path of ["/", "/stream", "/known"]) {
      assertEquals(await (await fetch(running.url + path)).text(), "abc");
    }
    await using fetched = servingFetch(() => new Response(ReadableStream.from([make()])));
    assertEquals(await (await fetch(fetched.url)).text(), "abc");
    assertEquals([running.errors, fetched.errors], [[], []]);
  }
});

Deno.test("a value that is not bytes is no body: a TypeError for the embedder, 500 or a cut connection for the client", async () => {
  const wrong: unknown[] = [
    { fd: 0, offset: 0, length: 30 },
    { fd: 0, offset: 0, length: 30, close() {} },
    { length: 3, 0: 1, 1: 2, 2: 3 },
    "text",
    [1, 2, 3],
    new Uint16Array(5),
    new DataView(new ArrayBuffer(5)),
    new ArrayBuffer(5),
    5,
    true,
    { stream: "text", length: 4 },
    { stream: new ReadableStream(), length: "4" },
    { stream: new ReadableStream(), length: null, pauseMs: "x" },
    Object.create(FileBody.prototype),
  ];
  let value: unknown;
  await using running = serving(() => new HttpResponse(200, [], value as Uint8Array));
  for (value of wrong) {
    const response = await fetch(running.url);
    assertEquals(response.status, 500, Deno.inspect(value));
    await response.body?.cancel();
  }
  assertEquals(running.errors.length, wrong.length);
  for (const error of running.errors) assertMatch(error, /TypeError|RangeError/);
  // As a chunk of a stream: as the only one, and after another.
  await using fetched = servingFetch((request) =>
    new Response(
      ReadableStream.from(
        request.url.endsWith("/alone") ? [value] : [new Uint8Array(3), value],
      ) as ReadableStream<Uint8Array>,
    )
  );
  for (value of [...wrong.slice(0, 7), JSON.parse('{"fd":0,"offset":0,"length":30}')]) {
    using wire = await Wire.connect(fetched.port);
    await wire.send(get("/alone"));
    assertEquals((await wire.expect()).status, 500, Deno.inspect(value));
    const cut = await fetch(`${fetched.url}/behind`).then((response) => response.bytes()).catch(() => null);
    assertEquals(cut, null, "it should be cut off");
  }
});

Deno.test("a response whose body's buffer was transferred is a 500 each time, also after a look at its bytes", async () => {
  const body = bytesWithHeadRoom(20_000);
  const gone = HttpResponse.bytes(body);
  body.buffer.transfer(0);
  assertThrows(() => gone.bytes, TypeError);
  await using running = serving(() => gone);
  for (let i = 0; i < 3; i++) {
    using wire = await Wire.connect(running.port);
    await wire.send(get("/", "Connection: close"));
    assertEquals((await wire.expect()).status, 500);
  }
});

Deno.test("the length in a response cannot be replaced, and replacing it sends nothing of another client's", async () => {
  const secret = "SECRET-OF-ANOTHER-CLIENT ".repeat(40);
  const long = [["X-Long", "y".repeat(300)]] as const;
  const small = encodeUtf8("hello") as Uint8Array<ArrayBuffer>;
  class Page extends HttpResponse {
    constructor() {
      super(200, long, new Uint8Array(3));
    }
  }
  class WithField extends Page {
    field = small; // like `bytes = small`, which TypeScript would reject
  }
  class WithGetters extends Page {
    override get bytes(): Uint8Array<ArrayBuffer> {
      return small;
    }
    override get headLength(): number {
      return 50_000;
    }
  }
  class Reused extends FileBody {
    override take(): void {}
  }
  const response = () => new HttpResponse(200, long, new Uint8Array(3));
  const liar = () => Object.create(Uint8Array.prototype, { length: { value: 50_000 } });
  const makes: (() => HttpResponse)[] = [
    () => new Page(),
    () => new WithField(),
    () => new WithGetters(),
    () => new HttpResponse(200, [], new Reused({ fd: 0, offset: 0, length: 1, close() {} })),
    () => Object.defineProperty(response(), "bytes", { value: small }),
    () => Object.defineProperty(response(), "headLength", { value: 50_000 }),
    () => Object.assign(response(), { tail: small }),
    () => Object.setPrototypeOf(response(), WithGetters.prototype),
    () => Object.create(response(), { bytes: { value: small } }),
    () => Reflect.construct(HttpResponse, [200, long, new Uint8Array(3)], Page),
    () => (Object.defineProperty(HttpResponse.prototype, "bytes", { get: () => small }), response()),
    () => (Object.defineProperty(FileBody.prototype, "take", { value() {} }), response()),
    () =>
      new Proxy(response(), {
        get: (target, name) => name === "bytes" ? small : Reflect.get(target, name, target),
      }),
    () => liar(),
  ];
  const unchanged: (() => HttpResponse)[] = [
    () => {
      const made = response();
      Object.defineProperty(made.bytes, "length", { value: 50_000 });
      return made;
    },
    () => {
      const made = HttpResponse.bytes(new Uint8Array(SIZE));
      Object.defineProperty(made.tail, "length", { value: 50_000_000 });
      return made;
    },
    () => {
      const made = new HttpResponse(200, [], { stream: ReadableStream.from([small]), length: 5 });
      Reflect.set(made.tail!, "length", 50_000);
      return made;
    },
  ];
  let make = makes[0];
  await using running = serving(({ path }) => path === "/secret" ? HttpResponse.text(secret) : make!());
  for (make of [...makes, ...unchanged]) {
    {
      using other = await Wire.connect(running.port);
      await other.send(get("/secret", "Connection: close"));
      await other.readToEnd();
    }
    for (const request of [get("/", "Connection: close"), head("/"), get("/")]) {
      using wire = await Wire.connect(running.port);
      await wire.send(request + get("/secret", "Connection: close"));
      const { status, fields, body } = await wire.expect(request.startsWith("HEAD"));
      const text = new TextDecoder().decode(body);
      assert(!text.includes("SECRET"), make.toString());
      assertEquals(status, makes.includes(make) ? 500 : 200, make.toString());
      if (!request.startsWith("HEAD")) assertEquals(body.length, Number(fields["content-length"]));
    }
  }
});

Deno.test("a response with a file is sent once: the second use is an error, and no other file goes out", async () => {
  using site = new Site({ "one.txt": "the first file", "two.txt": "another file's secret" });
  const root = openDirectory(site.root);
  const fd = openBeneathByWalking(root, cString("one.txt"));
  let closed = 0;
  const file = new FileBody({ fd, offset: 4, length: 5, close: () => closed += close(fd) === 0 ? 1 : 0 });
  const shared = new HttpResponse(200, [], file);
  const sameFile = new HttpResponse(206, [], file);
  await using running = serving(({ path }) => path === "/again" ? sameFile : shared);
  assertEquals(await (await fetch(running.url)).text(), "first");
  await eventually(() => closed === 1, "the file is closed");
  const other = openBeneathByWalking(root, cString("two.txt")); // has the same descriptor number now
  assertEquals(other, fd);
  for (const path of ["/", "/again", "/"]) {
    const response = await fetch(running.url + path);
    assertEquals(response.status, 500);
    assert(!(await response.text()).includes("secret"));
  }
  assertEquals((await fetch(running.url, { method: "HEAD" })).status, 500);
  assertEquals([closed, running.errors.length], [1, 4]);
  assertMatch(running.errors[0]!, /A response with a file can be sent once only/);
  close(other);
  close(root);
});

Deno.test("a second use while the file is being sent changes nothing for the first client", async () => {
  using site = new Site({ "large.bin": new Uint8Array(LARGE).fill(7) });
  const root = openDirectory(site.root);
  const fd = openBeneathByWalking(root, cString("large.bin"));
  let closed = 0;
  const shared = new HttpResponse(
    200,
    [],
    new FileBody({ fd, offset: 0, length: LARGE, close: () => void (closed++, close(fd)) }),
  );
  await using running = serving(() => shared);
  using first = await Wire.connect(running.port);
  await first.send(get("/"));
  await first.arrival();
  for (const method of ["GET", "HEAD"]) {
    const response = await fetch(running.url, { method });
    await response.body?.cancel();
    assertEquals(response.status, 500);
  }
  shared.discard();
  assertEquals(closed, 0);
  assertEquals((await first.expect()).body.length, LARGE);
  await eventually(() => closed === 1, "the file is closed");
  close(root);
});
