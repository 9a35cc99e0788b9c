/**
 * A running `epollet learn`, and what its live page tells.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { programCommand, REPOSITORY } from "./program.ts";
import { awaited, endOf, eventually, outputOf, PATIENCE_MS } from "./waiting.ts";

/** What the tests read of an event of the live page. */
export interface PageEvent {
  readonly poller: string;
  readonly requests: number;
  readonly responses: Readonly<Record<string, number>>;
  readonly states: Readonly<Record<string, number>>;
  readonly sentBytes: number;
  readonly systemCalls: number;
  /** Rows of worker, descriptor, state, and more. */
  readonly connections: readonly (readonly [number, number, string])[];
}

/** A lesson; `await using` ends it. */
export class Lesson {
  readonly #process: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #text = "";
  #errors = "";
  /** The length of the text before the step that is shown. */
  #from = 0;

  /** Starts the lesson with `args`. `env` is added to the tests' own environment. */
  constructor(args: readonly string[] = [], env: Record<string, string> = { LC_ALL: "C.UTF-8" }) {
    const [program, ...rest] = programCommand(["learn", ...args]);
    this.#process = new Deno.Command(program, {
      args: rest,
      cwd: REPOSITORY,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#keys = this.#process.stdin.getWriter();
    const take = async (stream: ReadableStream<Uint8Array>, add: (part: string) => void) => {
      for await (const part of stream.pipeThrough(new TextDecoderStream())) add(part);
    };
    const { stdout, stderr } = this.#process;
    const all = [
      take(stdout, (part) => this.#text += part),
      take(stderr, (part) => this.#errors += part),
    ];
    this.#reading = Promise.all(all).then(() => {});
  }

  /** What was printed since the step began. */
  get text(): string {
    return this.#text.slice(this.#from);
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    this.#from = this.#text.length;
    await this.#keys.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Waits until what was printed since the step began matches `pattern`. Returns the match. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    await eventually(
      () => pattern.test(this.text),
      () => `the lesson has not printed ${pattern}:\n${this.text}\n${this.#errors}`,
    );
    return pattern.exec(this.text)!;
  }

  /** Waits until step `number` is shown. */
  async shows(number: number): Promise<void> {
    await this.printed(new RegExp(`^Step ${number} of [^]*^Enter: next step`, "m"));
  }

  /** Runs the command of the step that is shown, as it stands there. Returns what it prints. */
  async runCommand(): Promise<string> {
    const [, command] = await this.printed(/^ {2}((?:curl|bash) .*)$/m);
    const process = new Deno.Command("bash", { args: ["-c", command!], stdout: "piped", stderr: "inherit" });
    const { stdout, success } = await outputOf(process.spawn(), command!);
    assert(success, command);
    return new TextDecoder().decode(stdout);
  }

  /** Returns an event of the live page. */
  async page(): Promise<PageEvent> {
    return await this.pageShows(() => true);
  }

  /** Waits until `holds` for an event of the live page, and returns that. */
  async pageShows(holds: (event: PageEvent) => boolean): Promise<PageEvent> {
    const [, url] = await this.printed(/^Live page: (\S+)$/m);
    const { body, status } = await fetch(`${url}events`);
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
    try {
      assertEquals(status, 200);
      const endMs = performance.now() + PATIENCE_MS;
      for (let text = "";;) {
        const { value, done } = await awaited(reader.read(), "an event of the live page");
        assert(done === false, "the events end");
        const [event, rest] = (text += value).split("\n\n", 2);
        if (rest === undefined) continue;
        const read = JSON.parse(event!.slice("data: ".length)) as PageEvent;
        if (holds(read)) return read;
        assert(performance.now() < endMs, `the live page still shows ${event}`);
        text = rest;
      }
    } finally {
      await reader.cancel();
    }
  }

  /** Ends standard input. */
  async closeInput(): Promise<void> {
    await this.#keys.close();
  }

  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Waits for the end of the process. */
  async finish(): Promise<{ code: number; stdout: string; stderr: string }> {
    const { code } = await endOf(this.#process, "the lesson");
    await awaited(this.#reading, "the end of what the lesson prints");
    return { code, stdout: this.#text, stderr: this.#errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // it has ended by itself
    }
    await this.#keys.abort().catch(() => {});
    await this.#process.status;
    await this.#reading.catch(() => {});
  }
}
