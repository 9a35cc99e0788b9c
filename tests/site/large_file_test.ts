/**
 * Files beyond 4 GiB, whose offsets do not fit into 32 bits.
 * @module
 */
import { assertEquals } from "@std/assert";
import { Program, Site } from "../support/program.ts";
import { exchange, get, Wire } from "../support/wire.ts";
import { awaited } from "../support/waiting.ts";

const GIB = 1024 ** 3;
const SIZE = 4 * GIB + 100_003;

Deno.test("a file beyond 4 GiB arrives whole, and a range of its end is its end", async () => {
  using site = new Site();
  const path = site.path("huge.bin");
  const marks: [number, string][] = [[0, "begin"], [4 * GIB - 3, "across"], [SIZE - 3, "end"]];
  {
    using file = Deno.openSync(path, { write: true, create: true });
    file.truncateSync(SIZE); // sparse: it takes no space
    for (const [offset, mark] of marks) {
      file.seekSync(offset, Deno.SeekMode.Start);
      file.writeSync(new TextEncoder().encode(mark));
    }
  }
  await using program = await Program.start(site.root);
  const head = await exchange(program.port, "HEAD /huge.bin HTTP/1.1\r\nHost: x\r\n\r\n", true);
  assertEquals(head.fields["content-length"], String(SIZE));
  const range = await exchange(program.port, get("/huge.bin", `Range: bytes=${4 * GIB - 3}-${4 * GIB + 2}`));
  assertEquals([range.status, range.text], [206, "across"]);
  assertEquals((await exchange(program.port, get("/huge.bin", "Range: bytes=-3"))).text, "end");

  using wire = await Wire.connect(program.port);
  await wire.send(get("/huge.bin"));
  const chunk = new Uint8Array(1 << 20);
  let received = -1; // −1 until the first bytes, with the head, have arrived
  const found = new Map<number, string>();
  while (received < SIZE) {
    const count = await awaited(wire.connection.read(chunk), "the next bytes");
    if (count === null) break;
    let bytes = chunk.subarray(0, count);
    if (received < 0) {
      bytes = bytes.subarray(new TextDecoder("latin1").decode(bytes).indexOf("\r\n\r\n") + 4);
      received = 0;
    }
    for (const [offset, mark] of marks) { // which bytes of which mark are in this chunk
      for (let i = 0; i < mark.length; i++) {
        const at = offset + i - received;
        if (at >= 0 && at < bytes.length) {
          found.set(offset, (found.get(offset) ?? "") + String.fromCharCode(bytes[at]!));
        }
      }
    }
    received += bytes.length;
  }
  assertEquals(received, SIZE);
  assertEquals([...found], marks);
});
