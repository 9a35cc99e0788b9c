/**
 * Fuzzes whole connections over real sockets to a program that is started for this.
 *
 * From the bytes that a client sends, a reference computes the expected responses. Each response is compared, and no
 * other bytes may come. A client that ends its half gets all responses and then the server's end. In between,
 * descriptors are counted. At the end the program must stop in order, with an empty error log.
 * @module
 */
import type { Program } from "../support/program.ts";
import type { Random } from "../support/random.ts";
import { bytesOf } from "../support/request_replay.ts";
import { requireConversation } from "./answers.ts";
import { caseRandom, type FuzzTarget, type Input, shown, smallestFailure } from "./fuzz_target.ts";
import type { Conversation } from "./reference_connection.ts";
import { type Heard, type Script, talk } from "./talk.ts";
import { sleep } from "../support/sleep.ts";

/** The program under test. */
export interface Subject {
  readonly program: Program;
  /** Returns the bytes of a connection: requests one after the other. */
  makeStream(random: Random): string;
  /** Returns the expected responses. */
  expect(text: string): Conversation;
  /** Releases what it holds besides the program. */
  close(): void;
}

function randomCuts(random: Random, length: number): number[] {
  if (length === 0 || random.oneIn(4)) return [];
  const count = random.oneIn(20) ? Math.min(length, 100) : 1 + random.below(6);
  return Array.from({ length: count }, () => 1 + random.below(length)).sort((a, b) => a - b);
}

/** Returns an input as a script. Its parts are the bytes, the cuts, and the ending. */
function scriptOf([text, cuts, ending]: Input): Script {
  const at = cuts!.split(",").filter((cut) => /^\d{1,6}$/.test(cut)).map(Number).sort((a, b) => a - b);
  return {
    bytes: bytesOf(text!),
    cuts: at,
    ending: /^(half-close|wait|reset)$/.test(ending!) ? ending as "wait" : "half-close",
  };
}

function endsItself({ end, answers }: Conversation): boolean {
  return end !== "open" && answers.every(({ isOptional, isLoose }) => !isOptional && !isLoose);
}

/** Compares what a client received with the expected responses. @throws {Error} when they differ */
function judge(text: string, script: Script, heard: Heard, subject: Subject): Conversation {
  const conversation = subject.expect(text);
  if (script.ending === "reset" || heard.end === "untried") return conversation;
  if (heard.end === "hang" && (script.ending === "half-close" || endsItself(conversation))) {
    throw new Error("the connection does not end");
  }
  if (heard.end === "flood") throw new Error("the answers do not end");
  requireConversation(heard.text, conversation);
  // Only a client that asked for the end and keeps sending may be reset.
  const mayReset = (conversation.end === "closed" && conversation.length < text.length) ||
    conversation.answers.some(({ isLoose }) => isLoose);
  if (typeof heard.end === "number" && heard.end < 0 && !mayReset) {
    throw new Error(`the end is a reset, ${heard.end}`);
  }
  return conversation;
}

function countDescriptors(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

/** A target whose cases are connections. */
export class ConnectionTarget implements FuzzTarget {
  readonly name: string;
  readonly batch = 512;
  readonly unit = "requests";
  readonly #start: (seed: number) => Promise<Subject>;
  #subject: Subject | null = null;
  #descriptors = 0;

  constructor(name: string, start: (seed: number) => Promise<Subject>) {
    this.name = name;
    this.#start = start;
  }

  async #started(seed: number): Promise<Subject> {
    if (this.#subject === null) {
      this.#subject = await this.#start(seed);
      const { program } = this.#subject;
      const first = Array.from({ length: 100 }, (_, i) => this.#subject!.makeStream(caseRandom(~seed, i)));
      talk(program.port, first.map((text) => ({ bytes: bytesOf(text), cuts: [], ending: "half-close" })));
      await sleep(100);
      this.#descriptors = countDescriptors(program.pid); // includes descriptors that stay open
    }
    return this.#subject;
  }

  /** Returns the number of requests that were checked: the answered ones, and an incomplete one at the end. */
  async run(seed: number, first: number, count: number): Promise<number> {
    const subject = await this.#started(seed);
    const inputs = Array.from({ length: count }, (_, i): Input => {
      const random = caseRandom(seed, first + i);
      const text = subject.makeStream(random);
      const cuts = randomCuts(random, text.length).join();
      const mayWait = endsItself(subject.expect(text));
      const ending = random.oneIn(40) ? "reset" : mayWait && random.oneIn(2) ? "wait" : "half-close";
      return [text, cuts, ending];
    });
    let requests = 0;
    const scripts = inputs.map(scriptOf);
    const heard = talk(subject.program.port, scripts);
    for (const [i, input] of inputs.entries()) {
      try {
        const { answers, end } = judge(input[0]!, scripts[i]!, heard[i]!, subject);
        requests += answers.length + (end === "open" ? 1 : 0);
      } catch (error) {
        throw await smallestFailure(this.name, seed, first + i, input, error, (input) => this.check(input));
      }
    }
    await this.#requireRest(subject);
    return requests;
  }

  /** Runs one connection. @throws {Error} when the responses are wrong */
  async check(input: Input): Promise<void> {
    const subject = await this.#started(0);
    const script = scriptOf(input);
    judge(input[0]!, script, talk(subject.program.port, [script])[0]!, subject);
  }

  /** Waits until the number of open descriptors is that of the beginning. */
  async #requireRest({ program }: Subject): Promise<void> {
    for (let attempt = 0; countDescriptors(program.pid) > this.#descriptors; attempt++) {
      if (attempt === 300) {
        throw new Error(
          `${countDescriptors(program.pid)} descriptors are open, ${this.#descriptors} were at first`,
        );
      }
      await sleep(20);
    }
  }

  async close(): Promise<void> {
    const subject = this.#subject;
    this.#subject = null;
    if (subject === null) return;
    try {
      await this.#requireRest(subject);
      subject.program.kill("SIGTERM");
      const { code, stderr } = await subject.program.finish();
      if (code !== 0 || stderr !== "") {
        throw new Error(`the program ended with ${code} and printed ${shown(stderr)}`);
      }
    } finally {
      await subject.program[Symbol.asyncDispose]();
      subject.close();
    }
  }
}
