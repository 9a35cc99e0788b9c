/**
 * Fuzzes whole connections: real traffic, changed at random and cut at random, over real sockets to the real program.
 *
 * The reference computes from the bytes that a client sends which answers have to come. Every one of them is compared:
 * status, fields, framing and each byte of the body; and nothing else may come. Whoever ends its half gets everything
 * and then the end. In between, descriptors are counted; in the end the program must stop as it should, and must have
 * complained of nothing.
 * @module
 */
import type { Random } from "../support/random.ts";
import { Program } from "../support/program.ts";
import { bytesOf } from "../support/request_replay.ts";
import { exchange, get } from "../support/wire.ts";
import { requireConversation } from "./answers.ts";
import { randomChunks } from "./bodies.ts";
import { randomConditions } from "./conditions.ts";
import { caseRandom, FuzzFailure, type FuzzTarget, type Input } from "./fuzz_target.ts";
import { mutate } from "./mutations.ts";
import { randomAccept } from "./negotiation.ts";
import { randomRange } from "./ranges.ts";
import { type Conversation, expectConversation } from "./reference_site.ts";
import { shrink } from "./shrink.ts";
import { FILES, MODIFIED_SECONDS, SiteTree } from "./site_tree.ts";
import { type Heard, type Script, talk } from "./talk.ts";
import { randomTarget } from "./targets.ts";
import { TRAFFIC } from "./traffic.ts";

/** URLs of what is there, and of some things that are not. */
const URLS = [
  ...Object.keys(FILES).map((name) =>
    `/${name.replace(/[^\w./-]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)}`
  ),
  ..."/ /d /d/ /dirlink /dirlink/ /link /d/link /out /outdir/secret.txt /abs /up/ /loop /missing /nothing/"
    .split(" "),
];

/** A request of the kind that files are asked for by. */
function askForFile(random: Random, tags: ReadonlyMap<string, string>): string {
  let url = random.oneIn(3) ? `/${randomTarget(random)}` : random.pick(URLS);
  // A mistake in it would hide what follows on the connection.
  if (!random.oneIn(8)) url = url.replace(/[\0-\x20\x7f#]|%(?![\da-fA-F]{2})/g, "");
  const name = url.slice(1);
  const length = FILES[name]?.length ?? 20;
  const tag = tags.get(name) ?? '"x"';
  let lines = "";
  const value = (text: string) => random.oneIn(8) ? text : text.replace(/[^\t\x20-\x7e\x80-\xff]/g, "");
  if (random.oneIn(2)) lines += `Range: ${value(randomRange(random, length))}\r\n`;
  if (random.oneIn(3)) lines += `Accept-Encoding: ${value(randomAccept(random))}\r\n`;
  if (random.oneIn(2)) lines += randomConditions(random, tag, MODIFIED_SECONDS);
  const method = random.oneIn(4) ? "HEAD" : random.oneIn(20) ? "OPTIONS" : "GET";
  return `${method} ${url} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
}

/** The bytes of a connection: requests one after the other. */
export function randomStream(random: Random, tags: ReadonlyMap<string, string>): string {
  let text = "";
  for (let i = random.oneIn(50) ? 100 : 1 + random.below(9); i > 0; i--) {
    const kind = random.below(8);
    if (kind < 5) text += askForFile(random, tags);
    else if (kind < 6) text += random.pick(TRAFFIC);
    else if (kind < 7) text += mutate(random.pick(TRAFFIC), random, TRAFFIC);
    else {
      const body = random.oneIn(3) ? mutate(randomChunks(random), random) : randomChunks(random);
      text += `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
    }
  }
  return random.oneIn(6) ? text.slice(0, random.below(text.length)) : text;
}

function randomCuts(random: Random, length: number): number[] {
  if (length === 0 || random.oneIn(4)) return [];
  const count = random.oneIn(20) ? Math.min(length, 100) : 1 + random.below(6);
  return Array.from({ length: count }, () => 1 + random.below(length)).sort((a, b) => a - b);
}

/** An input as a script. Its parts: the bytes, the cuts, and the ending. */
function scriptOf([text, cuts, ending]: Input): Script {
  const at = cuts.split(",").filter((cut) => /^\d{1,6}$/.test(cut)).map(Number).sort((a, b) => a - b);
  return {
    bytes: bytesOf(text),
    cuts: at,
    ending: /^(half-close|wait|reset)$/.test(ending) ? ending as "wait" : "half-close",
  };
}

/** The program that is talked to. */
class Subject {
  readonly tree: SiteTree;
  readonly program: Program;
  readonly tags = new Map<string, string>();
  descriptors = 0;

  private constructor(tree: SiteTree, program: Program) {
    this.tree = tree;
    this.program = program;
  }

  static async start(): Promise<Subject> {
    const tree = new SiteTree();
    const subject = new Subject(
      tree,
      await Program.start(tree.root, ["--no-config", "--cache-file-size", "16K"]),
    );
    const { port } = subject.program;
    for (const url of URLS) {
      const { fields } = await exchange(port, get(url));
      const name = url.slice(1).replace(/%(..)/g, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
      if (FILES[name] !== undefined && fields.etag !== undefined) subject.tags.set(name, fields.etag);
    }
    for (const coding of ["gz", "br"]) {
      const accept = `Accept-Encoding: ${coding === "gz" ? "gzip" : coding}`;
      const { fields } = await exchange(port, get("/d/page.html", accept));
      subject.tags.set(`d/page.html.${coding}`, fields.etag); // it has one of its own for each form
    }
    subject.descriptors = subject.countDescriptors();
    return subject;
  }

  countDescriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.program.pid}/fd`)].length;
  }

  /** Waits until as many descriptors are open as in the beginning. */
  async requireRest(): Promise<void> {
    for (let attempt = 0; this.countDescriptors() > this.descriptors; attempt++) {
      if (attempt === 300) {
        throw new Error(`${this.countDescriptors()} descriptors, ${this.descriptors} at first`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** @throws {Error} when what a client heard is not what it had to. */
function judge(text: string, script: Script, heard: Heard, tags: ReadonlyMap<string, string>): Conversation {
  const conversation = expectConversation(text, tags, Math.floor(Date.now() / 1000));
  if (script.ending === "reset") return conversation;
  if (heard.end === "hang") {
    if (script.ending === "half-close" || conversation.end !== "open") {
      throw new Error("the connection does not end");
    }
  }
  requireConversation(heard.text, conversation);
  // Who asked for the end and goes on talking may be cut off; nobody else.
  const mayReset = conversation.end === "closed" && conversation.length < text.length;
  if (typeof heard.end === "number" && heard.end < 0 && !mayReset) {
    throw new Error(`the end is a reset, ${heard.end}`);
  }
  return conversation;
}

/** See the module's comment. A case is a connection. */
class Connections implements FuzzTarget {
  readonly name = "connections";
  readonly batch = 512;
  readonly unit = "requests";
  #subject: Subject | null = null;

  /** The requests that were judged: those that get an answer, and what is left incomplete at the end. */
  async run(seed: number, first: number, count: number): Promise<number> {
    const subject = this.#subject ??= await Subject.start();
    const { tags, program: { port } } = subject;
    const inputs: Input[] = Array.from({ length: count }, (_, i): Input => {
      const random = caseRandom(seed, first + i);
      const text = randomStream(random, tags);
      const cuts = randomCuts(random, text.length).join();
      const { end, answers } = expectConversation(text, tags, 0);
      const endsItself = end !== "open" && answers.at(-1)?.isOptional === false;
      const ending = random.oneIn(40) ? "reset" : endsItself && random.oneIn(2) ? "wait" : "half-close";
      return [text, cuts, ending];
    });
    let requests = 0;
    const scripts = inputs.map(scriptOf);
    const heard = talk(port, scripts);
    for (const [i, input] of inputs.entries()) {
      try {
        const { answers, end } = judge(input[0], scripts[i], heard[i], tags);
        requests += answers.length + (end === "open" ? 1 : 0);
      } catch (error) {
        throw await this.#failure(seed, first + i, input, error);
      }
    }
    await subject.requireRest();
    return requests;
  }

  /** @throws {Error} when `input` is answered otherwise than it has to be. For the table of regressions. */
  async check(input: Input): Promise<void> {
    const { tags, program: { port } } = this.#subject ??= await Subject.start();
    const script = scriptOf(input);
    judge(input[0], script, talk(port, [script])[0], tags);
  }

  async #failure(seed: number, number: number, input: Input, error: unknown): Promise<FuzzFailure> {
    let reason = error;
    const fails = async (input: Input) => {
      try {
        await this.check(input);
        return false;
      } catch (error) {
        reason = error;
        return true;
      }
    };
    // What depends on others at the same time does not fail alone: then it stays as it was.
    const smallest = await fails(input) ? await shrink(input, fails) : input;
    await fails(smallest);
    return new FuzzFailure(this.name, seed, number, smallest, reason, input);
  }

  async close(): Promise<void> {
    const subject = this.#subject;
    this.#subject = null;
    if (subject === null) return;
    try {
      await subject.requireRest();
      subject.program.kill("SIGTERM");
      const { code, stderr } = await subject.program.finish();
      if (code !== 0 || stderr !== "") throw new Error(`the program ended with ${code} and said ${stderr}`);
    } finally {
      await subject.program[Symbol.asyncDispose]();
      subject.tree[Symbol.dispose]();
    }
  }
}

/** See the module's comment. */
export const connections = new Connections();
