/**
 * Fuzzes requests that are sent by HTTP/1.1 and by HTTP/2 to one server: status, fields and body are the same. What HTTP/1.1
 * refuses as malformed may be a stream error in HTTP/2. The seed also chooses the poller, and whether there is TLS.
 * @module
 */
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { type Ask, askHttp1, BothVersions, type Place } from "../support/both_versions.ts";
import type { Line } from "../support/http2_wire.ts";
import { DENO, Program, REPOSITORY } from "../support/program.ts";
import { Random } from "../support/random.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { randomConditions } from "./conditions.ts";
import {
  caseRandom,
  type FuzzTarget,
  type Input,
  requireSame,
  shown,
  smallestFailure,
} from "./fuzz_target.ts";
import { randomAccept } from "./negotiation.ts";
import { randomRange } from "./ranges.ts";
import { isFieldWrong } from "./reference_http2_head.ts";
import { FILES, MODIFIED_SECONDS, SiteTree } from "./site_tree.ts";
import { randomTarget } from "./targets.ts";
import type { VersionsArguments } from "./versions_program.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

/** Connections at a time, each with requests of its own. */
const AT_ONCE = 8;
const METHODS = ["GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "X".repeat(33), "get"];
const URLS = [
  ...Object.keys(FILES).map((name) =>
    `/${name.replace(/[^\w./-]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)}`
  ),
  ..."/ /d /d/ /d/?sort=size /dirlink/ /link /out /loop /missing /nothing/".split(" "),
];
const NAMES = ["X-A", "Cookie", "Origin", "Accept", "Referer", "Authorization", "Accept-Language", "Host2"];

/** Returns a value without line ends, and white space around it, which HTTP/2 does not allow. */
function valueOf(text: string): string {
  return text.replace(/[\r\n]/g, "").replace(/^[ \t]+|[ \t]+$/g, "");
}

/** Returns a random request as an input: method, target, lines of fields, and the body with `+` before it, or nothing. */
function makeInput(random: Random): Input {
  const method = random.pick(METHODS);
  // A space or a control character would end the target of HTTP/1.1.
  const target = (random.oneIn(3) ? `/${randomTarget(random)}` : random.pick(URLS)).replace(
    /[\0-\x20\x7f]/g,
    "",
  );
  const lines: string[] = [];
  const add = (name: string, value: string) => lines.push(`${name}: ${valueOf(value)}`);
  const length = FILES[target.slice(1)]?.length ?? 20;
  if (random.oneIn(2)) add("Range", randomRange(random, length));
  if (random.oneIn(3)) add("Accept-Encoding", randomAccept(random));
  if (random.oneIn(2)) {
    lines.push(...randomConditions(random, '"x"', MODIFIED_SECONDS).split("\r\n").map(valueOf));
  }
  if (random.oneIn(3)) {
    add(
      random.pick(NAMES),
      random.pick(["", "a", "https://b.example", "\xe4\t\xff", "a".repeat(9000), "*/*;q=0.1"]),
    );
  }
  const body = method === "POST" || method === "PUT" || random.oneIn(20)
    ? `+${"x".repeat(random.below(random.pick([3, 40_000])))}`
    : "";
  return [
    method,
    target,
    lines.filter((line) => line !== "").join("\n"),
    body,
    random.oneIn(2) ? "chunked" : "",
  ];
}

function askOf([method, target, lines, body, framing]: Input): Ask {
  const fields = lines!.split("\n").filter((line) => line.indexOf(":") > 0).map((line): Line => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), valueOf(line.slice(colon + 1))];
  });
  const ask = { method: method!, target: target!, fields, isChunked: framing === "chunked" };
  return body === "" ? ask : { ...ask, body: body!.slice(1) };
}

function isMalformedField([name, value]: Line): boolean {
  return isFieldWrong([name.toLowerCase(), value]);
}

/** Asks by both versions, and compares. @throws {Error} when they differ */
async function compare(place: Place, both: BothVersions, input: Input): Promise<void> {
  const ask = askOf(input);
  const [first, second] = [await askHttp1(place, ask), await both.askHttp2(ask)];
  if (typeof second !== "number") return requireSame(second, first, "by HTTP/2 and by HTTP/1.1");
  // HTTP/1.1 has read the method, which is too long for it, before it gets to a malformed field.
  const isMalformed = first.status === 400 || (first.status === 501 && ask.fields!.some(isMalformedField));
  if (!isMalformed || second !== ErrorCode.PROTOCOL_ERROR) {
    throw new Error(`the stream was reset with ${second}, HTTP/1.1 has ${first.status}`);
  }
}

/** The program under test. */
interface Subject {
  readonly program: Program;
  readonly place: Place;
  close(): void;
}

async function start(seed: number): Promise<Subject> {
  const random = new Random(seed);
  const tree = new SiteTree();
  const poller = random.pick(USABLE_POLLERS);
  using made = new TestCertificates();
  const tls = random.oneIn(2) ? made.make({ names: ["localhost"] }) : null;
  const told: VersionsArguments = { root: tree.root, poller, tls };
  const script = `${REPOSITORY}tests/fuzz/versions_program.ts`;
  const command = [...DENO, "run", "--no-prompt", "--allow-ffi", script, JSON.stringify(told)];
  const program = await Program.startCommand(command);
  const place = tls === null ? { port: program.port } : { port: program.port, authority: tls.cert };
  return { program, place, close: () => tree[Symbol.dispose]() };
}

/** A target whose cases are requests. */
class VersionsTarget implements FuzzTarget {
  readonly name = "versions";
  readonly batch = 256;
  readonly unit = "requests";
  #subject: Subject | null = null;

  async #started(seed: number): Promise<Subject> {
    return this.#subject ??= await start(seed);
  }

  async run(seed: number, first: number, count: number): Promise<number> {
    const { place } = await this.#started(seed);
    let next = first;
    const work = async () => {
      let both = await BothVersions.connect(place);
      try {
        while (next < first + count) {
          const number = next++;
          const input = makeInput(caseRandom(seed, number));
          try {
            await compare(place, both, input);
            if (number % 16 === 15) {
              both[Symbol.dispose]();
              both = await BothVersions.connect(place);
            }
          } catch (error) {
            throw await smallestFailure(this.name, seed, number, input, error, (input) => this.check(input));
          }
        }
      } finally {
        both[Symbol.dispose]();
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    return count;
  }

  async check(input: Input): Promise<void> {
    const { place } = await this.#started(0);
    using both = await BothVersions.connect(place);
    await compare(place, both, input);
  }

  async close(): Promise<void> {
    const subject = this.#subject;
    this.#subject = null;
    if (subject === null) return;
    try {
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

export const versions: FuzzTarget = new VersionsTarget();
