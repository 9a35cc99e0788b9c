/**
 * The notation of the tests of the request parser: an input beside its result.
 *
 * Every input is replayed at every split, in a larger buffer with other bytes before and after it. A prefix must give
 * "incomplete" or the same result as the whole input. Otherwise the response would depend on how the network cut the
 * bytes.
 * @module
 */
import { assertEquals } from "@std/assert";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest, type TargetForm } from "../../server/http/request.ts";

/** The parsed parts of a head. */
export interface Parsed {
  readonly method: string;
  readonly form: TargetForm;
  readonly path: string;
  readonly query: string;
  readonly minorVersion: number;
  readonly keepAlive: boolean;
  readonly contentLength: number;
  readonly chunked: boolean;
  readonly expectsContinue: boolean;
  readonly isConditional: boolean;
  readonly hasBody: boolean;
  /** Names and values, as they were sent. */
  readonly fields: readonly (readonly [string, string])[];
  /** The bytes after the head, in the notation of the input. */
  readonly rest: string;
}

/** The parts that a test does not mention are those of `GET / HTTP/1.1`. */
const USUAL: Omit<Parsed, "fields"> = {
  method: "GET",
  form: "origin",
  path: "/",
  query: "",
  minorVersion: 1,
  keepAlive: true,
  contentLength: -1,
  chunked: false,
  expectsContinue: false,
  isConditional: false,
  hasBody: false,
  rest: "",
};

/** Returns the bytes of `text`. `⏎` stands for CR LF; every other character is the byte with its code. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const written = text.includes("⏎") ? text.replaceAll("⏎", "\r\n") : text;
  const bytes = new Uint8Array(written.length);
  for (let i = 0; i < written.length; i++) {
    const code = written.charCodeAt(i);
    if (code > 255) throw new RangeError(`No byte: ${written[i]}`);
    bytes[i] = code;
  }
  return bytes;
}

/** Returns the text of `bytes`, a character for each byte. */
export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Returns everything that is visible of a request, except `rest`. */
export function describe(request: HttpRequest): Omit<Parsed, "rest"> {
  const { buffer: bytes, fieldCount, fields: offsets } = request;
  const fields = Array.from({ length: fieldCount }, (_, i): [string, string] => {
    const [nameStart, nameEnd, valueStart, valueEnd] = offsets.subarray(i * 4, i * 4 + 4);
    return [textOf(bytes.subarray(nameStart, nameEnd)), textOf(bytes.subarray(valueStart, valueEnd))];
  });
  const { method, targetForm: form, path, query, minorVersion, keepAlive, contentLength, chunked } = request;
  const { expectsContinue, isConditional, hasBody } = request;
  return {
    method,
    form,
    path,
    query,
    minorVersion,
    keepAlive,
    contentLength,
    chunked,
    expectsContinue,
    isConditional,
    hasBody,
    fields,
  };
}

/** Every test fills the same object, as a server does. Remains of one head would show in the next. */
const request = new HttpRequest();
/** The distance of the input from both ends of the buffer. */
const MARGIN = 37;
/** The bytes around the input. The first of them would complete a CR if it were read. */
const SURROUNDINGS = [0x0a, 0xff];

/** Longer inputs are tried with other bytes around them only at some splits. */
const LONG = 4096;

/** Parses every prefix of `input`, checks that the results agree, and returns that of the whole. */
export function replay(input: Uint8Array): number {
  const whole = new Uint8Array(input.length + 2 * MARGIN).fill(0x41);
  whole.set(input, MARGIN);
  const answer = parseRequest(whole, MARGIN, MARGIN + input.length, request);
  let isDecided = false;
  const requirePrefix = (bytes: Uint8Array<ArrayBuffer>, length: number, how: string) => {
    const given = parseRequest(bytes, MARGIN, MARGIN + length, request);
    // An accepted head is decided by its last byte, neither earlier nor later.
    const wanted = answer > 0 ? (length < answer ? 0 : answer) : given === 0 && !isDecided ? 0 : answer;
    if (given !== wanted) {
      const shown = JSON.stringify(textOf(input.subarray(0, length)).slice(-200));
      throw new Error(`${length} of ${input.length} bytes (${how}) give ${given}, not ${wanted}: …${shown}`);
    }
    return given !== 0;
  };
  // First with the rest of the input after the prefix, then with bytes that do not belong to it.
  for (let length = 0; length <= input.length; length++) {
    if (requirePrefix(whole, length, "the rest behind it")) isDecided = true;
  }
  for (const byte of SURROUNDINGS) {
    const growing = new Uint8Array(whole.length).fill(byte);
    isDecided = false;
    for (let length = 0; length <= input.length; length++) {
      if (length > 0) growing[MARGIN + length - 1] = input[length - 1]!;
      if (length > LONG && length % 16 > 0 && input.length - length > 16) continue;
      if (requirePrefix(growing, length, `bytes ${byte} around it`)) isDecided = true;
    }
  }
  return parseRequest(whole, MARGIN, MARGIN + input.length, request);
}

/** Asserts that the head at the beginning of `text` is accepted and parsed as `expected`. */
export function assertAccepted(text: string, expected: Partial<Parsed> = {}): void {
  const input = bytesOf(text);
  const taken = replay(input);
  if (taken <= 0) throw new Error(`${taken} for ${JSON.stringify(text.slice(0, 300))}`);
  const rest = textOf(input.subarray(taken)).replaceAll("\r\n", "⏎");
  const read = describe(request);
  assertEquals({ ...read, rest }, { fields: read.fields, ...USUAL, ...expected }, text.slice(0, 300));
}

/** Asserts that `text` is refused with `status`. */
export function assertRefused(status: number, text: string): void {
  assertEquals(replay(bytesOf(text)), -status, JSON.stringify(text.slice(0, 300)));
}

/** Asserts that `text` is incomplete. */
export function assertIncomplete(text: string): void {
  assertEquals(replay(bytesOf(text)), 0, JSON.stringify(text.slice(0, 300)));
}

/** Registers a test that each of `texts` is parsed as `expected`. */
export function accepts(name: string, expected: Partial<Parsed>, ...texts: string[]): void {
  Deno.test(name, () => {
    for (const text of texts) assertAccepted(text, expected);
  });
}

/** Registers a test that each of `texts` is refused with `status`. */
export function refuses(name: string, status: number, ...texts: string[]): void {
  Deno.test(name, () => {
    for (const text of texts) assertRefused(status, text);
  });
}

/** Returns a request with field `lines` after its Host. */
export function withFields(...lines: string[]): string {
  return ["GET / HTTP/1.1", "Host: a", ...lines, "", ""].join("⏎");
}

/** Returns a `POST` with field `lines` after its Host. */
export function postWith(...lines: string[]): string {
  return withFields(...lines).replace("GET", "POST");
}
