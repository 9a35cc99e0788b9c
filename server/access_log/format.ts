/**
 * The formats of the access log. A line consists of a part for the connection, the user, a part for the second, a part
 * for the request and its response, and the duration. So most parts of a line can be reused.
 *
 * `common` and `combined` are those of the Apache HTTP Server (mod_log_config), followed by the duration in seconds.
 * @module
 */
import { encodeUtf8 } from "../http/characters.ts";
import { ADDED_BYTES_MAX, BARE, type Escaping, JSON_STRING, QUOTED } from "./escape.ts";
import type { LoggedHead } from "./logged_head.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const SP = 0x20;
const QUOTE = 0x22;
const DASH = 0x2d;

/** Writes a part of a line into `out` at `at`, where there is room. Returns the offset after it. */
export type Part = (loggedHead: LoggedHead, out: Bytes, at: number) => number;

/** The parts of a log line. */
export interface LogFormat {
  /** Returns the start of a line, which shows the client. */
  lead(client: string): Bytes;
  readonly user: Part;
  /** Returns the time; `seconds` since 1970. */
  date(seconds: number): Bytes;
  /** The request, up to the status. */
  readonly before: Part;
  /** The bytes between the status and the number of bytes. */
  readonly between: Bytes;
  /** The rest of the request, up to the duration. */
  readonly after: Part;
  /** The end of a line. */
  readonly end: Bytes;
}

/** The format of a line; `none` writes no lines. */
export type LogFormatName = "combined" | "common" | "json" | "none";
/** All values of {@linkcode LogFormatName}. */
export const LOG_FORMAT_NAMES: readonly LogFormatName[] = ["combined", "common", "json", "none"];

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Formats a time like Apache: `21/Nov/2026:22:06:00 +0000`. */
function commonDate(seconds: number): string {
  const [date, time] = isoDate(seconds).split("T") as [string, string];
  const [year, month, day] = date.split("-");
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`;
}

/** Formats a time as in RFC 3339: `2026-11-21T22:06:00Z`. */
export function isoDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+/, "");
}

/** Copies a few bytes, faster than `set` would. Returns the offset after them. */
export function copy(bytes: Bytes, out: Bytes, at: number): number {
  for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i]!;
  return at + bytes.length;
}

/** Escapes a text that may contain anything, such as the path of a UNIX socket. */
function escaped(text: string, escaping: Escaping): string {
  const bytes = encodeUtf8(text);
  const out = new Uint8Array(bytes.length + ADDED_BYTES_MAX);
  return new TextDecoder().decode(out.subarray(0, escaping.write(bytes, 0, bytes.length, out, 0)));
}

/** Writes a value in quotes; `"-"` if it is empty. */
function quoted({ bytes }: LoggedHead, start: number, end: number, out: Bytes, at: number): number {
  out[at++] = QUOTE;
  if (start === end) out[at++] = DASH;
  else at = QUOTED.write(bytes, start, end, out, at);
  out[at++] = QUOTE;
  return at;
}

/** Returns a part that writes the user, or `none` if there is none. */
function userBy(escaping: Escaping, none: Bytes): Part {
  return ({ user }, out, at) =>
    user.length === 0 ? copy(none, out, at) : escaping.write(user, 0, user.length, out, at);
}

function textFormat(isCombined: boolean): LogFormat {
  return {
    lead: (client) => encodeUtf8(`${escaped(client, BARE)} - `),
    user: userBy(BARE, encodeUtf8("-")),
    date: (seconds) => encodeUtf8(` [${commonDate(seconds)}] `),
    before: (loggedHead, out, at) => {
      at = quoted(loggedHead, loggedHead.lineStart, loggedHead.lineEnd, out, at);
      out[at] = SP;
      return at + 1;
    },
    between: encodeUtf8(" "),
    after: (loggedHead, out, at) => {
      out[at++] = SP;
      if (!isCombined) return at;
      at = quoted(loggedHead, loggedHead.refererStart, loggedHead.refererEnd, out, at);
      out[at++] = SP;
      at = quoted(loggedHead, loggedHead.agentStart, loggedHead.agentEnd, out, at);
      out[at] = SP;
      return at + 1;
    },
    end: encodeUtf8("\n"),
  };
}

const NULL = encodeUtf8("null");
/** The length of ` HTTP/1.1` at the end of a request line. */
const VERSION_BYTES = 9;
const VERSION = encodeUtf8(" HTTP/");

/** Returns the offset of the end of the method in a request line, or its start if the line is not valid. */
function methodEndOf({ bytes, lineStart, lineEnd }: LoggedHead): number {
  const version = lineEnd - VERSION_BYTES;
  for (let i = 0; i < VERSION.length; i++) {
    if (bytes[version + i] !== VERSION[i]) return lineStart;
  }
  for (let i = lineStart; i < version; i++) {
    if (bytes[i] === SP) return i;
  }
  return lineStart;
}

/** Writes `name` and a value in quotes; `null` if the value is empty. */
function member(
  name: Bytes,
  { bytes }: LoggedHead,
  start: number,
  end: number,
  out: Bytes,
  at: number,
): number {
  at = copy(name, out, at);
  if (start >= end) return copy(NULL, out, at);
  out[at++] = QUOTE;
  at = JSON_STRING.write(bytes, start, end, out, at);
  out[at++] = QUOTE;
  return at;
}

function jsonFormat(): LogFormat {
  const names = (...names: string[]) => names.map((name) => encodeUtf8(name));
  const [method, target, protocol, status] = names('"method":', ',"target":', ',"protocol":', ',"status":');
  const [host, referer, agent, duration] = names(',"host":', ',"referer":', ',"userAgent":', ',"duration":');
  const [user, userEnd, noUser] = names('"user":"', '",', '"user":null,');
  return {
    lead: (client) => encodeUtf8(`{"client":"${escaped(client, JSON_STRING)}",`),
    user: (loggedHead, out, at) => {
      if (loggedHead.user.length === 0) return copy(noUser!, out, at);
      at = copy(user!, out, at);
      at = JSON_STRING.write(loggedHead.user, 0, loggedHead.user.length, out, at);
      return copy(userEnd!, out, at);
    },
    date: (seconds) => encodeUtf8(`"time":"${isoDate(seconds)}",`),
    before: (loggedHead, out, at) => {
      const { lineStart, lineEnd } = loggedHead;
      const methodEnd = methodEndOf(loggedHead);
      const isLine = methodEnd > lineStart;
      const targetEnd = isLine ? lineEnd - VERSION_BYTES : lineEnd; // an invalid line is shown as the target
      at = member(method!, loggedHead, lineStart, methodEnd, out, at);
      at = member(target!, loggedHead, isLine ? methodEnd + 1 : lineStart, targetEnd, out, at);
      at = member(protocol!, loggedHead, targetEnd + 1, lineEnd, out, at);
      return copy(status!, out, at);
    },
    between: encodeUtf8(',"bytes":'),
    after: (loggedHead, out, at) => {
      at = member(host!, loggedHead, loggedHead.hostStart, loggedHead.hostEnd, out, at);
      at = member(referer!, loggedHead, loggedHead.refererStart, loggedHead.refererEnd, out, at);
      at = member(agent!, loggedHead, loggedHead.agentStart, loggedHead.agentEnd, out, at);
      return copy(duration!, out, at);
    },
    end: encodeUtf8("}\n"),
  };
}

/** Returns the format called `name`. */
export function logFormat(name: Exclude<LogFormatName, "none">): LogFormat {
  return name === "json" ? jsonFormat() : textFormat(name === "combined");
}
