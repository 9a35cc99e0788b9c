/**
 * The test runner: a test that exceeds its deadline is named and ended, however it hangs.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { IdleTime } from "../support/idle_time.ts";
import { isRunning } from "../support/process.ts";
import { DENO, REPOSITORY, Site } from "../support/program.ts";
import { TestProgress } from "../support/test_progress.ts";
import { endOf, eventually, outputOf } from "../support/waiting.ts";

const SUPPORT = `import { sleep } from "file://${REPOSITORY}tests/support/sleep.ts";
import { patient } from "file://${REPOSITORY}tests/support/deadline.ts";
function started(): void {
  const { pid } = new Deno.Command("sleep", { args: ["1000"] }).spawn();
  Deno.writeTextFileSync(import.meta.dirname + "/pid", String(pid));
}
const pending = new Promise<void>(() => {});
`;
const PASSES = `Deno.test("what passes", () => {});\n`;
const HANGS = `Deno.test("what waits for ever", async () => {
  started();
  const timer = setInterval(() => {}, 100);
  await pending;
  clearInterval(timer);
});
`;
const BLOCKS = `const libc = Deno.dlopen("libc.so.6", { sleep: { parameters: ["u32"], result: "u32" } });
Deno.test("what blocks ... the thread", () => {
  started();
  console.log("so much is done");
  while (true) libc.symbols.sleep(1000);
});
`;

interface Ran {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Test files in one directory; `using` removes them. */
class Samples extends Site {
  constructor(files: Readonly<Record<string, string>>, support = SUPPORT) {
    super(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, support + text])));
  }

  /** Runs the files as `deno task test` does. */
  async run(...flags: string[]): Promise<Ran> {
    const { code, stdout, stderr } = await outputOf(this.#command("piped", flags).spawn(), "the runner");
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout), errors: decoder.decode(stderr) };
  }

  start(): Deno.ChildProcess {
    return this.#command("null", []).spawn();
  }

  /** Waits until the process that a test started has ended, or asserts that there was none. */
  async nothingIsLeft(): Promise<void> {
    const pid = Number(Deno.readTextFileSync(this.path("pid")));
    await eventually(() => !isRunning(pid), "what the test started is left behind");
  }

  #command(stdout: "piped" | "null", flags: readonly string[]): Deno.Command {
    const [program, ...words] = DENO;
    const { test } = JSON.parse(Deno.readTextFileSync(`${REPOSITORY}deno.json`)).tasks;
    const task = test.command.split(" ").slice(1);
    return new Deno.Command(program, {
      args: [...words, ...task, "--no-check", ...flags, this.root],
      cwd: REPOSITORY,
      env: { NO_COLOR: "1" },
      stdout,
      stderr: stdout,
    });
  }
}

Deno.test("passing tests pass, failing tests fail, and all are run", async () => {
  using passing = new Samples({ "a_test.ts": PASSES });
  const passed = await passing.run();
  assertEquals(passed.code, 0, passed.output);
  assertMatch(passed.output, /^ok \| 1 passed \| 0 failed .*$\n*(?![^])/m);
  using mixed = new Samples({
    "a_test.ts": PASSES + `Deno.test("what fails", () => { throw new Error("so"); });\n`,
    "b_test.ts": PASSES,
  });
  const failed = await mixed.run();
  assertEquals(failed.code, 1, failed.output);
  assertMatch(failed.output, /^FAILED \| 2 passed \| 1 failed .*$\n*(?![^])/m);
});

Deno.test("a test that waits for ever is named, and ended with the processes that it started", async () => {
  using samples = new Samples({ "a_test.ts": HANGS + PASSES });
  const { code, output } = await samples.run("--deadline=5");
  assertEquals(code, 1, output);
  assertMatch(output, /^FAILED: "what waits for ever" \(\S*a_test\.ts\) is over its deadline of 5 s/m);
  await samples.nothingIsLeft();
});

Deno.test("a test that blocks its thread is named, and ended with the processes that it started", async () => {
  using samples = new Samples({ "a_test.ts": PASSES + BLOCKS });
  const { code, output } = await samples.run("--deadline=5");
  assertEquals(code, 1, output);
  assertMatch(output, /^FAILED: "what blocks \.\.\. the thread" \(\S*a_test\.ts\) is over its deadline/m);
  await samples.nothingIsLeft();
});

Deno.test("a test file that never finishes loading is ended, too", async () => {
  using samples = new Samples({
    "a_test.ts": PASSES,
    "b_test.ts": `setInterval(() => {}, 100);\nawait pending;\n` + PASSES,
  });
  const { code, output } = await samples.run("--deadline=5", "--lanes=1");
  assertEquals(code, 1, output);
  assertMatch(output, /^FAILED: what comes after a test of \S*a_test\.ts is over its deadline/m);
  const other = await samples.run("--deadline=5", "--lanes=2");
  assertEquals(other.code, 1, other.output);
  assertMatch(other.output, /^FAILED: the start of \S*b_test\.ts is over its deadline/m);
});

Deno.test("files run side by side, and their output is not mixed", async () => {
  const waits = (own: string, other: string) =>
    `Deno.test("first of ${own}", async () => {
  Deno.writeTextFileSync(import.meta.dirname + "/${own}", "");
  while (true) {
    try {
      Deno.statSync(import.meta.dirname + "/${other}");
      return;
    } catch {
      await sleep(10);
    }
  }
});
Deno.test("second of ${own}", () => console.log("printed by ${own}"));
`;
  using samples = new Samples({ "a_test.ts": waits("a", "b"), "b_test.ts": waits("b", "a") });
  const { code, output } = await samples.run("--deadline=20", "--lanes=2");
  assertEquals(code, 0, output);
  for (const name of ["a", "b"]) {
    const file = output.slice(output.indexOf(`${name}_test.ts`)).split("running 2 tests")[0]!;
    assertMatch(file, new RegExp(`^first of ${name} .*[^]*^second of ${name} .*[^]*printed by ${name}`, "m"));
  }
  assertMatch(output, /^ok \| 4 passed \| 0 failed/m);
});

Deno.test("a file with a test that takes long begins before the others", async () => {
  const ends =
    `Deno.test("what takes long", patient(60, () => Deno.writeTextFileSync(import.meta.dirname + "/long", "")));\n`;
  const waits = `Deno.test("what waits for it", async () => {
  for (let begun = false; !begun; await sleep(10)) {
    for (const { name } of Deno.readDirSync(import.meta.dirname)) begun ||= name === "long";
  }
});
`;
  using samples = new Samples({
    "a_test.ts": waits,
    "b_test.ts": waits,
    "c_test.ts": waits,
    "d_test.ts": ends,
  });
  const { code, output } = await samples.run("--deadline=20", "--lanes=2");
  assertEquals(code, 0, output);
  assertMatch(output, /^ok \| 4 passed \| 0 failed/m);
});

Deno.test("a processor that computes counts as no idle time, so it gets no more lanes", () => {
  const processors = navigator.hardwareConcurrency;
  const idle = new IdleTime();
  for (const endMs = performance.now() + 1000; performance.now() < endMs;);
  const share = idle.take();
  assert(share >= 0 && share <= 1 - 0.8 / processors, `${share} of ${processors} processors`);
});

Deno.test("failures of all processes are listed once more at the end", async () => {
  const fails = (name: string) => `Deno.test("what fails in ${name}", () => { throw new Error("so"); });\n`;
  using samples = new Samples({ "a_test.ts": fails("a"), "b_test.ts": PASSES, "c_test.ts": fails("c") });
  const { code, output } = await samples.run("--lanes=2");
  assertEquals(code, 1, output);
  const end = output.slice(output.lastIndexOf("FAILURES"));
  assertMatch(end, /^what fails in a \(\S*a_test\.ts\)$/m);
  assertMatch(end, /^what fails in c \(\S*c_test\.ts\)$/m);
  assertMatch(end, /^FAILED \| 1 passed \| 2 failed/m);
});

Deno.test("a missing file is one line, and status 2", async () => {
  using samples = new Samples({ "a_test.ts": PASSES });
  const { code, output, errors } = await samples.run(samples.path("b_test.ts"));
  assertEquals([code, output], [2, ""]);
  assertMatch(
    errors,
    /^\S*b_test\.ts: No such file .*; expected a file of tests, or a directory with some\n$/,
  );
});

Deno.test("a test gets the time that its definition allows, and no more", async () => {
  const text = `Deno.test("what is slow", patient(60, () => sleep(8000)));\n`;
  // Its time is kept until the runner has read its end, which may be a while later.
  const ends = `Deno.test("what ends slowly", async () => {
  await patient(60, () => sleep(6000))();
  await sleep(1000);
});
`;
  using slow = new Samples({ "a_test.ts": text + ends + HANGS });
  const { code, output } = await slow.run("--deadline=5");
  assertEquals(code, 1, output);
  assertMatch(output, /^what is slow \.\.\. ok/m);
  assertMatch(output, /^what ends slowly \.\.\. ok/m);
  assertMatch(output, /^FAILED: "what waits for ever" .* deadline of 5 s/m);
  using slower = new Samples({ "a_test.ts": text.replace("60", "2") });
  const late = await slower.run();
  assertEquals(late.code, 1, late.output);
  assertMatch(late.output, /^FAILED: "what is slow" .* deadline of 2 s/m);
});

Deno.test("--fast leaves out tests that start a process or listen, and prevents all others from doing so", async () => {
  const program = `file://${REPOSITORY}tests/support/program.ts`;
  using samples = new Samples({
    "a_test.ts": PASSES,
    "b_test.ts": `import { REPOSITORY } from "${program}";\nREPOSITORY;\n${PASSES}`,
    "c_test.ts": `Deno.test("what listens", () => Deno.listen({ port: 0 }).close());\n`,
    "d_test.ts": `import { serve } from "file://${REPOSITORY}mod.ts";\nserve;\n${PASSES}`,
  }, "");
  const { code, output } = await samples.run("--fast");
  assertEquals(code, 0, output);
  assertMatch(output, /^ok \| 1 passed \| 0 failed/m);
  for (const call of [`new Deno["Command"]("true").outputSync()`, `Deno["listen"]({ port: 0 })`]) {
    using hidden = new Samples({ "a_test.ts": `Deno.test("what is not seen", () => void ${call});\n` }, "");
    const denied = await hidden.run("--fast");
    assertEquals(denied.code, 1, denied.output);
    assertMatch(denied.output, /NotCapable/);
  }
});

Deno.test("ending the runner ends the tests", async () => {
  using samples = new Samples({ "a_test.ts": HANGS });
  const runner = samples.start();
  const pid = () => {
    try {
      return Number(Deno.readTextFileSync(samples.path("pid")));
    } catch {
      return 0; // not started yet
    }
  };
  try {
    await eventually(() => pid() > 0, "the test does not begin");
  } finally {
    runner.kill("SIGTERM");
  }
  assertEquals((await endOf(runner, "the runner")).code, 143);
  await samples.nothingIsLeft();
});

Deno.test("output of tests is not taken for their names, however it is cut", () => {
  const output = `running 2 tests from ./a_test.ts
first ...
------- output -------
running 1 test from ./b_test.ts
other ...
other ... ok (1ms)
half a line----- output end -----
  a step ... ok (1ms)
first ... ok (2ms)
\x1b[0msecond ... and last ... \x1b[32mok\x1b[0m (1ms)
running 1 test from ./c_test.ts
third ...'third' has been running for over (1m0s)
'third' has been running for over (2m0s)
`;
  for (let size = 1; size < 40; size++) {
    const progress = new TestProgress();
    const seen: string[] = [];
    let text = "";
    for (let at = 0; at < output.length; at += size) {
      const before = progress.changes;
      text += progress.take(output.slice(at, at + size));
      if (progress.changes !== before) seen.push(`${progress.file}: ${progress.test}`);
    }
    assertEquals(seen.at(-1), "./c_test.ts: third");
    assertEquals(text, output.slice(0, output.indexOf("running 1 test from ./c_test.ts")));
    assertEquals(text + progress.rest(), output);
    assert(seen.includes("./a_test.ts: first"), String(size));
    assert(!/b_test|other|step/.test(seen.join()), seen.join());
  }
});
