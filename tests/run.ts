/**
 * Runs tests with `deno test`, several processes side by side. A test that exceeds its deadline is named and ended
 * with all processes that it started, and the run fails. The watch is kept by this separate process, because a test
 * that hangs in the kernel stops everything in its own process.
 *
 *     deno run -A tests/run.ts [--fast] [--deadline=SECONDS] [--lanes=COUNT] [FILES AND FLAGS OF `deno test`]
 *
 * Without files it runs all. `--fast` leaves out the tests that start a process or open a network socket.
 * `--deadline` is for tests that set none of their own (`patient`). `--lanes` is the number of processes that run
 * tests at a time; by default one more than there are processors, and further ones while tests only wait and leave
 * processors idle.
 * @module
 */
import { DEADLINE_SECONDS, START_SECONDS } from "./support/deadline.ts";
import { DENO } from "./support/deno.ts";
import { FAST_FLAGS, isFast } from "./support/fast_tests.ts";
import { IdleTime } from "./support/idle_time.ts";
import { endTree } from "./support/process.ts";
import { REPOSITORY } from "./support/site.ts";
import { LOCK, TestProcess } from "./support/test_process.ts";

const LOOK_INTERVAL_MS = 250;
/** More lanes would slow each other down, because many tests start servers and clients of their own. */
const LANES_MAX = 4;
/** Lanes beside those, for tests that wait. They begin when the processors are idle for {@linkcode IDLE_SHARE_MIN}. */
const EXTRA_LANES_MAX = 3;
const IDLE_SHARE_MIN = 0.2;
/** For so long the idle time is counted: a single test may wait for a moment. */
const IDLE_LOOK_MS = 3000;
/** At most so many files run in one process. Their number decides how soon a lane can end. */
const FILES_MAX = 8;
/** Tests that ask for more time take the longest, so they begin first, and no lane is left alone with one. */
const LONG = /\bpatient\(/;
/** Exit statuses after a signal: 128 plus the number of the signal. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

const isFastRun = Deno.args.includes("--fast");
const flags: string[] = isFastRun ? [...FAST_FLAGS] : [];
const paths: string[] = [];
const own = { deadline: DEADLINE_SECONDS, lanes: 0 };
for (const arg of Deno.args) {
  if (arg === "--fast") continue;
  const [, name, value] = /^--(deadline|lanes)=(\d+(?:\.\d+)?)$/.exec(arg) ?? [];
  if (name !== undefined) own[name as keyof typeof own] = Number(value);
  else (arg.startsWith("-") ? flags : paths).push(arg);
}
const isWholeRun = paths.length === 0;
if (isWholeRun) paths.push(import.meta.dirname!);

/** Returns the test files at or below `path`, sorted by name. */
function filesOf(path: string): string[] {
  let stat: Deno.FileInfo;
  try {
    stat = Deno.statSync(path);
  } catch (error) {
    const { message } = error as Error;
    console.error(`${path}: ${message.split(" (")[0]}; expected a file of tests, or a directory with some`);
    return Deno.exit(2);
  }
  if (!stat.isDirectory) return [path];
  const entries = [...Deno.readDirSync(path)].sort((one, other) => one.name < other.name ? -1 : 1);
  return entries.flatMap(({ name, isDirectory }) =>
    isDirectory ? filesOf(`${path}/${name}`) : name.endsWith("_test.ts") ? [`${path}/${name}`] : []
  );
}

// A server watches the npx that started it. The servers of the tests must not watch the npx of this run.
Deno.env.delete("npm_lifecycle_event");

const startedMs = performance.now();
const waiting = paths.flatMap(filesOf).filter((file) => !isFastRun || isFast(Deno.realPathSync(file)));
/** Lanes that always run; without `--lanes` there may be more. */
const lanes = Math.max(
  1,
  Math.min(Math.floor(own.lanes) || Math.min(navigator.hardwareConcurrency + 1, LANES_MAX), waiting.length),
);
const lanesMax = Math.min(own.lanes === 0 ? lanes + EXTRA_LANES_MAX : lanes, waiting.length);
const long = waiting.filter((file) => LONG.test(Deno.readTextFileSync(file)));
const short = waiting.filter((file) => !long.includes(file));
const running = new Set<TestProcess>();
const failures: string[] = [];
const counts = new Map<string, number>();
let status = 0;
let check: Deno.ChildProcess | null = null;

function print(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

function end(status: number): never {
  if (check !== null) endTree(check.pid);
  for (const process of running) process.end();
  return Deno.exit(status);
}

for (const [signal, status] of Object.entries(SIGNALS)) {
  Deno.addSignalListener(signal as keyof typeof SIGNALS, () => end(status));
}

function fail(what: string): never {
  for (const { progress } of running) print(progress.rest());
  print(`\n\nFAILED: ${what}\n`);
  return end(1);
}

/**
 * Checks the types once, so that the processes do not each do it. A run of all tests checks all modules, for which Deno
 * remembers an earlier check.
 */
async function checkTypes(): Promise<void> {
  if (flags.some((flag) => flag.startsWith("--no-check"))) return;
  const [program, ...words] = DENO;
  check = new Deno.Command(program, {
    args: [...words, "check", `--lock=${LOCK}`, ...(isWholeRun ? [] : waiting)],
    cwd: isWholeRun ? REPOSITORY : Deno.cwd(),
    stdin: "null",
  }).spawn();
  const timer = setTimeout(
    () => fail(`the check of types is over its deadline of ${START_SECONDS} s`),
    START_SECONDS * 1000,
  );
  const { code } = await check.status;
  clearTimeout(timer);
  check = null;
  if (code !== 0) end(code);
  flags.push("--no-check");
}

/**
 * Returns the next files for a lane: one that takes long, or several. Those lists get shorter towards the end, so that all
 * lanes end at about the same time.
 */
function nextFiles(): string[] {
  if (lanesMax === 1) return waiting.splice(0);
  if (long.length > 0) return long.splice(0, 1);
  return short.splice(0, Math.min(Math.ceil(short.length / (2 * lanes)), FILES_MAX));
}

async function runLane(): Promise<void> {
  for (let files = nextFiles(); files.length > 0; files = running.size < lanes ? nextFiles() : []) {
    const process = new TestProcess(files, flags);
    const { progress } = process;
    running.add(process);
    const code = await process.run((text) => {
      const ended = progress.take(text);
      print(lanesMax === 1 ? text : ended);
    });
    if (lanesMax > 1) print(progress.rest());
    running.delete(process);
    if (code !== 0) status = code;
    failures.push(...progress.failures);
    for (const [what, count] of progress.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  }
}

/** Runs lanes until all files have run. */
async function runLanes(): Promise<void> {
  const ends = new Set<Promise<void>>();
  const begin = () => {
    const end = runLane().finally(() => ends.delete(end));
    ends.add(end);
  };
  for (let lane = 0; lane < lanes; lane++) begin();
  const idle = new IdleTime();
  const timer = setInterval(() => {
    if (idle.take() >= IDLE_SHARE_MIN && running.size < lanesMax) begin();
  }, IDLE_LOOK_MS);
  while (ends.size > 0) await Promise.race(ends);
  clearInterval(timer);
}

await checkTypes();
setInterval(() => {
  for (const process of running) {
    const what = process.overdue(own.deadline);
    if (what !== null) fail(what);
  }
}, LOOK_INTERVAL_MS);
await runLanes();

if (failures.length > 0) print(`\nFAILURES\n\n${failures.map((failure) => failure + "\n").join("")}`);
const sum = ["passed", "failed", "ignored", "filtered out"]
  .filter((what) => what === "passed" || what === "failed" || counts.get(what) !== undefined)
  .map((what) => `${counts.get(what) ?? 0} ${what}`);
const seconds = Math.round((performance.now() - startedMs) / 1000);
print(`\n${status === 0 ? "ok" : "FAILED"} | ${sum.join(" | ")} (all files, ${seconds} s)\n`);
Deno.exit(status);
