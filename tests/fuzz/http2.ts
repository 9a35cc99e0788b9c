/**
 * Fuzzes connections of HTTP/2: sequences of frames, right and wrong, cut at random, down to single bytes. What comes back is
 * compared with a model of streams, windows and errors. The seed also chooses the poller.
 * @module
 */
import { latin1 } from "../../server/http/characters.ts";
import { DENO, Program, REPOSITORY } from "../support/program.ts";
import { descriptorsOf } from "../support/process.ts";
import { Random } from "../support/random.ts";
import { bytesOf } from "../support/request_replay.ts";
import { sleep } from "../support/sleep.ts";
import { TIME_SCALE } from "../support/deno.ts";
import { eventually } from "../support/waiting.ts";
import { caseRandom, type FuzzTarget, type Input, shown, smallestFailure } from "./fuzz_target.ts";
import { randomConnection } from "./http2_frames.ts";
import { judge, Wrong } from "./http2_judge.ts";
import { Http2Model } from "./reference_http2.ts";
import { framesOf } from "./reference_http2_parts.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** A PING, whose answer comes behind everything else. */
const MARKER = "\0\0\x08\x06\0\0\0\0\0behind..";
/** What is left of any frame, and the head of one that is too large. */
const FAREWELL = "\xff".repeat(16_384 + 18);
const AT_ONCE = 16;
/** What is missing does not come any more once the server was silent for this time. */
const SILENCE_MS = 20_000 * TIME_SCALE;
/** The same while a failure is made smaller, which fails many times. */
const SHORT_SILENCE_MS = 500 * TIME_SCALE;

/** A client. */
class Client {
  readonly #connection: Deno.TcpConn;
  readonly #silenceMs: number;
  #text = "";
  #hasEnded = false;
  #activeMs = performance.now();
  #wake = () => {};

  constructor(connection: Deno.TcpConn, silenceMs: number) {
    this.#connection = connection;
    this.#silenceMs = silenceMs;
    connection.setNoDelay(true);
    void this.#read();
  }

  async #read(): Promise<void> {
    const chunk = new Uint8Array(65_536);
    for (;;) {
      const count = await this.#connection.read(chunk).catch(() => null);
      if (count === null) this.#hasEnded = true;
      else this.#text += latin1(chunk, 0, count);
      this.#activeMs = performance.now();
      this.#wake();
      if (count === null) return;
    }
  }

  async send(text: string, cuts: readonly number[]): Promise<void> {
    let from = 0;
    for (const cut of [...cuts, text.length]) {
      const piece = bytesOf(text.slice(from, cut));
      from = Math.max(cut, from);
      for (let at = 0; at < piece.length && !this.#hasEnded;) {
        const count = await this.#connection.write(piece.subarray(at)).catch(() => -1);
        if (count < 0) return; // the server has ended
        at += count;
        this.#activeMs = performance.now();
      }
      if (from % 3 === 0) await sleep(0);
    }
  }

  /** Waits until everything has come that `model` predicts. @throws {Error} when it does not */
  async expect(model: Http2Model): Promise<void> {
    for (;;) {
      let error: unknown = null;
      try {
        judge(model, this.#text, this.#hasEnded);
      } catch (problem) {
        error = problem;
      }
      if (error === null) return;
      const leftMs = this.#leftMs;
      if (leftMs <= 0 || error instanceof Wrong || (this.#hasEnded && model.end === null)) throw error;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** How long the server may still be silent. */
  get #leftMs(): number {
    return this.#activeMs + this.#silenceMs - performance.now();
  }

  /** Ends the client's half. */
  async end(): Promise<void> {
    this.#activeMs = performance.now();
    await this.#connection.closeWrite();
  }

  /** Ends the connection by what is an error in every state, and waits for the server's end. */
  async leave(): Promise<void> {
    await this.send(FAREWELL, []);
    while (!this.#hasEnded) {
      if (this.#leftMs <= 0) throw new Error("the connection does not end");
      await sleep(1);
    }
  }

  close(): void {
    this.#connection.close();
  }
}

/** Returns the frames of a text, and what follows the last whole one. */
function partsOf(text: string): string[] {
  const { frames, rest } = framesOf(text);
  let at = 0;
  return [...frames.map(({ text: { length } }) => text.slice(at, at += 9 + length)), rest];
}

/**
 * Runs one connection. `input` has parts of the text behind the preface, mostly a frame each, so that whole frames can be left
 * out. Its last part has the positions of the cuts, or "all", and "end" if the client ends its half then.
 * @throws {Error} when something wrong comes
 */
async function talk(port: number, input: Input, silenceMs = SILENCE_MS): Promise<void> {
  const text = input.slice(0, -1).join("");
  const cuts = input.at(-1)!.split(",");
  const model = new Http2Model(text);
  const at = cuts.includes("all")
    ? Array.from({ length: Math.min(text.length, 400) }, (_, i) => i)
    : cuts.filter((cut) => /^\d{1,6}$/.test(cut)).map(Number).sort((a, b) => a - b);
  const client = new Client(await Deno.connect({ hostname: "127.0.0.1", port }), silenceMs);
  try {
    await client.send(PREFACE + text, at.map((cut) => cut + PREFACE.length));
    await client.expect(model);
    if (cuts.includes("end") && model.halfClose()) {
      await client.end();
      return await client.expect(model);
    }
    if (model.end === null && model.isWhole && !model.isUnclear) {
      await client.send(MARKER, []);
      model.pongs.push(MARKER.slice(9));
      await client.expect(model);
    }
    await client.leave();
  } finally {
    client.close();
  }
}

/** Runs a smaller input of a connection that has failed by `first`. On a busy machine, silence for a short time is not as wrong. */
async function failAgain(port: number, input: Input, first: unknown): Promise<void> {
  try {
    await talk(port, input, SHORT_SILENCE_MS);
  } catch (error) {
    if (error instanceof Wrong || !(first instanceof Wrong)) throw error;
  }
}

class Http2Target implements FuzzTarget {
  readonly name = "http2";
  readonly batch = 512;
  readonly unit = "connections";
  #program: Program | null = null;
  #descriptors = 0;

  async #port(seed: number): Promise<number> {
    if (this.#program === null) {
      const poller = new Random(seed).pick(USABLE_POLLERS);
      const script = `${REPOSITORY}tests/fuzz/http2_program.ts`;
      this.#program = await Program.startCommand([
        ...DENO,
        "run",
        "--no-prompt",
        "--allow-ffi",
        script,
        poller,
      ]);
      await talk(this.#program.port, ["\0\0\0\x04\0\0\0\0\0", ""]);
      await sleep(100);
      this.#descriptors = descriptorsOf(this.#program.pid); // includes those that stay open
    }
    return this.#program.port;
  }

  async run(seed: number, first: number, count: number): Promise<number> {
    const port = await this.#port(seed);
    let next = first;
    const work = async () => {
      while (next < first + count) {
        const number = next++;
        const random = caseRandom(seed, number);
        const text = randomConnection(random);
        const cut = () => random.below(text.length + 1);
        const places = random.oneIn(40) ? "all" : Array.from({ length: random.below(6) }, cut).join();
        const cuts = random.oneIn(4) ? `${places},end` : places;
        try {
          await talk(port, [text, cuts]);
        } catch (error) {
          next = Infinity;
          throw await smallestFailure(
            this.name,
            seed,
            number,
            [...partsOf(text), cuts],
            error,
            (input) => failAgain(port, input, error),
          );
        }
      }
    };
    const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    await this.#requireRest();
    return count;
  }

  async check(input: Input): Promise<void> {
    await talk(await this.#port(0), input);
  }

  async #requireRest(): Promise<void> {
    const open = () => descriptorsOf(this.#program!.pid);
    await eventually(
      () => open() <= this.#descriptors,
      () => `${open()} descriptors are open, not ${this.#descriptors}`,
    );
  }

  async close(): Promise<void> {
    const program = this.#program;
    this.#program = null;
    if (program === null) return;
    try {
      program.kill("SIGTERM");
      const { code, stderr } = await program.finish();
      if (code !== 0 || stderr !== "") {
        throw new Error(`the program ended with ${code} and printed ${shown(stderr)}`);
      }
    } finally {
      await program[Symbol.asyncDispose]();
    }
  }
}

export const http2 = new Http2Target();
