/**
 * Archives of large folders, and the clients that take them: slow ones, many, and ones that leave.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FOLDERS_OF_NETWORK_MAX } from "../../handlers/site/limits.ts";
import { openIn } from "../support/open_files.ts";
import { FORMATS } from "../support/folders.ts";
import { ServedSite } from "../support/served_site.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";
import { get, Wire } from "../support/wire.ts";

const GIB = 2 ** 30;
/** What the sockets of both sides hold at most. */
const SOCKETS_BYTES_MAX = 16 * 2 ** 20;

/** Serves a folder of a GiB, which takes no room on the disk, with text and other files. */
function serveLarge(): Promise<ServedSite> {
  return ServedSite.start(
    { "small.txt": "small" },
    { args: ["--archive", "--send-timeout", "60"] },
    (site) => {
      Deno.mkdirSync(site.path("d"));
      for (const name of ["a.bin", "b.bin"]) {
        using file = Deno.createSync(site.path(`d/${name}`));
        file.truncateSync(GIB / 2);
      }
    },
  );
}

/** Asks for the archive of the large folder, and waits for the first bytes. */
async function begin(served: ServedSite, format: string): Promise<Wire> {
  const wire = await Wire.connect(served.port);
  await wire.send(get(`/d/?archive=${format}`));
  await wire.arrival();
  return wire;
}

/** The bytes that a process has read from files and sockets. */
function readBytes({ pid }: { readonly pid: number }): number {
  return Number(/^rchar: (\d+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/io`))![1]);
}

function residentBytes({ pid }: { readonly pid: number }): number {
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
}

/** The large files that a process has open. */
function largeIn({ pid }: { readonly pid: number }): string[] {
  return openIn(pid).map(({ name }) => name).filter((name) => name.endsWith(".bin"));
}

Deno.test("a client that does not read gets no more read for it than sockets hold; one that leaves ends the work", async () => {
  await using served = await serveLarge();
  const { program } = served;
  const before = [readBytes(program), residentBytes(program)] as const;
  const wire = await begin(served, "zip");
  let last = -1;
  await eventually(async () => {
    const now = readBytes(program);
    await sleep(200); // nothing is read meanwhile
    const isStill = now === last && readBytes(program) === now;
    last = now;
    return isStill;
  }, "the server to stop reading");
  assert(last - before[0] < SOCKETS_BYTES_MAX, `${last - before[0]} bytes were read`);
  assert(
    residentBytes(program) - before[1] < 48 * 2 ** 20,
    `${residentBytes(program) - before[1]} bytes of memory`,
  );
  assertEquals(largeIn(program).length, 1, "one file at a time is open");
  assertEquals(await served.say("/small.txt"), "200 small");
  wire[Symbol.dispose]();
  await eventually(() => largeIn(program).length === 0, "the file to be closed");
});

Deno.test("archives beyond the bound are 503 with Retry-After, HEAD is not; a place is free again when a client leaves", async () => {
  await using served = await serveLarge();
  const wires: Wire[] = [];
  while (wires.length < FOLDERS_OF_NETWORK_MAX) wires.push(await begin(served, FORMATS[wires.length % 2]!));
  for (let i = 0; i < 3; i++) {
    const { status, fields } = await served.ask(get("/d/?archive=zip"));
    assertEquals([status, fields["retry-after"]], [503, "5"]);
  }
  assertEquals((await served.ask(get("/d/?archive=zip").replace("GET", "HEAD"))).status, 200);
  assertEquals(await served.say("/small.txt"), "200 small");
  wires.pop()![Symbol.dispose]();
  await eventually(async () => {
    using wire = await begin(served, "zip");
    const bytes = await wire.some();
    return new TextDecoder().decode(bytes!.subarray(0, 12)) === "HTTP/1.1 200";
  }, "a free place");
  for (const wire of wires) wire[Symbol.dispose]();
});
