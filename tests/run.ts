/**
 * Runs tests by `deno test`, and ends them where one takes longer than its deadline: says which, ends it and all
 * processes that it started, and fails. It watches from a process of its own, since a test that hangs in the kernel
 * stops everything in its own.
 *
 *     deno run -A tests/run.ts [--deadline=SECONDS] [FILES AND FLAGS OF `deno test`]
 *
 * Without files it runs all. `--deadline` is that of a test which does not say its own (`patient`).
 * @module
 */
import { DEADLINE_SECONDS, PATIENCE_VARIABLE, START_SECONDS } from "./support/deadline.ts";
import { DENO } from "./support/deno.ts";
import { endTree } from "./support/process.ts";
import { TestProgress } from "./support/test_progress.ts";

const LOOK_INTERVAL_MS = 250;
/** How long the rest of the output is waited for, once the tests have ended. */
const OUTPUT_PATIENCE_MS = 5000;
/** Exit statuses of what a signal ends: 128 and its number. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

const DEADLINE = /^--deadline=(\d+(?:\.\d+)?)$/;
const given = Deno.args.flatMap((arg) => DEADLINE.exec(arg)?.[1] ?? []);
const deadlineSeconds = given.length > 0 ? Number(given[0]) : DEADLINE_SECONDS;
const args = Deno.args.filter((arg) => !DEADLINE.test(arg));
if (args.every((arg) => arg.startsWith("-"))) args.push(new URL(".", import.meta.url).pathname);

const patienceFile = Deno.makeTempFileSync({ prefix: "epollet-test-" });
const [program, ...words] = DENO;
const tests = new Deno.Command(program, {
  args: [...words, "test", "--no-prompt", "-A", ...args],
  env: { [PATIENCE_VARIABLE]: patienceFile },
  stdin: "null",
  stdout: "piped",
}).spawn();

function end(status: number): never {
  endTree(tests.pid);
  return leave(status);
}

function leave(status: number): never {
  Deno.removeSync(patienceFile);
  return Deno.exit(status);
}

for (const [signal, status] of Object.entries(SIGNALS)) {
  Deno.addSignalListener(signal as keyof typeof SIGNALS, () => end(status));
}

const progress = new TestProgress();
let changes = 0;
let sinceMs = performance.now();

/** Looks whether what happens now has taken too long. */
function look(): void {
  if (progress.changes !== changes) {
    changes = progress.changes;
    sinceMs = performance.now();
  }
  const { file, test } = progress;
  const own = test === null ? 0 : Number(Deno.readTextFileSync(patienceFile));
  const seconds = own > 0 ? own : file === null ? Math.max(START_SECONDS, deadlineSeconds) : deadlineSeconds;
  if (performance.now() - sinceMs < seconds * 1000) return;
  const after = file === null ? "the start of the tests" : `what comes after a test of ${file}`;
  const what = test === null ? after : `"${test}" (${file})`;
  console.log(`\n\nFAILED: ${what} is over its deadline of ${seconds} s; it and what it started are ended`);
  end(1);
}

async function copy(): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of tests.stdout) {
    progress.take(decoder.decode(bytes, { stream: true }));
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
  }
}

setInterval(look, LOOK_INTERVAL_MS);
const copied = copy();
const { code } = await tests.status;
// What a test has left behind may have it open, too.
await Promise.race([copied, new Promise((resolve) => setTimeout(resolve, OUTPUT_PATIENCE_MS))]);
leave(code);
