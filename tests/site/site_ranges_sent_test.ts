/**
 * How parts of files are sent: in order, unchanged, and without a copy for each client.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { STREAM_READ_BYTES } from "../../handlers/site/limits.ts";
import { eventually } from "../support/descriptors.ts";
import { partsOf } from "../support/multipart.ts";
import { Program, Site } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const MIB = 1024 * 1024;

Deno.test("parts and ranges are sent on a persistent connection, in the order of their requests", async () => {
  const content = new Uint8Array(1_200_000).map((_, i) => i * 7 + (i >> 8));
  using site = new Site({ "a.bin": content, "digits.txt": "0123456789" });
  for (const args of [["--cache-file-size", "2M"], []]) {
    await using program = await Program.start(site.root, args);
    using wire = await Wire.connect(program.port);
    const ranges = [["0-1", "3-1000000"], ["100000-1099999"], ["5-5", "9-9", "70000-900000"]];
    const order = [0, 1, 2, 2, 1, 0, 0];
    for (let round = 0; round < 2; round++) {
      await wire.send(
        order.map((i) => get("/a.bin", `Range: bytes=${ranges[i]}`) + get("/digits.txt")).join(""),
      );
      for (const i of order) {
        const answer = await wire.expect();
        const bodies = ranges[i]!.length === 1
          ? [{ start: 100_000, last: 1_099_999, body: answer.body }]
          : partsOf(answer);
        assertEquals(bodies.map(({ start, last }) => `${start}-${last}`), ranges[i]);
        for (const { start, last, body } of bodies) {
          const expected = content.subarray(start, last + 1);
          assert(
            body.length === expected.length && body.every((byte, k) => byte === expected[k]),
            `${start}`,
          );
        }
        assertEquals((await wire.expect()).text, "0123456789");
      }
    }
    await wire.send("GET /a.bin HTTP/1.0\r\nRange: bytes=0-1,3-3\r\n\r\n");
    const old = await wire.expect();
    assertEquals([partsOf(old).length, old.fields.connection], [2, "close"]);
    assert(await wire.isClosed());
  }
});

Deno.test("parts of any length are whole, also if they end at the end of a read", async () => {
  const step = STREAM_READ_BYTES;
  const lengths = [1, step - 1, step, step + 1, 2 * step - 1, 2 * step, 2 * step + 1];
  const content = new Uint8Array(20 * step).map((_, i) => i * 7 + (i >> 8));
  using site = new Site({ "a.bin": content });
  for (const args of [["--cache-file-size", "2M"], []]) {
    await using program = await Program.start(site.root, args);
    let start = 3;
    const ranges = lengths.map((length) => {
      const range = `${start}-${start + length - 1}`;
      start += length + 1;
      return range;
    });
    const parts = partsOf(await exchange(program.port, get("/a.bin", `Range: bytes=${ranges}`)));
    assertEquals(parts.map(({ body }) => body.length), lengths);
    for (const { start, last, body } of parts) assertEquals(body, content.subarray(start, last + 1));
  }
});

Deno.test("a file that shrinks while parts of it are sent ends the connection; one that is replaced arrives in its old state", async () => {
  const size = 12 * MIB; // more than the sockets' buffers hold
  using site = new Site({ "a.bin": new Uint8Array(size).fill(1), "b.bin": new Uint8Array(size).fill(1) });
  const cached = ["--cache-file-size", "12M"];
  for (const args of [[], cached]) {
    site.write("a.bin", new Uint8Array(size).fill(1));
    await using program = await Program.start(site.root, args);
    const begun = async (target: string) => {
      const wire = await Wire.connect(program.port);
      await wire.send(get(target, "Range: bytes=0-0,2-"));
      await wire.arrival();
      return wire;
    };
    using shrinking = await begun("/a.bin");
    using replaced = await begun("/b.bin");
    Deno.truncateSync(site.path("a.bin"), 1000);
    site.write("new.bin", new Uint8Array(size).fill(2));
    Deno.renameSync(site.path("new.bin"), site.path("b.bin"));
    const rest = partsOf(await replaced.expect())[1]!;
    assertEquals([rest.start, rest.last], [2, size - 1]);
    assert(rest.body.every((byte) => byte === 1), "as it was when the answer began");
    let failure = "";
    try {
      const rest = partsOf(await shrinking.expect())[1]!;
      assert(rest.body.every((byte) => byte === 1)); // it was in memory
    } catch (error) {
      failure = String(error);
    }
    if (args === cached) assertEquals(failure, "");
    else assert(/cut off|reset/.test(failure), failure || "a whole answer");
    assertEquals((await exchange(program.port, get("/a.bin"))).body.length, 1000);
    assertNotEquals((await exchange(program.port, get("/b.bin", "Range: bytes=5-5"))).body[0], 1);
    site.write("b.bin", new Uint8Array(size).fill(1));
  }
});

Deno.test("clients that request nearly all of a file in memory and do not read cost no copy of it each", async () => {
  const size = 8 * MIB;
  const count = 100;
  using site = new Site({ "a.bin": new Uint8Array(size) });
  await using program = await Program.start(site.root, ["--cache-file-size", "8M"]);
  for (const range of ["2-", "0-0,2-"]) {
    await exchange(program.port, get("/a.bin"));
    const residentMib = () => {
      const status = Deno.readTextFileSync(`/proc/${program.pid}/status`);
      return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) / 1024;
    };
    const descriptors = () => Array.from(Deno.readDirSync(`/proc/${program.pid}/fd`)).length;
    const [before, open] = [residentMib(), descriptors()];
    const clients: RawClient[] = [];
    try {
      for (let i = 0; i < count; i++) {
        const client = await RawClient.connect(program.port, 4096);
        clients.push(client);
        await client.send(get("/a.bin", `Range: bytes=${range}`));
        await client.receive(new Uint8Array(10));
      }
      await exchange(program.port, get("/a.bin", "Range: bytes=0-0"));
      const grown = residentMib() - before;
      // All copies would be 800 MiB, of which the kernel takes a part into its buffers.
      assert(grown < 150, `${Math.round(grown)} MiB more for ${count} clients (${range})`);
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
    await eventually(() => descriptors() <= open, "descriptors are left open");
  }
});

Deno.test("an empty file on disk is answered at once, without waiting for more data", async () => {
  using site = new Site({ "empty": "" });
  await using program = await Program.start(site.root, ["--cache-size", "0"]);
  using wire = await Wire.connect(program.port);
  const startMs = performance.now();
  for (let i = 0; i < 50; i++) { // the kernel holds data for 200 ms when more is announced
    await wire.send(get("/empty"));
    assertEquals((await wire.expect()).body.length, 0);
  }
  assert(performance.now() - startMs < 8000);
});
