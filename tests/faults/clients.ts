/**
 * Clients of every kind at once, which compare each byte. A wrong byte is an error. Cut connections and error
 * responses are counted by the test.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { isEqual } from "../../server/http/bytes.ts";
import { Site } from "../support/program.ts";
import { noise } from "../support/random.ts";
import { local } from "../support/tls_serving.ts";
import { get, Wire, type WireResponse } from "../support/wire.ts";
import { Http2Line } from "./http2_line.ts";

/** What clients need of a connection, of either version of HTTP. */
type Line = Pick<Wire, "send" | "expect" | "arrival" | "endInput" | "isClosed"> & Disposable;

/** Connects a client. */
export type Connect = () => Promise<Line>;

/** Returns how to connect to a port, by TLS or not. */
export function connector(port: number, isSecure: boolean, speaksHttp2: boolean): Connect {
  if (speaksHttp2) return () => Http2Line.connect(port, isSecure ? local.cert : null);
  return () => isSecure ? Wire.connectTls(port, local.cert) : Wire.connect(port);
}

/** The longest wait of a client. */
const PATIENCE_MS = 8_000;

const SMALL = new TextEncoder().encode("a small file\n".repeat(20));
const MEDIUM = noise(200_000, 7);
/** Larger than files that are kept in memory. */
const LARGE = noise(1_200_000, 11);
/** Larger than the socket's buffers when the client does not read. */
const HUGE = noise(6_000_000, 5);
const BEFORE = new TextEncoder().encode("before");
const AFTER = new TextEncoder().encode("after");
const STYLE = new TextEncoder().encode("body { color: red }\n".repeat(100));
const STYLE_GZ = noise(90, 3); // any bytes: the server does not decompress them
const RANGES = "bytes=10-19,1000000-1000999";

/** The files for all faults. Each fault gets a new directory with the same files. */
export class FaultSite {
  readonly site: Site = new Site({
    "small.txt": SMALL,
    "medium.bin": MEDIUM,
    "large.bin": LARGE,
    "huge.bin": HUGE,
  });
  #count = 0;

  /** Makes a directory that the server has not seen yet, and removes the earlier ones. */
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

/** The result of one client: null, or what it noticed. */
export interface Outcome {
  readonly client: string;
  readonly noticed: string | null;
}

/** A request, and the check of its response. */
interface Step {
  readonly request: string;
  /** Called just before the request is sent. */
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

/**
 * Returns the requests of a client. A file is written to between two of them, after which no response may have its
 * old bytes.
 */
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

/** Returns the error that a response admits, or null. @throws {Error} for a wrong response */
function judge(step: Step, response: WireResponse): string | null {
  if (step.isRight(response)) return null;
  const { status } = response;
  // A file that cannot be examined may be reported as missing.
  if (status === 404 || status === 403 || status >= 500) return String(status);
  throw new Error(`WRONG: ${step.request.split("\r\n")[0]} got ${status}, ${response.body.length} bytes`);
}

/** Returns the clients that noticed something. @throws {AssertionError} when there are more than `most` */
export function whoNoticed(outcomes: readonly Outcome[], most: number): Outcome[] {
  const noticed = outcomes.filter(({ noticed }) => noticed !== null);
  assert(noticed.length <= most, `${noticed.length} clients noticed: ${JSON.stringify(noticed)}`);
  return noticed;
}

/**
 * Returns true for an error that a client sees when the server has given up its connection. With TLS, that is an end
 * without close_notify, too.
 */
function isCut(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.UnexpectedEof ||
    (error instanceof Error && /^(cut off|connection reset|the server closed)/.test(error.message));
}

/** Returns the result of `work`. @throws {Error} when it takes too long */
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

/** Sends one request after the other, on one connection as long as that lasts. */
async function keepsAlive(connect: Connect, steps: readonly Step[]): Promise<string | null> {
  let noticed: string | null = null;
  let wire = await connect();
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
        wire = await connect();
      }
    }
  } finally {
    wire[Symbol.dispose]();
  }
  return noticed;
}

async function pipelines(connect: Connect, directory: string): Promise<string | null> {
  const steps = [file(`${directory}/small.txt`, SMALL), file("/large.bin", LARGE), file("/small.txt", SMALL)];
  using wire = await connect();
  await wire.send(steps.map(({ request }) => request).join(""));
  let noticed: string | null = null;
  for (const step of steps) noticed ??= judge(step, await wire.expect());
  return noticed;
}

/** Sends more bytes than its refused request has, so its connection is closed while bytes are on their way. */
async function isRefused(connect: Connect): Promise<string | null> {
  using wire = await connect();
  await wire.send("no request\r\n\r\n");
  const { status } = await wire.expect();
  assertEquals(await wire.isClosed(), true);
  if (status === 503) return "503"; // the server had no descriptor for it
  assertEquals(status, 400);
  return null;
}

async function halfCloses(connect: Connect): Promise<string | null> {
  using wire = await connect();
  await wire.send(get("/large.bin"));
  await wire.endInput();
  return judge(file("/large.bin", LARGE), await wire.expect());
}

/** A client that is in the middle of a download when the fault comes. */
export class Downloader {
  readonly #wire: Line;

  private constructor(wire: Line) {
    this.#wire = wire;
  }

  static async start(connect: Connect): Promise<Downloader> {
    const wire = await connect();
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

/** Serves all clients, and returns what they noticed. @throws {Error} when a response was wrong or missing */
export async function serveAll(
  connect: Connect,
  directory: string,
  files: FaultSite,
  downloader: Downloader,
): Promise<Outcome[]> {
  return await Promise.all([
    downloader.finish(),
    client("keeps alive", () => keepsAlive(connect, stepsIn(directory, files))),
    client("pipelines", () => pipelines(connect, directory)),
    client("is refused", () => isRefused(connect)),
    client("half-closes", () => halfCloses(connect)),
  ]);
}

/** Sends twenty requests on new connections, and compares each response byte for byte. */
export async function twentyMore(connect: Connect, directory: string, files: FaultSite): Promise<void> {
  const steps = stepsIn(directory, files);
  const unchanging = steps.filter(({ before }) => before === undefined);
  const [left, right] = [steps, [...unchanging, ...unchanging.slice(0, 2)]];
  assert(left.length + right.length === 20, String(left.length + right.length));
  const outcomes = await Promise.all([
    client("afterwards", () => keepsAlive(connect, left)),
    client("afterwards", () => keepsAlive(connect, right)),
  ]);
  assertEquals(outcomes.map(({ noticed }) => noticed), [null, null]);
}
