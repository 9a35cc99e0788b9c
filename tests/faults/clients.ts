/**
 * Clients of every kind at once, who compare each byte with what is right. What is wrong is an error; a connection that
 * was cut, and an answer that says that it failed, is for the test to count.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { isEqual } from "../../server/http/bytes.ts";
import { Site } from "../support/program.ts";
import { noise } from "../support/random.ts";
import { get, Wire, type WireResponse } from "../support/wire.ts";

/** Nobody waits for longer. */
const PATIENCE_MS = 8_000;

const SMALL = new TextEncoder().encode("a small file\n".repeat(20));
const MEDIUM = noise(200_000, 7);
/** Larger than what is kept in memory. */
const LARGE = noise(1_200_000, 11);
/** Larger than what a socket takes of a client that does not read. */
const HUGE = noise(6_000_000, 5);
const BEFORE = new TextEncoder().encode("before");
const AFTER = new TextEncoder().encode("after");
const STYLE = new TextEncoder().encode("body { color: red }\n".repeat(100));
const STYLE_GZ = noise(90, 3); // whatever: the server does not look inside
const RANGES = "bytes=10-19,1000000-1000999";

/** The files that all faults are tried on: a new directory with the same files for each of them. */
export class FaultSite {
  readonly site: Site = new Site({
    "small.txt": SMALL,
    "medium.bin": MEDIUM,
    "large.bin": LARGE,
    "huge.bin": HUGE,
  });
  #count = 0;

  /** A directory that the server has never heard of; those of before are removed. */
  fresh(): string {
    if (this.#count > 0) Deno.removeSync(this.site.path(`d${this.#count}`), { recursive: true });
    const name = `d${++this.#count}`;
    this.site.write(`${name}/small.txt`, SMALL);
    this.site.write(`${name}/changing.txt`, BEFORE);
    this.site.write(`${name}/medium.bin`, MEDIUM);
    this.site.write(`${name}/style.css`, STYLE);
    this.site.write(`${name}/style.css.gz`, STYLE_GZ);
    Deno.mkdirSync(this.site.path(`${name}/empty`));
    Deno.linkSync(this.site.path("large.bin"), this.site.path(`${name}/large.bin`));
    return `/${name}`;
  }

  [Symbol.dispose](): void {
    this.site[Symbol.dispose]();
  }
}

/** How it went for one client: null, or what it noticed. */
export interface Outcome {
  readonly client: string;
  readonly noticed: string | null;
}

/** A request, and whether the response to it is right. */
interface Step {
  readonly request: string;
  /** What happens just before it is sent. */
  before?(): void;
  isRight(response: WireResponse): boolean;
}

function equals(bytes: Uint8Array): (response: WireResponse) => boolean {
  return ({ status, body }) => status === 200 && isEqual(body, bytes);
}

function file(target: string, bytes: Uint8Array): Step {
  return { request: get(target), isRight: equals(bytes) };
}

const listed = ["small.txt", "medium.bin", "large.bin", "style.css"];

/** A file is written to between two of them: nobody may get its old bytes afterwards. */
function stepsIn(directory: string, files: FaultSite): Step[] {
  const changing = `${directory}/changing.txt`;
  return [
    file(`${directory}/small.txt`, SMALL),
    { ...file(changing, BEFORE), before: () => files.site.write(changing.slice(1), BEFORE) },
    { ...file(changing, AFTER), before: () => files.site.write(changing.slice(1), AFTER) },
    file(`${directory}/medium.bin`, MEDIUM),
    { request: get(`${directory}/missing`), isRight: ({ status }) => status === 404 },
    {
      request: get(`${directory}/`),
      isRight: ({ status, text }) => status === 200 && listed.every((name) => text.includes(name)),
    },
    {
      request: get(`${directory}/style.css`, "Accept-Encoding: gzip"),
      isRight: ({ status, fields, body }) =>
        status === 200 && isEqual(body, fields["content-encoding"] === "gzip" ? STYLE_GZ : STYLE),
    },
    file(`${directory}/large.bin`, LARGE),
    {
      request: get("/large.bin", `Range: ${RANGES}`),
      isRight: ({ status, body }) => status === 206 && hasRanges(body),
    },
    file(`${directory}/small.txt`, SMALL),
  ];
}

function hasRanges(body: Uint8Array): boolean {
  const text = new TextDecoder("latin1").decode(body);
  const piece = (start: number, end: number) =>
    new TextDecoder("latin1").decode(LARGE.subarray(start, end)) + "\r\n";
  return text.includes(piece(10, 20)) && text.includes(piece(1_000_000, 1_001_000));
}

/** What a response says that is not right, but honest. @throws {Error} for one that lies. */
function judge(step: Step, response: WireResponse): string | null {
  if (step.isRight(response)) return null;
  const { status } = response;
  // Of what cannot be looked at it may be said that it is not there.
  if (status === 404 || status === 403 || status >= 500) return String(status);
  throw new Error(`WRONG: ${step.request.split("\r\n")[0]} got ${status}, ${response.body.length} bytes`);
}

/** The clients that noticed something. @throws {AssertionError} when those are more than `most`. */
export function whoNoticed(outcomes: readonly Outcome[], most: number): Outcome[] {
  const noticed = outcomes.filter(({ noticed }) => noticed !== null);
  assert(noticed.length <= most, `${noticed.length} clients noticed: ${JSON.stringify(noticed)}`);
  return noticed;
}

/** True for what a client sees of a connection that the server gave up. */
function isCut(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset ||
    (error instanceof Error && /^(cut off|connection reset|the server closed)/.test(error.message));
}

/** What `work` comes to. @throws {Error} when that takes too long. */
export async function patiently<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`HANGS: ${what}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function client(name: string, talk: () => Promise<string | null>): Promise<Outcome> {
  try {
    return { client: name, noticed: await patiently(name, talk()) };
  } catch (error) {
    if (isCut(error)) return { client: name, noticed: (error as Error).message.slice(0, 60) };
    throw error;
  }
}

/** One request after the other, on one connection as long as it lasts. */
async function keepsAlive(port: number, steps: readonly Step[]): Promise<string | null> {
  let noticed: string | null = null;
  let wire = await Wire.connect(port);
  try {
    for (const step of steps) {
      try {
        step.before?.();
        await wire.send(step.request);
        noticed ??= judge(step, await wire.expect());
      } catch (error) {
        if (!isCut(error)) throw error;
        noticed ??= `cut in ${step.request.split("\r\n")[0]}`;
        wire[Symbol.dispose]();
        wire = await Wire.connect(port);
      }
    }
  } finally {
    wire[Symbol.dispose]();
  }
  return noticed;
}

async function pipelines(port: number, directory: string): Promise<string | null> {
  const steps = [file(`${directory}/small.txt`, SMALL), file("/large.bin", LARGE), file("/small.txt", SMALL)];
  using wire = await Wire.connect(port);
  await wire.send(steps.map(({ request }) => request).join(""));
  let noticed: string | null = null;
  for (const step of steps) noticed ??= judge(step, await wire.expect());
  return noticed;
}

/** Its connection is ended with more of it on the way. */
async function isRefused(port: number): Promise<string | null> {
  using wire = await Wire.connect(port);
  await wire.send("no request\r\n\r\n");
  const { status } = await wire.expect();
  assertEquals(await wire.isClosed(), true);
  if (status === 503) return "503"; // there was no descriptor for it
  assertEquals(status, 400);
  return null;
}

async function halfCloses(port: number): Promise<string | null> {
  using wire = await Wire.connect(port);
  await wire.send(get("/large.bin"));
  await wire.endInput();
  return judge(file("/large.bin", LARGE), await wire.expect());
}

/** In the middle of a download when the fault comes. */
export class Downloader {
  readonly #wire: Wire;

  private constructor(wire: Wire) {
    this.#wire = wire;
  }

  static async start(port: number): Promise<Downloader> {
    const wire = await Wire.connect(port);
    await wire.send(get("/huge.bin"));
    await patiently("the first byte", wire.arrival());
    return new Downloader(wire);
  }

  finish(): Promise<Outcome> {
    return client("downloads", async () => {
      using wire = this.#wire;
      return judge(file("/huge.bin", HUGE), await wire.expect());
    });
  }
}

/** What all clients noticed. @throws {Error} when an answer was wrong, or did not come. */
export async function serveAll(
  port: number,
  directory: string,
  files: FaultSite,
  downloader: Downloader,
): Promise<Outcome[]> {
  return await Promise.all([
    downloader.finish(),
    client("keeps alive", () => keepsAlive(port, stepsIn(directory, files))),
    client("pipelines", () => pipelines(port, directory)),
    client("is refused", () => isRefused(port)),
    client("half-closes", () => halfCloses(port)),
  ]);
}

/** Twenty requests, on new connections: each answered byte for byte. */
export async function twentyMore(port: number, directory: string, files: FaultSite): Promise<void> {
  const steps = stepsIn(directory, files);
  const unchanging = steps.filter(({ before }) => before === undefined);
  const [left, right] = [steps, [...unchanging, ...unchanging.slice(0, 2)]];
  assert(left.length + right.length === 20, String(left.length + right.length));
  const outcomes = await Promise.all([
    client("afterwards", () => keepsAlive(port, left)),
    client("afterwards", () => keepsAlive(port, right)),
  ]);
  assertEquals(outcomes.map(({ noticed }) => noticed), [null, null]);
}
