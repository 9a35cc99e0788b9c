/**
 * Reads received responses strictly, and compares them with the expected ones.
 * @module
 */
import { reasonPhrase } from "../../server/http/status.ts";
import { BODY_BYTES_MAX } from "../../server/limits.ts";
import { shown } from "./fuzz_target.ts";
import { referenceChunks } from "./reference_body.ts";
import type { Conversation, Expected } from "./reference_connection.ts";
import { SECRET } from "./site_tree.ts";

/**
 * Returns the status and the fields of a head, names in lower case.
 * @throws {Error} for a malformed head, and for a repeated field
 */
function headOf(text: string): { status: number; fields: Map<string, string> } {
  const [statusLine, ...lines] = text.split("\r\n") as [string, ...string[]];
  const match = /^HTTP\/1\.1 (\d{3}) (.+)$/.exec(statusLine);
  if (match === null || match[2] !== reasonPhrase(Number(match[1]))) {
    throw new Error(`no status line: ${shown(text)}`);
  }
  const fields = new Map<string, string>();
  for (const line of lines) {
    const field = /^([!#$%&'*+\-.^_`|~\w]+): ([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
    if (field === null) throw new Error(`no field: ${shown(line)}`);
    const name = field[1]!.toLowerCase();
    if (fields.has(name)) throw new Error(`${name} twice: ${shown(text)}`);
    fields.set(name, field[2]!);
  }
  return { status: Number(match[1]), fields };
}

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

/** Compares received bytes, a character for each, with `conversation`. @throws {Error} when they differ */
export function requireConversation(received: string, conversation: Conversation): void {
  if (received.includes(SECRET)) throw new Error("what is outside of the root, or hidden, was sent");
  let at = 0;
  const skipContinue = (may: boolean) => {
    if (may && received.startsWith(CONTINUE, at)) at += CONTINUE.length;
  };
  for (const [i, expected] of conversation.answers.entries()) {
    skipContinue(expected.mayContinue);
    if (at === received.length && (expected.isOptional || expected.isLoose)) return;
    const end = received.indexOf("\r\n\r\n", at);
    if (end < 0 && expected.isLoose) return;
    if (end < 0) {
      const count = conversation.answers.length;
      throw new Error(
        `answer ${i + 1} of ${count}, a ${expected.status}, did not come: ${shown(received.slice(at))}`,
      );
    }
    const { status, fields } = headOf(received.slice(at, end));
    at = end + 4;
    const where = `answer ${i + 1}`;
    if (expected.isLoose) return requireNoMore(received, conversation);
    if (status !== expected.status) {
      throw new Error(`${where} is ${status}, by the reference ${expected.status}`);
    }
    for (const [name, value] of Object.entries(expected.fields)) {
      const given = fields.get(name) ?? null;
      if (given !== value) {
        throw new Error(`${where}, ${status}: ${name} is ${given}, by the reference ${value}`);
      }
    }
    const date = fields.get("date") ?? "";
    if (!(Math.abs(Date.parse(date) - Date.now()) < 60_000)) throw new Error(`${where}: Date is ${date}`);
    const hasNone = expected.isHead || status === 204 || status === 304;
    const { body, next } = bodyAt(received, at, hasNone, fields, expected.isStream ?? false, where);
    at = next;
    if (expected.isHead || hasNone) requireLength(expected, fields.get("content-length"), where);
    else requireBody(expected, body, fields.get("content-type") ?? "", where);
  }
  skipContinue(conversation.mayContinue);
  if (at < received.length) throw new Error(`more came than was asked for: ${shown(received.slice(at))}`);
}

/** Returns the body after a head, by RFC 9112 §6.3. @throws {Error} when the framing is wrong */
function bodyAt(
  text: string,
  at: number,
  hasNone: boolean,
  fields: ReadonlyMap<string, string>,
  isStream: boolean,
  where: string,
): { body: string; next: number } {
  const length = fields.get("content-length");
  const coding = fields.get("transfer-encoding");
  if (length !== undefined && (coding !== undefined || !/^\d+$/.test(length))) {
    throw new Error(`${where}: Content-Length is ${length}, Transfer-Encoding ${coding}`);
  }
  if (hasNone) return { body: "", next: at };
  if (coding === "chunked" && isStream) {
    const { taken, data } = referenceChunks(text.slice(at), BODY_BYTES_MAX);
    if (taken <= 0) throw new Error(`${where} ends in the middle of its chunks (${taken})`);
    return { body: data, next: at + taken };
  }
  if (length === undefined && isStream && fields.get("connection") === "close") {
    return { body: text.slice(at), next: text.length };
  }
  if (length === undefined) throw new Error(`${where} has no length, and Transfer-Encoding ${coding}`);
  const body = text.slice(at, at + Number(length));
  if (body.length < Number(length)) {
    throw new Error(`${where} was cut off: ${body.length} of ${length} bytes`);
  }
  return { body, next: at + body.length };
}

/** Checks only that there are no more status lines than requests. */
function requireNoMore(received: string, { answers }: Conversation): void {
  const count = received.match(/HTTP\/1\.1 (?!100 )\d{3} [A-Z][\w -]*\r\nDate: /g)?.length ?? 0;
  if (count > answers.length) {
    throw new Error(`${count} answers to ${answers.length} requests: ${shown(received)}`);
  }
}

/** Checks that the response to HEAD has the length that GET would have. */
function requireLength(
  { body, status, isStream }: Expected,
  length: string | undefined,
  where: string,
): void {
  if (status === 304 || status === 204) {
    if (length !== undefined) throw new Error(`${where}, ${status}, has a length`);
  } else if (
    isStream !== true && (length === undefined || (body !== null && body.length !== Number(length)))
  ) {
    throw new Error(`${where} announces ${length} bytes, and has ${body?.length}`);
  }
}

function requireBody({ status, body, parts }: Expected, given: string, type: string, where: string): void {
  if (parts !== undefined) return requireParts(parts, given, type, where);
  if (body === null ? !given.startsWith(`${status} `) && status !== 301 : given !== body) {
    throw new Error(
      `${where}, ${status}: the body is ${shown(given)}, by the reference ${shown(body ?? "words")}`,
    );
  }
}

/** RFC 9110 §14.6: checks each part in turn, with its own Content-Range. */
function requireParts(
  parts: NonNullable<Expected["parts"]>,
  given: string,
  type: string,
  where: string,
): void {
  const boundary = /^multipart\/byteranges; boundary=([\w-]+)$/.exec(type)?.[1];
  if (boundary === undefined) throw new Error(`${where}: several parts as ${type}`);
  const { content, ranges } = parts;
  let at = 0;
  for (const [from, to] of ranges) {
    const head = new RegExp(
      `^${at === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: [^\r\n]+\r\n` +
        `Content-Range: bytes ${from}-${to - 1}/${content.length}\r\n\r\n`,
    ).exec(given.slice(at));
    if (head === null) throw new Error(`${where}: no part from ${from} to ${to}: ${shown(given.slice(at))}`);
    at += head[0].length;
    if (!given.startsWith(content.slice(from, to), at)) {
      throw new Error(`${where}: the part from ${from} is wrong`);
    }
    at += to - from;
  }
  if (given.slice(at) !== `\r\n--${boundary}--\r\n`) {
    throw new Error(`${where} ends by ${shown(given.slice(at))}`);
  }
}
