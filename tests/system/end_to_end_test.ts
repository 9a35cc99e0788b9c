/**
 * The program over real sockets, on each of the six pollers, started with `--allow-ffi` only.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { DENO, Program, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get, Wire } from "../support/wire.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

/** More than the sockets' buffers hold. An emulator gets less to hash. */
const LARGE_BYTES = DENO.length > 1 ? 3_000_000 : 5_000_000;

/** Returns bytes that differ from position to position, so that a wrong offset is noticed. */
function pattern(length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2654435761);
  return new Uint8Array(words.buffer, 0, length);
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes)));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const large = pattern(LARGE_BYTES);

for (const poller of USABLE_POLLERS) {
  Deno.test(`on ${poller} the program serves real clients`, async (t) => {
    using site = new Site({ "index.html": "<p>index</p>", "small.txt": "small", "large.bin": large });
    await using program = await Program.start(site.root, ["--poller", poller]);
    const { port } = program;

    await t.step("GET, HEAD, a missing file and a refused method on one connection", async () => {
      using wire = await Wire.connect(port);
      await wire.send(get("/"));
      assertEquals((await wire.expect()).text, "<p>index</p>");
      await wire.send("HEAD /small.txt HTTP/1.1\r\nHost: x\r\n\r\n");
      const head = await wire.expect(true);
      assertEquals([head.status, head.fields["content-length"]], [200, "5"]);
      await wire.send(get("/missing"));
      assertEquals((await wire.expect()).status, 404);
      await wire.send("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n");
      const refused = await wire.expect();
      assertEquals([refused.status, refused.fields.allow], [405, "GET, HEAD, OPTIONS"]);
      await wire.send(get("/small.txt"));
      assertEquals((await wire.expect()).text, "small");
    });

    await t.step("a head that arrives byte by byte", async () => {
      using wire = await Wire.connect(port);
      for (const byte of get("/small.txt")) await wire.send(byte);
      assertEquals((await wire.expect()).text, "small");
    });

    await t.step("1,000 pipelined requests, answered in order", async () => {
      using wire = await Wire.connect(port);
      const sending = wire.send((get("/small.txt") + get("/missing")).repeat(500));
      for (let i = 0; i < 500; i++) {
        assertEquals((await wire.expect()).text, "small");
        assertEquals((await wire.expect()).status, 404);
      }
      await sending;
    });

    await t.step("a client that ends its half at once gets the whole response, small and large", async () => {
      for (
        const [path, wanted] of [["/small.txt", new TextEncoder().encode("small")], [
          "/large.bin",
          large,
        ]] as const
      ) {
        using wire = await Wire.connect(port);
        await wire.send(get(path));
        await wire.endInput();
        assertEquals(await digest((await wire.expect()).body), await digest(wanted));
        assert(await wire.isClosed());
      }
    });

    await t.step("a large file to a slow reader and to fast ones at once", async () => {
      const wanted = await digest(large);
      const download = async (pauseMs: number) => {
        using wire = await Wire.connect(port);
        await wire.send(get("/large.bin"));
        await sleep(pauseMs);
        assertEquals(await digest((await wire.expect()).body), wanted);
      };
      await Promise.all([
        download(300),
        ...Array.from({ length: DENO.length > 1 ? 2 : 8 }, () => download(0)),
      ]);
    });

    await t.step("200 clients at once, each with several requests", async () => {
      const clients = Array.from({ length: 200 }, async (_, i) => {
        using wire = await Wire.connect(port);
        for (let k = 0; k < 5; k++) {
          await wire.send(get(i % 2 === 0 ? "/small.txt" : "/"));
          assertEquals((await wire.expect()).text, i % 2 === 0 ? "small" : "<p>index</p>");
        }
      });
      await Promise.all(clients);
    });

    await t.step("clients that leave in the middle of a response do not disturb others", async () => {
      for (let i = 0; i < 20; i++) {
        const wire = await Wire.connect(port);
        await wire.send(get("/large.bin").repeat(3));
        wire[Symbol.dispose](); // unread bytes: the kernel resets
      }
      assertEquals((await exchange(port, get("/small.txt"))).text, "small");
    });

    await t.step(
      "a refused request is answered, and the client can read it while it is still sending",
      async () => {
        using wire = await Wire.connect(port);
        await wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n");
        const sending = wire.send(new Uint8Array(3_000_000));
        assertEquals((await wire.expect()).status, 413);
        await sending;
        await wire.endInput();
        assert(await wire.isClosed());
      },
    );

    await t.step(
      "at SIGTERM during a download the program finishes it, then ends with 0",
      async () => {
        using idle = await Wire.connect(port);
        await idle.send(get("/")); // a silent client may not even be accepted yet (TCP_DEFER_ACCEPT)
        await idle.expect();
        using wire = await Wire.connect(port);
        await wire.send(get("/large.bin"));
        await sleep(100);
        program.kill("SIGTERM");
        await sleep(100);
        assertEquals(await digest((await wire.expect()).body), await digest(large));
        wire[Symbol.dispose](); // its end is waited for
        assert(await idle.isClosed());
        const { code, stderr } = await program.finish();
        const unexpected = stderr.split("\n").filter((line) =>
          line !== "" && !line.includes("openat2(2) is missing")
        );
        assertEquals([code, unexpected], [0, []]); // qemu 7 lacks openat2, for which the program prints a warning
      },
    );
  });
}
