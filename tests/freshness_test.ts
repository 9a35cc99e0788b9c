/**
 * Never stale, never truncated: what was changed before a request was sent is what the request gets.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { CACHE_SETTLE_SECONDS, CACHED_FILE_BYTES_MAX } from "../server/limits.ts";
import { Program, Site } from "./support/program.ts";
import { get, Wire } from "./support/wire.ts";

const ROUNDS = 2000;

/** Makes a file old enough to be kept in memory: its ctime cannot be set, only waited for. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, (CACHE_SETTLE_SECONDS + 1.1) * 1000));
}

async function text(wire: Wire, target: string): Promise<string> {
  await wire.send(get(target));
  const { status, text } = await wire.expect();
  return status === 200 ? text : String(status);
}

Deno.test(`a request sent after write, rename, unlink or truncate sees it, ${ROUNDS} times in a row`, async () => {
  using site = new Site({ "a.txt": "start" });
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  for (let i = 0; i < ROUNDS; i++) {
    const content = String(i).padStart(8, "0"); // the same size each time
    switch (i % 4) {
      case 0:
        Deno.writeTextFileSync(site.path("a.txt"), content);
        assertEquals(await text(wire, "/a.txt"), content);
        break;
      case 1:
        Deno.writeTextFileSync(site.path("b.txt"), content);
        Deno.renameSync(site.path("b.txt"), site.path("a.txt"));
        assertEquals(await text(wire, "/a.txt"), content);
        break;
      case 2:
        Deno.truncateSync(site.path("a.txt"), 3);
        assertEquals(await text(wire, "/a.txt"), String(i - 1).padStart(8, "0").slice(0, 3));
        break;
      default:
        Deno.removeSync(site.path("a.txt"));
        assertEquals(await text(wire, "/a.txt"), "404");
    }
  }
});

Deno.test("a file that is kept in memory is dropped when it, its link or its directory changes", async () => {
  const files = {
    "w": "1",
    "r": "1",
    "u": "1",
    "t": "1234",
    "v1/x": "one",
    "v2/x": "two",
    "d/x": "one",
    "e/x": "two",
  };
  using site = new Site({ ...files, "i/index.html": "index" });
  Deno.symlinkSync("v1", site.path("current"));
  await settle();
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  const targets = ["/w", "/r", "/u", "/t", "/current/x", "/d/x", "/i/"];
  for (let i = 0; i < 3; i++) for (const target of targets) await text(wire, target);
  site.write("w", "2");
  assertEquals(await text(wire, "/w"), "2");
  site.write("r2", "2");
  Deno.renameSync(site.path("r2"), site.path("r"));
  assertEquals(await text(wire, "/r"), "2");
  Deno.removeSync(site.path("u"));
  assertEquals(await text(wire, "/u"), "404");
  Deno.truncateSync(site.path("t"), 2);
  assertEquals(await text(wire, "/t"), "12");
  Deno.symlinkSync("v2", site.path("next"));
  Deno.renameSync(site.path("next"), site.path("current"));
  assertEquals(await text(wire, "/current/x"), "two");
  Deno.renameSync(site.path("d"), site.path("away"));
  assertEquals(await text(wire, "/d/x"), "404");
  Deno.renameSync(site.path("e"), site.path("d"));
  assertEquals(await text(wire, "/d/x"), "two");
  Deno.removeSync(site.path("i/index.html"));
  assertEquals(await text(wire, "/i/"), "404");
  Deno.chmodSync(site.path("w"), 0o000);
  const status = await text(wire, "/w");
  assert(status === "403" || Deno.uid() === 0, "root may read what nobody may");
});

Deno.test("the same file is served at the same speed from memory after it settled: one statx, no open", async () => {
  const hasStrace = new Deno.Command("sh", { args: ["-c", "command -v strace"] }).outputSync().success;
  if (!hasStrace) {
    return console.log("skipped: strace is not installed, so that system calls cannot be counted");
  }
  using site = new Site({ "a.txt": "a" });
  await settle();
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  await text(wire, "/a.txt");
  const trace = new Deno.Command("strace", {
    args: [
      "-f",
      "-e",
      "trace=openat,openat2,statx,pread64,sendto",
      "-o",
      site.path("trace"),
      "-p",
      String(program.pid),
    ],
    stderr: "piped",
  }).spawn();
  const stderr = trace.stderr.getReader();
  await stderr.read(); // "attached"
  for (let i = 0; i < 10; i++) await text(wire, "/a.txt");
  trace.kill("SIGINT");
  await stderr.cancel();
  await trace.status;
  const calls = Deno.readTextFileSync(site.path("trace"));
  const lines = calls.split("\n");
  const count = (call: string) => lines.filter((line) => line.includes(call)).length;
  assertEquals([count(" openat2("), count(" pread64("), count(" sendto(")], [0, 0, 10], calls);
  assertEquals(count('"a.txt"'), 10, calls); // Deno itself opens a file of its own now and then
});

Deno.test("a large file that shrinks while it is sent ends the connection; its length is never a lie", async () => {
  using site = new Site({ "large.bin": new Uint8Array(32 * CACHED_FILE_BYTES_MAX) });
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  await wire.send(get("/large.bin") + get("/large.bin"));
  await new Promise((resolve) => setTimeout(resolve, 200)); // the socket's buffers are full now
  Deno.truncateSync(site.path("large.bin"), 1000);
  let failure = "";
  try {
    await wire.expect();
  } catch (error) {
    failure = String(error);
  }
  assert(/cut off|reset/.test(failure), `expected a broken connection, got ${failure || "a whole answer"}`);
});

Deno.test("a file that is replaced while it is sent arrives whole, as it was when the answer began", async () => {
  const old = new Uint8Array(16 * CACHED_FILE_BYTES_MAX).fill(1);
  using site = new Site({ "large.bin": old });
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  await wire.send(get("/large.bin"));
  await new Promise((resolve) => setTimeout(resolve, 200));
  site.write("new.bin", new Uint8Array(1000).fill(2));
  Deno.renameSync(site.path("new.bin"), site.path("large.bin"));
  const { body } = await wire.expect();
  assertEquals(body.length, old.length);
  assert(body.every((byte) => byte === 1));
  await wire.send(get("/large.bin"));
  assertEquals((await wire.expect()).body.length, 1000);
});
