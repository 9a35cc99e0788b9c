/**
 * What documents show: their code blocks and spans, and the programs among them.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DENO, REPOSITORY } from "./program.ts";
import { sleep } from "./sleep.ts";
import { exchange, get, Wire } from "./wire.ts";

const decoder = new TextDecoder();

/** The text of a document, by its path in the repository. */
export function readDocument(path: string): string {
  return Deno.readTextFileSync(REPOSITORY + path);
}

/** The fenced blocks of a document that are of a kind; every one without. */
export function blocksOf(document: string, kind?: string): string[] {
  return Array.from(document.matchAll(/^```(\w*)\n([^]*?)^```$/gm))
    .filter(([, each]) => kind === undefined || each === kind)
    .map(([, , text]) => text!);
}

/** What stands between single backticks, outside of blocks. */
export function spansOf(document: string): string[] {
  const prose = document.replaceAll(/^```[^]*?^```$/gm, "");
  return Array.from(
    prose.matchAll(/`([^`]+)`/g),
    ([, text]) => text!.replaceAll("\\|", "|").replaceAll("\n", " "),
  );
}

/** An answer's head without the fields whose values are times. */
export function withoutTimes(text: string): string {
  return text.trim().replaceAll(/^(Date|Last-Modified): .*$/gm, "");
}

/** A port that was free a moment ago. */
export function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}

/** Connects as soon as somebody listens. */
export async function connectSoon(port: number): Promise<Wire> {
  for (let attempt = 0;; attempt++) {
    try {
      return await Wire.connect(port);
    } catch (error) {
      if (attempt === 1000) throw error;
      await sleep(20);
    }
  }
}

/** A program of a document in a folder from which `../mod.ts` is the library; `using` removes it. */
export class ShownProgram {
  readonly port: number = freePort();
  readonly #folder = Deno.makeTempDirSync({ dir: REPOSITORY, prefix: ".shown-" }); // inside, so that deno.json is found
  readonly #process: Deno.ChildProcess;
  readonly stdout: ReadableStream<Uint8Array>;

  constructor(text: string, args: readonly string[] = []) {
    const file = `${this.#folder}/program.ts`;
    const ours = text.replaceAll(/"\.\.?\/mod\.ts"/g, '"../mod.ts"').replaceAll("7890", String(this.port));
    Deno.writeTextFileSync(file, ours.replaceAll("unix:@hello", `unix:@hello-${this.port}`));
    const [deno, ...rest] = DENO;
    this.#process = new Deno.Command(deno, {
      args: [
        ...rest,
        "run",
        `--lock=${REPOSITORY}tests/deno.lock`,
        "--no-prompt",
        "--allow-ffi",
        file,
        ...args,
      ],
      cwd: REPOSITORY,
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.stdout = this.#process.stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    if (!this.stdout.locked) await this.stdout.cancel();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** Runs a program of a document, and asks it what its kind is asked: HTTP is answered with 200, bytes with themselves. */
export async function runsAndAnswers(text: string): Promise<void> {
  await using program = new ShownProgram(text);
  using wire = await connectSoon(program.port);
  if (text.includes("text/event-stream")) { // has no end: its head, and the first event
    await wire.send(get("/"));
    assertEquals((await wire.expect(true)).status, 200, text);
    let events = "";
    while (!events.includes("\n\n")) {
      const bytes = await wire.some();
      assert(bytes !== null, `the stream ended: ${events}`);
      events += decoder.decode(bytes);
    }
    assertMatch(events, /^data: \d+$/m, text);
    return;
  }
  if (/handler:|\.requests\(\)/.test(text)) {
    assertEquals((await exchange(program.port, get("/"))).status, 200, text);
    return;
  }
  await wire.send("echo");
  const answer = await wire.some();
  const expected = text.includes("toUpperCase()") ? "ECHO" : "echo";
  assertEquals(answer === null ? null : decoder.decode(answer), expected, text);
}

/** The words of a simple command, as a shell takes them: up to what ends it. */
export function wordsOf(command: string): string[] {
  const words: string[] = [];
  for (const [text, single, double] of command.matchAll(/'([^']*)'|"([^"]*)"|[^\s'"]+/g)) {
    if (/^([|&;#]|\d?>)/.test(text)) break;
    words.push(single ?? double ?? text);
  }
  return words;
}
