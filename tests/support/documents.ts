/**
 * The contents of documents: their code blocks, spans and programs.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePort } from "./free_port.ts";
import { DENO, REPOSITORY } from "./program.ts";
import { sleep } from "./sleep.ts";
import { exchange, get, Wire } from "./wire.ts";

const decoder = new TextDecoder();

/** Returns the text of a document, by its path in the repository. */
export function readDocument(path: string): string {
  return Deno.readTextFileSync(REPOSITORY + path);
}

/** Returns the fenced blocks of a document that are of a kind; without `kind`, all of them. */
export function blocksOf(document: string, kind?: string): string[] {
  return Array.from(document.matchAll(/^```(\w*)\n([^]*?)^```$/gm))
    .filter(([, each]) => kind === undefined || each === kind)
    .map(([, , text]) => text!);
}

/** Returns the text between single backticks, outside of blocks. */
export function spansOf(document: string): string[] {
  const prose = document.replaceAll(/^```[^]*?^```$/gm, "");
  return Array.from(
    prose.matchAll(/`([^`]+)`/g),
    ([, text]) => text!.replaceAll("\\|", "|").replaceAll("\n", " "),
  );
}

/** Returns the head of a response without the fields whose values are times. */
export function withoutTimes(text: string): string {
  return text.trim().replaceAll(/^(Date|Last-Modified): .*$/gm, "");
}

/** Connects as soon as a program listens. */
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

/** A program of a document, in a folder in which `../mod.ts` is the library; `using` removes it. */
export class ShownProgram {
  readonly port: number = freePort();
  // Inside of the repository, so that deno.json is found.
  readonly #folder = Deno.makeTempDirSync({ dir: REPOSITORY, prefix: ".shown-" });
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

/**
 * Runs a program of a document, and sends it a request: an HTTP server has to answer 200, another one echo the bytes.
 */
export async function runsAndAnswers(text: string): Promise<void> {
  await using program = new ShownProgram(text);
  using wire = await connectSoon(program.port);
  if (text.includes("text/event-stream")) { // an event stream has no end, so its head and the first event are read
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
  if (text.includes("earlyHints")) { // two responses, of which the first has no body
    await wire.send(get("/"));
    let answer = "";
    while (!answer.includes("\r\n\r\n<!doctype html>")) {
      const bytes = await wire.some();
      assert(bytes !== null, `the connection ended: ${answer}`);
      answer += decoder.decode(bytes);
    }
    assertMatch(answer, /^HTTP\/1\.1 103 [^]*\r\n\r\nHTTP\/1\.1 200 /, text);
    return;
  }
  if (text.includes("trailers:")) {
    await wire.send(get("/", "TE: trailers"));
    let answer = "";
    while (!/\r\n0\r\n[^]*\r\n\r\n$/.test(answer)) {
      const bytes = await wire.some();
      assert(bytes !== null, `the connection ended: ${answer}`);
      answer += decoder.decode(bytes);
    }
    assertMatch(answer, /\r\n0\r\nServer-Timing: total;dur=/, text);
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

/** Returns the words of a simple command, as a shell splits it. */
export function wordsOf(command: string): string[] {
  const words: string[] = [];
  for (const [text, single, double] of command.matchAll(/'([^']*)'|"([^"]*)"|[^\s'"]+/g)) {
    if (/^([|&;#]|\d?>)/.test(text)) break;
    words.push(single ?? double ?? text);
  }
  return words;
}

/** Returns a pattern for a line of a trace. Numbers, strings and left-out parts may differ. */
export function tracePattern(line: string): RegExp {
  const text = line.replaceAll(/"[^"]+"\.\.\./g, "STRING").replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const shape = text.replaceAll(/\d+/g, "\\d+").replaceAll("STRING", '"[^"]+"\\.\\.\\.').replaceAll(
    "…",
    ".*",
  );
  return new RegExp(`^${shape.replaceAll(/ +/g, " +")}$`, "m");
}
