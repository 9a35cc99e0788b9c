/**
 * Fuzzes handshakes of TLS, and the first requests after them, with the program as users start it. A real client's
 * bytes are changed on their way: flipped, lost, delayed, cut off, with records added. The seed also chooses the poller.
 *
 * A client whose bytes arrive as they were sent gets its responses. For any other, the server says why by an alert
 * before it ends (RFC 8446 §6), unless the client has ended before, and gives nothing but the responses. It keeps no
 * descriptor, serves the clients beside, logs nothing, and ends in order.
 * @module
 */
import { descriptorsOf } from "../support/process.ts";
import { Site } from "../support/program.ts";
import { Random } from "../support/random.ts";
import { SecureProgram } from "../support/secure_program.ts";
import { TlsClient, type TlsClientOptions } from "../support/tls_client.ts";
import { eventually } from "../support/waiting.ts";
import { caseRandom, type FuzzTarget, type Input, shown, smallestFailure } from "./fuzz_target.ts";
import { Tampering } from "./tampering.ts";
import { GREETING, recordsOf, REQUESTS, talkTls, type TlsHeard, type TlsScript } from "./tls_talk.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

/** How the clients begin: with each version, and with or without a session to resume. */
export const HANDSHAKES = ["1.3 full", "1.2 full", "1.3 resumed", "1.2 resumed"] as const;
/** One of them. */
export type Kind = (typeof HANDSHAKES)[number];

const VERSION = { "1.2": 0x0303, "1.3": 0x0304 } as const;
const RECORD = { alert: 21, handshake: 22, applicationData: 23 } as const;
/** The length of an encrypted alert of TLS 1.3, whose type is not to be seen: level, description, type, tag. */
const ALERT_LENGTH = 2 + 1 + 16;
const RESPONSES = new RegExp(`^(?:HTTP/1\\.1 200 OK\r\n(?:[^\r\n]+\r\n)+\r\n${GREETING})*$`);

/** What an unchanged client of a kind sends. */
export interface Sent {
  /** Where its records begin. */
  readonly records: readonly number[];
  readonly bytes: number;
}

/** True if the last record that came is an alert; also close_notify is one. */
function endsWithAlert({ raw }: TlsHeard): boolean {
  const last = recordsOf(raw).at(-1);
  return last !== undefined &&
    (last.type === RECORD.alert || (last.type === RECORD.applicationData && last.length === ALERT_LENGTH));
}

/** Checks what a client got. @throws {Error} when that is wrong */
export function judge(kind: Kind, { tampering }: TlsScript, heard: TlsHeard): void {
  const { text, failure, end, isOpen, beginning } = heard;
  if (end === "untried") return;
  if (end === "hang") {
    throw new Error(`the connection does not end (open: ${isOpen}, ${heard.raw.length} bytes came)`);
  }
  if (!RESPONSES.test(text)) throw new Error(`wrong bytes came: ${shown(text)}`);
  const responses = text.split(GREETING).length - 1;
  if (tampering.keepsBytes) {
    if (failure !== "") throw new Error(`the client could not read what came: ${failure}`);
    if (tampering.endAt === Infinity) {
      if (responses !== REQUESTS.length) throw new Error(`${responses} responses came`);
      if (heard.isResumed !== kind.endsWith("resumed")) throw new Error(`resumed: ${heard.isResumed}`);
      if (!endsWithAlert(heard)) throw new Error("the end came without close_notify");
    }
    // The client's own close_notify may come when the server has closed.
    if (end !== 0 && !heard.hasNotified) throw new Error(`the end is a reset, ${end}`);
    return;
  }
  // A client that has said close_notify itself, and sends more, may be reset.
  if (end < 0 && !isOpen && !tampering.mayBeAlert) throw new Error(`the handshake ended by a reset, ${end}`);
  // Nothing is said to a client that has ended, has sent an alert, or does not speak TLS at all.
  const isTls = beginning[0] === RECORD.handshake && beginning[1] === 3;
  const isToBeTold = end === 0 && heard.serverEndedFirst && failure === "" && !tampering.mayBeAlert && isTls;
  if (isToBeTold && !endsWithAlert(heard)) {
    throw new Error(`the server ended without an alert, after ${JSON.stringify(recordsOf(heard.raw))}`);
  }
}

/** Records that a client may add anywhere: empty, repeated, oversized, of types that do not exist. */
const ADDED = [
  "1603030000",
  "1703030000",
  "1503030000",
  "1403030000",
  "140303000101",
  "140303000102",
  "15030300020100",
  "1503030002015a",
  "15030300020228",
  "1603030001",
  "1603034001",
  "160303ffff",
  "1703034101",
  "17030300010017",
  "1803030003010000",
  "1603030004010000ff",
  "16030300050200000100",
  "160303000400000000",
  "8080010301",
  "474554202f20485454502f312e310d0a",
  "00",
  "ff",
] as const;

function hexOf(random: Random, bytes: number): string {
  return Array.from({ length: bytes }, () => random.below(256).toString(16).padStart(2, "0")).join("");
}

/** Returns random changes for a client that sends `sent`. */
export function randomChanges(random: Random, sent: Sent): string {
  const changes: string[] = [];
  const anywhere = () => random.below(sent.bytes);
  const count = random.oneIn(4) ? 2 + random.below(4) : 1;
  for (let i = 0; i < count; i++) {
    const record = random.pick(sent.records);
    switch (random.below(9)) {
      case 0:
        changes.push(`xor ${anywhere()} ${(1 << random.below(8)).toString(16).padStart(2, "0")}`);
        break;
      case 1: // the type of a record
        changes.push(`set ${record} ${random.pick(["14", "15", "16", "17", "18", "00", "80", "ff"])}`);
        break;
      case 2: // its version
        changes.push(
          `set ${record + 1} ${random.pick(["0300", "0301", "0302", "0304", "0200", "0400", "ffff"])}`,
        );
        break;
      case 3: // its length
        changes.push(
          `set ${record + 3} ${
            random.pick(["0000", "0001", "4000", "4001", "4100", "4101", "ffff", hexOf(random, 2)])
          }`,
        );
        break;
      case 4: // a length within, perhaps
        changes.push(`set ${anywhere()} ${random.pick(["00", "ff", "ffff", "0000", hexOf(random, 2)])}`);
        break;
      case 5:
        changes.push(`drop ${anywhere()} ${1 + random.below(random.oneIn(3) ? 200 : 4)}`);
        break;
      case 6: // between two records
        changes.push(`add ${record} ${random.pick(ADDED)} ${random.pick([1, 1, 2, 5, 33, 300])}`);
        break;
      case 7:
        changes.push(`add ${anywhere()} ${random.pick(ADDED)} ${random.pick([1, 1, 2, 5, 33])}`);
        break;
      default:
        changes.push(
          `add ${random.pick([record, anywhere()])} ${hexOf(random, 1 + random.below(40))} ${
            random.oneIn(8) ? 1000 : 1
          }`,
        );
    }
  }
  if (random.oneIn(3)) changes.push(`cut ${anywhere()}`);
  if (random.oneIn(30)) changes.push("cuts");
  if (random.oneIn(6)) changes.push(`end ${anywhere()} ${random.pick(["fin", "rst"])}`);
  return changes.join(";");
}

/** The program under test, and what its clients know. */
interface Subject {
  readonly secure: SecureProgram;
  readonly options: ReadonlyMap<Kind, TlsClientOptions>;
  readonly sent: ReadonlyMap<Kind, Sent>;
  readonly descriptors: number;
  close(): void;
}

/** Returns what clients of each kind offer, with sessions of the server at `port`. */
export async function optionsFor(port: number): Promise<ReadonlyMap<Kind, TlsClientOptions>> {
  const options = new Map<Kind, TlsClientOptions>();
  for (const kind of HANDSHAKES) {
    const own = { version: VERSION[kind.slice(0, 3) as "1.2"], serverName: "localhost", alpn: ["http/1.1"] };
    options.set(kind, kind.endsWith("full") ? own : { ...own, session: await sessionOf(port, own) });
  }
  return options;
}

/** Starts the program, and records what unchanged clients send. */
async function start(poller: string): Promise<Subject> {
  const site = new Site({ "index.html": GREETING });
  const secure = await SecureProgram.start(site.root, ["--poller", poller]);
  const { port, pid } = secure;
  const options = await optionsFor(port);
  const sent = new Map<Kind, Sent>();
  for (let round = 0; round < 30; round++) { // until permanent descriptors are open
    const scripts = HANDSHAKES.map((kind) => ({ options: options.get(kind)!, tampering: new Tampering("") }));
    for (const [i, heard] of talkTls(port, scripts).entries()) {
      judge(HANDSHAKES[i]!, scripts[i]!, heard);
      sent.set(HANDSHAKES[i]!, { records: heard.records, bytes: heard.sentBytes });
    }
  }
  return { secure, options, sent, descriptors: descriptorsOf(pid), close: () => site[Symbol.dispose]() };
}

/** Returns a session that the server resumes. */
async function sessionOf(port: number, options: TlsClientOptions): Promise<Deno.PointerObject> {
  using client = await TlsClient.connect(port, options);
  await client.send(REQUESTS[0]);
  await client.receiveText(GREETING);
  client.sayEnd();
  return client.session;
}

/** A target whose cases are connections. The parts of an input are the kind of the handshake, and the changes. */
export class HandshakeTarget implements FuzzTarget {
  readonly name = "handshakes";
  readonly batch = 256;
  readonly unit = "handshakes";
  #poller: string | null;
  #subject: Subject | null = null;

  /** `poller` is null to have the seed choose. */
  constructor(poller: string | null = null) {
    this.#poller = poller;
  }

  async #started(seed: number): Promise<Subject> {
    this.#poller ??= new Random(seed).pick(USABLE_POLLERS);
    return this.#subject ??= await start(this.#poller);
  }

  /** Returns what an unchanged client of this kind sends. */
  async sent(kind: Kind): Promise<Sent> {
    return (await this.#started(0)).sent.get(kind)!;
  }

  /** Returns the process id of the program. */
  async pid(): Promise<number> {
    return (await this.#started(0)).secure.pid;
  }

  async run(seed: number, first: number, count: number): Promise<number> {
    const { sent } = await this.#started(seed);
    const inputs = Array.from({ length: count }, (_, i): Input => {
      const random = caseRandom(seed, first + i);
      const kind = random.pick(HANDSHAKES);
      return [kind, random.oneIn(8) ? "" : randomChanges(random, sent.get(kind)!)]; // others have to be served meanwhile
    });
    await this.play(inputs, seed, first);
    return count;
  }

  /** Plays `inputs` at once. @throws {FuzzFailure} */
  async play(inputs: readonly Input[], seed: number, first: number): Promise<TlsHeard[]> {
    const subject = await this.#started(seed);
    const scripts = inputs.map((input) => this.#scriptOf(subject, input));
    const heard = talkTls(subject.secure.port, scripts);
    for (const [i, input] of inputs.entries()) {
      try {
        judge(input[0] as Kind, scripts[i]!, heard[i]!);
      } catch (error) {
        throw await smallestFailure(this.name, seed, first + i, input, error, (input) => this.check(input));
      }
    }
    const { pid } = subject.secure;
    await eventually(
      () => descriptorsOf(pid) <= subject.descriptors,
      () => `${descriptorsOf(pid)} descriptors are open, ${subject.descriptors} were at first`,
    );
    return heard;
  }

  #scriptOf({ options }: Subject, [kind, changes]: Input): TlsScript {
    return {
      options: options.get(kind as Kind) ?? options.get(HANDSHAKES[0])!,
      tampering: new Tampering(changes!),
    };
  }

  /** Runs one connection. @throws {Error} when what it got is wrong */
  async check(input: Input): Promise<void> {
    const subject = await this.#started(0);
    const script = this.#scriptOf(subject, input);
    const kind = HANDSHAKES.find((kind) => kind === input[0]) ?? HANDSHAKES[0];
    judge(kind, script, talkTls(subject.secure.port, [script])[0]!);
  }

  async close(): Promise<void> {
    const subject = this.#subject;
    this.#subject = null;
    if (subject === null) return;
    try {
      const { program } = subject.secure;
      program.kill("SIGTERM");
      const { code, stderr } = await program.finish();
      if (code !== 0 || stderr !== "") {
        throw new Error(`the program ended with ${code} and printed ${shown(stderr)}`);
      }
    } finally {
      await subject.secure[Symbol.asyncDispose]();
      subject.close();
    }
  }
}

/** The target of `deno task fuzz handshakes`. */
export const handshakes: FuzzTarget = new HandshakeTarget();
