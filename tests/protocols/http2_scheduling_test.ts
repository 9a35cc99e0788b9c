/**
 * The order in which the responses of one HTTP/2 connection arrive.
 *
 * The window of the connection is used up by a response of the lowest urgency. So all others are there when it opens again,
 * and their order is the server's decision alone.
 * @module
 */
import { assertEquals } from "@std/assert";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { Flag, FrameType } from "../../server/protocols/http2/frames/frame.ts";
import {
  frame,
  getFields,
  headers,
  Http2Wire,
  priorityUpdate,
  setting,
  update,
} from "../support/http2_wire.ts";
import { seen } from "../support/http2_serving.ts";
import { sizedHandler as handler } from "../support/sized_handler.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";

const { DATA } = FrameType;
const CONNECTION_WINDOW = 65_535;
const PLUG = "/200000/text/plain";

/** A connection whose window is used up by stream 1, of the lowest urgency. */
async function plugged(port: number): Promise<Http2Wire> {
  const wire = await Http2Wire.connect(port, setting(4, 1024 * 1024));
  await wire.send(headers(1, getFields(PLUG, ["priority", "u=7"])));
  for (let left = CONNECTION_WINDOW; left > 0;) left -= (await wire.expect(DATA)).payload.length;
  return wire;
}

/** Opens the window. Returns the streams of the frames with data that come until `ends` streams have ended. */
async function opened(wire: Http2Wire, ends: number, window = 100_000_000): Promise<string> {
  await wire.send(update(0, window));
  const ids: number[] = [];
  while (ends > 0) {
    const { stream, flags, payload } = await wire.expect(DATA);
    if (flags & Flag.END_STREAM) ends--;
    if (payload.length > 0) ids.push(stream);
  }
  return ids.join(" ");
}

/** Returns the order of responses to requests, each for a path, with a field Priority if there is one. */
async function order(
  port: number,
  ...requests: (readonly [path: string, priority?: string])[]
): Promise<string> {
  using wire = await plugged(port);
  await wire.send(
    ...requests.map(([path, priority], i) =>
      headers(
        3 + 2 * i,
        getFields(path, ...(priority === undefined ? [] : [["priority", priority] as const])),
      )
    ),
  );
  await seen(wire);
  return await opened(wire, requests.length);
}

const FILE = "/40000/text/plain"; // three frames

onAll(
  "HTTP/2: the more urgent response comes first, and one of the same urgency after the other",
  async (poller) => {
    await withServer({ http2: true, handler }, async ({ port, errors }) => {
      assertEquals(
        await order(port, [FILE, "u=5"], [FILE, "u=0"], [FILE, "u=5"], [FILE, "u=3"]),
        "5 5 5 9 9 9 3 3 3 7 7 7",
      );
      assertEquals(errors, []);
    }, poller);
  },
);

onAll("HTTP/2: incremental responses of the same urgency take turns, a frame each", async (poller) => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    assertEquals(
      await order(port, [FILE, "i"], [FILE, "i"], [FILE, "u=4, i"], [FILE, "i"]),
      "3 5 9 3 5 9 3 5 9 7 7 7",
    );
    assertEquals(await order(port, [FILE, "i"], [FILE, "u=3"]), "3 5 3 5 3 5");
  }, poller);
});

onAll(
  "HTTP/2: of the same urgency, a response that is not incremental comes before later incremental ones, and after 256 KB of it in turn with them",
  async (poller) => {
    await withServer({ http2: true, handler }, async ({ port }) => {
      assertEquals(await order(port, [FILE, "u=2"], [FILE, "u=2, i"]), "3 3 3 5 5 5");
      assertEquals(
        await order(port, ["/100000/image/png", "u=2, i"], ["/100000/image/png", "u=2, i"], [FILE, "u=2"]),
        `7 7 7 ${"3 5 ".repeat(7).trim()}`,
      );
      const large = await order(port, ["/300000/text/plain", "u=2"], [FILE, "u=2, i"]);
      assertEquals(large, `${"3 ".repeat(16)}5 3 5 3 5 3`);
    }, poller);
  },
);

Deno.test("HTTP/2: without a priority, style sheets, fonts and scripts come before images, and these before the rest", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    const types = [
      "application/json",
      "image/png",
      "text/css",
      "video/mp4",
      "font/woff2",
      "image/jpeg",
      "text/javascript",
    ];
    const files = types.map((type) => [`/40000/${type}`] as const);
    assertEquals(await order(port, ...files), "7 7 7 11 11 11 15 15 15 5 5 5 13 13 13 3 3 3 9 9 9");
  });
});

Deno.test("HTTP/2: a malformed priority is none, and an invalid parameter is not there", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    const css = "/40000/text/css";
    assertEquals(await order(port, [css, "u=3"], [css, "u=0,"], [css, "u=0 i"]), "5 5 5 7 7 7 3 3 3");
    assertEquals(await order(port, [css, "u=9"], [css, "u=2"], [css, "u=1.0, x=y"]), "5 5 5 3 3 3 7 7 7");
  });
});

Deno.test("HTTP/2: what a handler says in Priority overrides the client, parameter by parameter, and is sent", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    const own = (text: string) => `${FILE}?${encodeURIComponent(text)}`;
    assertEquals(
      await order(port, [FILE, "u=1, i"], [own("u=0"), "u=6"], [own("i"), "u=1"], [own("i=?0"), "u=1, i"]),
      "5 5 5 3 9 3 9 3 9 7 7 7",
    );
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields(own("u=0, i"))));
    assertEquals((await wire.response(1))?.fields["priority"], "u=0, i");
  });
});

Deno.test("HTTP/2: PRIORITY_UPDATE moves a response, in the middle of it, before it, and before its request", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    {
      using wire = await plugged(port);
      await wire.send(headers(3, getFields(FILE, ["priority", "u=1"])), headers(5, getFields(FILE)));
      await seen(wire);
      await wire.send(update(0, 16_384));
      assertEquals((await wire.expect(DATA)).stream, 3);
      await wire.send(priorityUpdate(3, "u=6"), priorityUpdate(1, "u=5"));
      await seen(wire);
      const frames = (await opened(wire, 3)).split(" ");
      assertEquals(frames.filter((id) => id !== "1").join(" "), "5 5 5 3 3");
      assertEquals(frames.lastIndexOf("1") < frames.indexOf("3"), true);
    }
    {
      using wire = await plugged(port);
      await wire.send(
        priorityUpdate(5, "u=2"),
        priorityUpdate(7, "u=6"),
        priorityUpdate(7, "u=0"), // the later one counts
        priorityUpdate(9, "u=0,"), // ignored
        ...[3, 5, 7, 9].map((id) => headers(id, getFields(FILE, ["priority", "u=4"]))),
      );
      await seen(wire);
      assertEquals(await opened(wire, 4), "7 7 7 5 5 5 3 3 3 9 9 9");
    }
  });
});

Deno.test("HTTP/2: PRIORITY_UPDATE ends the connection where RFC 9218 says so, and is else without effect", async () => {
  const wrong: Record<string, [Uint8Array, number]> = {
    "on a stream": [frame(FrameType.PRIORITY_UPDATE, 0, 1, [0, 0, 0, 1]), ErrorCode.PROTOCOL_ERROR],
    "for stream 0": [priorityUpdate(0, "u=1"), ErrorCode.PROTOCOL_ERROR],
    "for a push": [priorityUpdate(2, "u=1"), ErrorCode.PROTOCOL_ERROR],
    "without a stream": [frame(FrameType.PRIORITY_UPDATE, 0, 0, [0, 0, 0]), ErrorCode.FRAME_SIZE_ERROR],
  };
  await withServer({ http2: true, handler }, async ({ port }) => {
    for (const [name, [bytes, code]] of Object.entries(wrong)) {
      using wire = await Http2Wire.connect(port);
      await wire.send(bytes);
      assertEquals(await wire.goAwayCode(), code, name);
    }
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(3, getFields("/5/text/plain")));
    await wire.response(3);
    for (const id of [1, 3, 0x8000_0003]) await wire.send(priorityUpdate(id, "u=0")); // these have ended
    await wire.send(
      frame(FrameType.PRIORITY_UPDATE, 0xff, 0, [0, 0, 0, 5]),
      headers(5, getFields("/5/text/plain")),
    );
    assertEquals((await wire.response(5))?.body.length, 5);
  });
});

Deno.test("HTTP/2: priorities of more streams than may be open end the connection; of the same ones, and of those that were opened, not", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    for (let i = 0; i < 20; i++) await wire.send(priorityUpdate(101, "u=1"), priorityUpdate(103, "i"));
    await sleep(1500); // the budget for trouble is refilled
    await wire.send(headers(105, getFields("/5/text/plain")));
    assertEquals((await wire.response(105))?.body.length, 5);
    for (let i = 0; i < 50; i++) await wire.send(priorityUpdate(107 + 2 * i, "u=1"));
    await sleep(1500);
    for (let i = 50; i < 99; i++) await wire.send(priorityUpdate(107 + 2 * i, "u=1"));
    await seen(wire);
    await wire.send(headers(107, getFields(PLUG)), priorityUpdate(501, "u=0"));
    await seen(wire); // 98 early ones, one stream, and this one
    await wire.send(priorityUpdate(503, "u=0"));
    assertEquals(await wire.goAwayCode(), ErrorCode.PROTOCOL_ERROR);
  });
});

Deno.test("HTTP/2: a flood of PRIORITY_UPDATE is sent away, also of one that changes an open stream each time", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    for (const id of [1, 3]) {
      using wire = await Http2Wire.connect(port);
      await wire.send(headers(1, getFields(PLUG)));
      const sending = (async () => {
        for (let i = 0; i < 400; i++) await wire.send(priorityUpdate(id, `u=${i % 8}`));
      })().catch(() => {});
      assertEquals(await wire.goAwayCode(), ErrorCode.ENHANCE_YOUR_CALM);
      await sending;
    }
  });
});

Deno.test("HTTP/2: a page with a hundred images, the priority of each of which changes a few times, is no flood", async () => {
  const changes: Record<string, (stream: number) => Uint8Array[]> = {
    PRIORITY_UPDATE: (stream) => [priorityUpdate(stream, "u=2, i"), priorityUpdate(stream, "i")],
    // Chromium sends up to three for each image that becomes visible
    PRIORITY: (stream) => [1, 3, 5].map(() => frame(FrameType.PRIORITY, 0, stream, [0x80, 0, 0, 0, 219])),
  };
  await withServer({ http2: true, handler }, async ({ port }) => {
    for (const [name, change] of Object.entries(changes)) {
      using wire = await plugged(port);
      const ids = Array.from({ length: 99 }, (_, i) => 3 + 2 * i);
      for (const id of ids) await wire.send(headers(id, getFields("/20000/image/png", ["priority", "i"])));
      await wire.send(...ids.flatMap(change), ...ids.flatMap(change));
      await seen(wire);
      await opened(wire, 100);
      await wire.send(headers(301, getFields("/5/text/plain")));
      assertEquals((await wire.response(301))?.body.length, 5, name);
    }
  });
});

Deno.test("HTTP/2: new priorities of few streams, and after many requests, are a flood", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    for (const requests of [0, 1, 500]) {
      using wire = await Http2Wire.connect(port);
      for (let i = 0; i < requests; i++) {
        await wire.send(headers(3 + 2 * i, getFields("/5/text/plain")));
        await wire.response(3 + 2 * i);
      }
      const free = Math.min(requests, 100) * 8;
      const priority = frame(FrameType.PRIORITY, 0, 1, [0, 0, 0, 0, 219]);
      const sending = wire.send(...Array.from({ length: free + 400 }, () => priority)).catch(() => {});
      assertEquals(await wire.goAwayCode(), ErrorCode.ENHANCE_YOUR_CALM, `${requests}`);
      await sending;
    }
  });
});

Deno.test("HTTP/2: a priority that is longer than any client's is not read", async () => {
  await withServer({ http2: true, handler }, async ({ port, errors }) => {
    const padded = (length: number) => `u=0;x="${"y".repeat(length - 8)}"`;
    assertEquals(await order(port, [FILE, "u=5"], [FILE, padded(256)]), "5 5 5 3 3 3");
    assertEquals(await order(port, [FILE, "u=5"], [FILE, padded(257)]), "3 3 3 5 5 5");
    assertEquals(errors, []);
  });
});
