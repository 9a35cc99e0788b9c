/**
 * docs/understand.md shows the real output of its programs, and the system calls that strace sees.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { isInstalled, output } from "../support/commands.ts";
import {
  blocksOf,
  connectSoon,
  readDocument,
  ShownProgram,
  tracePattern,
  wordsOf,
} from "../support/documents.ts";
import { sleep } from "../support/sleep.ts";
import { childrenOf } from "../support/process.ts";
import { DENO, IS_EMULATED, Program, Site } from "../support/program.ts";
import { get, Wire } from "../support/wire.ts";
import { awaited } from "../support/waiting.ts";
import { hasStrace } from "../support/trace.ts";

const UNDERSTAND = readDocument("docs/understand.md");

/** Returns the output of the program in docs/understand.md when 12 bytes and then one more arrive. */
async function lesson(args: readonly string[]): Promise<string> {
  const [text] = blocksOf(UNDERSTAND, "ts") as [string];
  await using program = new ShownProgram(text, args);
  const reader = program.stdout.pipeThrough(new TextDecoderStream()).getReader();
  using wire = await connectSoon(program.port);
  await wire.send("hello, world");
  let printed = "";
  const lines = async (count: number) => {
    while (printed.split("\n").length <= count) {
      const { value, done } = await awaited(reader.read(), "what the program prints");
      assert(!done, printed);
      printed += value;
    }
  };
  await lines(args.length === 0 ? 3 : 1);
  await sleep(100);
  await wire.send("!");
  await lines(args.length === 0 ? 4 : 2);
  await reader.cancel();
  return printed;
}

Deno.test("docs/understand.md shows what a level reports, and what an edge does not", async () => {
  assertEquals(await lesson([]), "hell\no, w\norld\n!\n");
  assert((await lesson(["edge"])).startsWith("hell\no, w\n"));
});

/** Acts as the client in docs/understand.md. */
async function askOnce(port: number, isEcho: boolean, isHttp2: boolean): Promise<void> {
  if (isHttp2) {
    const printed = await output(
      "nghttp",
      "-ns",
      `http://127.0.0.1:${port}/`,
      `http://127.0.0.1:${port}/404.html`,
    );
    assertMatch(printed, /200 .* \/404\.html/);
    return;
  }
  using wire = await Wire.connect(port);
  if (isEcho) {
    await wire.send(new Uint8Array(100_000));
    for (let count = 0; count < 100_000;) count += (await wire.some())?.length ?? Infinity;
    return;
  }
  for (let i = 0; i < 2; i++) {
    await wire.send(get("/", "User-Agent: a client of these tests"));
    assertEquals((await wire.expect()).status, 200);
  }
  await wire.endInput();
  await wire.some();
}

/** Starts a command under strace, and connects clients until the trace has all lines that are shown. */
async function traced(command: string, shown: readonly string[]): Promise<void> {
  using site = new Site();
  const words = wordsOf(command.trim()).flatMap((word) => word === "deno" ? DENO : [word])
    .map((word) => word === "7890" ? "0" : word === "trace.txt" ? site.path("trace.txt") : word);
  await using program = await Program.startCommand(words);
  let missing = shown;
  let refusals = 0;
  // Sometimes the loop waits on another thread, which is not traced, and strace may write late.
  for (let attempt = 0; attempt < 300; attempt++) {
    await askOnce(
      program.port,
      command.includes("--handler echo"),
      shown.some((line) => line.includes("HTTP/2.0")),
    );
    const trace = Deno.readTextFileSync(site.path("trace.txt"));
    missing = missing.filter((line) => !tracePattern(line).test(trace));
    refusals = trace.match(/^accept4.*EAGAIN/gm)?.length ?? 0;
    if (missing.length === 0 && (refusals > 1000 || !command.includes("naive"))) break;
  }
  for (const pid of childrenOf(program.pid)) Deno.kill(pid, "SIGTERM");
  await program.finish();
  assertEquals(missing, [], command);
  if (command.includes("naive")) assert(refusals > 1000, "no descriptor was asked again and again");
}

Deno.test("docs/understand.md shows what strace prints", async () => {
  if (IS_EMULATED || Deno.build.arch !== "x86_64" || !hasStrace() || !isInstalled("nghttp")) return;
  const scenarios: { command: string; shown: string[] }[] = [];
  for (const [, kind, text] of UNDERSTAND.matchAll(/^```(\w*)\n([^]*?)^```$/gm)) {
    if (kind === "sh" && text!.startsWith("strace ")) scenarios.push({ command: text!, shown: [] });
    else if (kind === "") scenarios.at(-1)!.shown.push(...text!.trim().split("\n"));
  }
  assertEquals(scenarios.length, 7);
  await Promise.all(scenarios.map(({ command, shown }) => traced(command, shown)));
});

Deno.test({
  name: "docs/understand.md shows that a stream waits for its window",
  ignore: !isInstalled("nghttp"),
  async fn() {
    using site = new Site({ "index.html": "x".repeat(5000) });
    await using program = await Program.start(site.root);
    const shown = /nghttp -nv -w 10[^]*?```text\n([^]*?)```/.exec(UNDERSTAND)![1]!.trim().split("\n");
    const printed = await output("nghttp", "-nv", "-w", "10", `http://127.0.0.1:${program.port}/`);
    const text = printed.replaceAll(/^\[.*?\] /gm, "");
    for (const line of shown) {
      assert(text.includes(line.replace(/\d+>$/, "")), `${line} is not in:\n${text}`);
    }
  },
});
