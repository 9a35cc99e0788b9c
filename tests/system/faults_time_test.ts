/**
 * Irregular time: a clock that jumps by years, back and forth, and a process that is stopped. Every byte of the
 * downloads is right, and nothing that was in time is late.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { staticHandler } from "../../handlers/static.ts";
import { Downloads } from "../faults/downloads.ts";
import { compileLibrary } from "../support/c_compiler.ts";
import { IS_EMULATED, Program, programCommand, REPOSITORY, Site } from "../support/program.ts";
import { withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";

const YEAR_SECONDS = 365 * 86400;
/** The jumps relative to the true time, in seconds; also to the end of 31 bits, and past it. */
const JUMPS_SECONDS = [5, -5, 1, -1, 17, -30].map((years) => years * YEAR_SECONDS);
const JUMP_EVERY_MS = 60;

/** Lets the clock jump until the downloads are over, and returns how often it did. */
async function jump(downloads: Downloads, set: (seconds: number) => void): Promise<number> {
  let jumps = 0;
  while (!downloads.isOver) {
    await sleep(JUMP_EVERY_MS);
    set(JUMPS_SECONDS[jumps++ % JUMPS_SECONDS.length]!);
  }
  return jumps;
}

/** Returns a check that dates follow the clock: each has to be that of one of its settings. */
function dates(startMs: number): { check(date: string): void; years: Set<number> } {
  const years = new Set<number>();
  const check = (date: string) => {
    const now = startMs + (performance.now() - startedMs);
    const near = [0, ...JUMPS_SECONDS].find((shift) =>
      Math.abs(Date.parse(date) - now - shift * 1000) < 5000
    );
    assert(near !== undefined, `${date} is no time that the clock had`);
    years.add(near);
  };
  const startedMs = performance.now();
  return { check, years };
}

Deno.test("a clock that jumps by years changes no byte of a download and cuts off no client, and the dates follow it", async () => {
  using downloads = new Downloads();
  using elsewhere = new Site();
  const library = elsewhere.path("shifted_clock.so");
  if (IS_EMULATED) return console.log("SKIPPED: the emulator's clock is not shifted");
  if (!await compileLibrary(`${REPOSITORY}tests/faults/shifted_clock.c`, library)) return;
  const shiftFile = elsewhere.path("shift");
  const set = (seconds: number) => {
    using file = Deno.openSync(shiftFile, { write: true, create: true });
    file.writeSync(new Uint8Array(BigInt64Array.of(BigInt(seconds)).buffer));
  };
  set(0);
  const command = ["env", `LD_PRELOAD=${library}`, `SHIFT_FILE=${shiftFile}`];
  const args = ["--port", "0", "--root", downloads.site.root, "--no-config"];
  await using program = await Program.startCommand([...command, ...programCommand(args)]);
  const { check, years } = dates(Date.now());
  const [asked, jumps] = await Promise.all([
    downloads.ask(program.port, check),
    jump(downloads, set),
    downloads.run(program.port),
  ]);
  assert(asked > 20 && jumps > 5 && years.size > 4, `${asked} ${jumps} ${years.size}`);
  set(0);
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test("the clock of a server in this process may jump, too", async () => {
  using downloads = new Downloads();
  const handler = staticHandler({ root: downloads.site.root });
  const trueNow = Date.now;
  let shiftMs = 0;
  const { check, years } = dates(Date.now());
  Date.now = () => trueNow() + shiftMs;
  try {
    await withServer({ handler }, async ({ port, errors }) => {
      await Promise.all([
        downloads.ask(port, check),
        jump(downloads, (seconds) => shiftMs = seconds * 1000),
        downloads.run(port),
      ]);
      assertEquals(errors, []);
    });
  } finally {
    Date.now = trueNow;
    handler.close();
  }
  assert(years.size > 4, String(years.size));
});

Deno.test("a program that is stopped and continued, again and again, sends every byte right and cuts off no client", async () => {
  using downloads = new Downloads();
  await using program = await Program.start(downloads.site.root, ["--no-config"]);
  const stop = async () => {
    await sleep(100);
    for (const ms of [2000, 150, 150, 150]) {
      program.kill("SIGSTOP");
      await sleep(ms);
      program.kill("SIGCONT");
      await sleep(50);
    }
    assertEquals(downloads.isOver, false, "the downloads were over before they could be disturbed");
  };
  const [asked] = await Promise.all([downloads.ask(program.port), stop(), downloads.run(program.port)]);
  assert(asked > 10);
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});
