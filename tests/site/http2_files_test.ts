/**
 * Files over HTTP/2: that change, shrink or disappear while they are sent, beyond 4 GiB, and to clients that read slowly.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { staticHandler } from "../../mod.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { FRAME_HEAD_BYTES, FrameType } from "../../server/protocols/http2/frames/frame.ts";
import { BothVersions, connect, connectHttp2, type Reply } from "../support/both_versions.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { getFields, headers, Http2Wire, type Line, setting, update } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { Site } from "../support/site.ts";
import { sleep } from "../support/sleep.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { awaited, eventually } from "../support/waiting.ts";

const SIZE = 4 * 1024 * 1024;
const OLD = 0x6f;
const NEW = 0x6e;
const GIB = 1024 ** 3;
const HUGE = 4 * GIB + 100_003;
const WINDOW_BYTES = 2 ** 31 - 1;

/** What is said of a file that changes while several ranges of it are sent. */
const OF_CHANGED_FILES = /The file (?:ended|was written to)/;

/** Serves `site` from the disk while `test` runs. */
async function withSite(
  site: Site,
  test: (port: number) => Promise<void>,
  poller?: Parameters<typeof withServer>[2],
): Promise<void> {
  const handler = staticHandler({ root: site.root, cacheFileSize: 1000 });
  try {
    await withServer({ http2: true, handler }, async ({ port, errors }) => {
      await test(port);
      assertEquals(errors.filter((line) => !OF_CHANGED_FILES.test(line)), []);
    }, poller);
  } finally {
    handler.close();
  }
}

/** Makes a file whose time is a day ago, so that a second change shows in its times. */
function renew(site: Site): string {
  site.write("new", new Uint8Array(SIZE).fill(OLD));
  Deno.utimeSync(site.path("new"), 1_700_000_000, 1_700_000_000);
  Deno.renameSync(site.path("new"), site.path("file"));
  return site.path("file");
}

function overwrite(path: string, at: number): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(at, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(SIZE - at).fill(NEW));
}

function append(path: string): void {
  Deno.writeFileSync(path, new Uint8Array(100).fill(NEW), { append: true });
}

const CUT: Readonly<Record<string, (path: string) => void>> = {
  "shrinks to nothing": (path) => Deno.truncateSync(path, 0),
  "shrinks to its half": (path) => Deno.truncateSync(path, SIZE / 2),
  "loses its last byte": (path) => Deno.truncateSync(path, SIZE - 1),
  "is overwritten": (path) => overwrite(path, 0),
  "is overwritten at its end": (path) => overwrite(path, SIZE - 10),
};
const KEPT: Readonly<Record<string, (path: string) => void>> = {
  "is removed": (path) => Deno.removeSync(path),
  "is replaced": (path) => {
    Deno.writeFileSync(`${path}.new`, new Uint8Array(SIZE).fill(NEW));
    Deno.renameSync(`${path}.new`, path);
  },
  "is touched": (path) => Deno.utimeSync(path, 1_700_000_100, 1_700_000_100),
};
const REQUESTS: readonly Line[][] = [[], [["range", `bytes=1000-${SIZE - 1}`]], [[
  "range",
  `bytes=0-99,1000-${SIZE - 1}`,
]]];
/** What the heads of two ranges take at most. */
const HEADS_BYTES_MAX = 1000;

onAll(
  "HTTP/2: a file that changes while it is sent resets its stream, and one whose bytes stay arrives whole",
  async (poller) => {
    using site = new Site();
    await withSite(site, async (port) => {
      const before = openDescriptors();
      for (const fields of REQUESTS) {
        for (const [what, change] of Object.entries({ ...CUT, ...KEPT })) {
          const path = renew(site);
          {
            using wire = await Http2Wire.connect(port);
            await wire.send(headers(1, getFields("/file", ...fields)));
            await wire.expect(FrameType.DATA);
            change(path);
            await wire.send(update(0, SIZE * 2), update(1, SIZE * 2));
            const response = (await wire.response(1))!;
            const isCut = what in CUT;
            assertEquals(response.reset, isCut ? ErrorCode.INTERNAL_ERROR : null, `${what} ${fields}`);
            if (isCut) assert(response.body.length < SIZE - 1000, what);
            else assert(!response.body.includes(NEW), what);
            await wire.send(headers(3, getFields("/missing")));
            assertEquals((await wire.response(3))?.fields[":status"], "404", "the connection goes on");
          }
          await Deno.remove(path).catch(() => {});
        }
      }
      await eventually(() => openDescriptors() <= before, "every file is closed");
    }, poller);
  },
);

Deno.test("HTTP/2: a file that changes before a window lets its first byte out does the same", async () => {
  using site = new Site();
  const cut: typeof CUT = {
    ...CUT,
    "is overwritten by more": (path) => {
      overwrite(path, 0);
      append(path);
    },
  };
  await withSite(site, async (port) => {
    for (const fields of REQUESTS) {
      for (const [what, change] of Object.entries({ ...cut, ...KEPT, "grows": append })) {
        const path = renew(site);
        using wire = await Http2Wire.connect(port, setting(4, 0));
        await wire.send(headers(1, getFields("/file", ...fields)));
        await wire.expect(FrameType.HEADERS);
        change(path);
        await wire.send(update(0, SIZE * 2), update(1, SIZE * 2));
        const { body, reset } = (await wire.response(1))!;
        assertEquals(reset, what in cut ? ErrorCode.INTERNAL_ERROR : null, `${what} ${fields}`);
        assert(!body.subarray(HEADS_BYTES_MAX).includes(NEW), `${what} ${fields}`);
      }
    }
  });
});

Deno.test("HTTP/2: after a change the next response has the new bytes, as over HTTP/1.1", async () => {
  using site = new Site({ "a.txt": "first", "sub/x": "x" });
  await withSite(site, async (port) => {
    using both = await BothVersions.connect({ port });
    assertEquals((await both.same({ target: "/a.txt" }, 3)).body, "first");
    for (const text of ["other", "longer than before", ""]) {
      site.write("a.txt", text);
      assertEquals((await both.askHttp2({ target: "/a.txt" }) as Reply).body, text);
      assertEquals((await both.same({ target: "/a.txt" }, 3)).body, text);
    }
    Deno.removeSync(site.path("a.txt"));
    assertEquals((await both.askHttp2({ target: "/a.txt" }) as Reply).status, 404);
    Deno.renameSync(site.path("sub"), site.path("a.txt"));
    assertEquals((await both.askHttp2({ target: "/a.txt" }) as Reply).status, 301);
    assertEquals((await both.same({ target: "/a.txt/x" }, 3)).body, "x");
  });
});

onAll(
  "HTTP/2: a client that reads slowly gets all of a file, and others are served meanwhile",
  async (poller) => {
    using site = new Site({ "file": new Uint8Array(300_000).map((_, i) => i * 31), "small": "small" });
    await withSite(site, async (port) => {
      using slow = await Http2Wire.connect(port, setting(4, 10_000));
      await slow.send(headers(1, getFields("/file")));
      const parts: Uint8Array[] = [];
      for (let received = 0; received < 300_000;) {
        const { payload } = await slow.expect(FrameType.DATA);
        parts.push(payload);
        received += payload.length;
        using other = await connectHttp2({ port });
        await other.send(headers(1, getFields("/small")));
        assertEquals((await other.response(1))?.body.length, 5);
        await sleep(2);
        await slow.send(update(1, payload.length), update(0, payload.length));
      }
      const all = new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
      assert(all.every((byte, i) => byte === ((i * 31) & 0xff)), "the bytes of the file");
    }, poller);
  },
);

/** Receives the response to the first request, frame by frame. Returns the bytes of the body, and those at `marks`. */
async function receiveHuge(connection: Deno.Conn, marks: readonly (readonly [at: number, length: number])[]) {
  const buffer = new Uint8Array(1 << 20);
  const found = marks.map(() => "");
  let kept = 0;
  let received = 0;
  let widened = WINDOW_BYTES;
  let left = 0; // of the payload of the current frame
  let type = -1;
  let isLast = false;
  const take = (bytes: Uint8Array) => {
    for (const [i, [at, length]] of marks.entries()) {
      const from = Math.max(at - received, 0);
      const to = Math.min(at + length - received, bytes.length);
      if (from < to) found[i] += new TextDecoder().decode(bytes.subarray(from, to));
    }
    received += bytes.length;
  };
  for (;;) {
    const count = await awaited(connection.read(buffer.subarray(kept)), "the next bytes");
    assert(count !== null, `the end comes after ${received} bytes`);
    const end = kept + count;
    let at = 0;
    while (at < end) {
      if (left === 0) {
        if (end - at < FRAME_HEAD_BYTES) break;
        left = (buffer[at]! << 16) | (buffer[at + 1]! << 8) | buffer[at + 2]!;
        type = buffer[at + 3]!;
        isLast = type === FrameType.DATA && (buffer[at + 4]! & 1) !== 0;
        assert(
          type !== FrameType.RST_STREAM && type !== FrameType.GOAWAY,
          `an error after ${received} bytes`,
        );
        at += FRAME_HEAD_BYTES;
      }
      const part = Math.min(left, end - at);
      if (type === FrameType.DATA) take(buffer.subarray(at, at + part));
      at += part;
      left -= part;
      if (left === 0 && isLast) return { received, found };
    }
    buffer.copyWithin(0, at, end);
    kept = end - at;
    if (widened - received < GIB) {
      widened += GIB;
      for (const stream of [0, 1]) await connection.write(update(stream, GIB));
    }
  }
}

Deno.test("HTTP/2: a file beyond 4 GiB arrives whole, and so does a range of its end", async () => {
  using site = new Site();
  const marks = [[0, "begin"], [4 * GIB - 3, "across"], [HUGE - 3, "end"]] as const;
  {
    using file = Deno.openSync(site.path("huge.bin"), { write: true, create: true });
    file.truncateSync(HUGE); // sparse: it takes no space
    for (const [offset, mark] of marks) {
      file.seekSync(offset, Deno.SeekMode.Start);
      file.writeSync(new TextEncoder().encode(mark));
    }
  }
  await withSite(site, async (port) => {
    using both = await BothVersions.connect({ port });
    const { lines } = await both.same({ method: "HEAD", target: "/huge.bin" });
    assert(lines.includes(`content-length: ${HUGE}`));
    for (const [range, text] of [[`${4 * GIB - 3}-${4 * GIB + 2}`, "across"], ["-3", "end"]] as const) {
      const reply = await both.same({ target: "/huge.bin", fields: [["Range", `bytes=${range}`]] });
      assertEquals([reply.status, reply.body], [206, text]);
    }
    const connection = await connect({ port }, "h2");
    using wire = await Http2Wire.over(connection, setting(4, WINDOW_BYTES));
    await wire.send(update(0, WINDOW_BYTES - 65_535), headers(1, getFields("/huge.bin")));
    const { received, found } = await receiveHuge(connection, marks.map(([at, mark]) => [at, mark.length]));
    assertEquals([received, found], [HUGE, marks.map(([, mark]) => mark)]);
  });
});

Deno.test("HTTP/2: the authority chooses the site; one of another certificate than the connection's gets 421", async () => {
  using made = new TestCertificates();
  const tls = [made.make({ names: ["localhost"] }), made.make({ names: ["a.test", "b.test"] })];
  using site = new Site({ "index.html": "first", "a/index.html": "of a" });
  const options = { root: site.root, hosts: new Map([["a.test", { root: site.path("a") }]]) };
  for (const secure of [{}, { tls }]) {
    const handler = staticHandler(options);
    await withServer({ http2: true, handler, ...secure }, async ({ port }) => {
      const isSecure = "tls" in secure;
      using both = await BothVersions.connect(isSecure ? { port, authority: tls[0]!.cert } : { port });
      assertEquals((await both.same({ target: "/" }, 3)).body, "first");
      for (const [host, body] of [["a.test", "of a"], ["A.TEST:80", "of a"], ["b.test", "first"]] as const) {
        const reply = await both.same({ target: "/", host }, 3);
        if (isSecure) assertEquals(reply.status, 421, host);
        else assertEquals(reply.body, body, host);
      }
      handler.close(); // before the descriptors are counted
    });
  }
});
