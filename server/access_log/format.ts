/**
 * The lines of the access log. Each consists of a part for the connection, the user, a part for the second, a part for
 * the request and its response, and the duration: so that most of a line can be remembered from others.
 *
 * `common` and `combined` are those of the Apache HTTP Server (mod_log_config), with the duration in seconds behind them.
 * @module
 */
import { encodeUtf8 } from "../http/characters.ts";
import { ADDED_BYTES_MAX, BARE, type Escaping, JSON_STRING, QUOTED } from "./escape.ts";
import type { LoggedHead } from "./logged_head.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const SP = 0x20;
const QUOTE = 0x22;
const DASH = 0x2d;

/** Writes a part of a line into `out` from `at`, where there is room; returns where it ends. */
export type Part = (loggedHead: LoggedHead, out: Bytes, at: number) => number;

/** Writes the parts of a log line. */
export interface LogFormat {
  /** The line's begin: who asks. */
  lead(client: string): Bytes;
  readonly user: Part;
  /** When, in whole seconds since 1970. */
  date(seconds: number): Bytes;
  /** What was asked, up to the status. */
  readonly before: Part;
  /** Between status and bytes. */
  readonly between: Bytes;
  /** What else was asked, up to the duration. */
  readonly after: Part;
  /** The line's end. */
  readonly end: Bytes;
}

/** What a line looks like; `none`: no line is written. */
export type LogFormatName = "combined" | "common" | "json" | "none";
/** Every value of {@linkcode LogFormatName}. */
export const LOG_FORMAT_NAMES: readonly LogFormatName[] = ["combined", "common", "json", "none"];

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `21/Nov/2026:22:06:00 +0000` */
function commonDate(seconds: number): string {
  const [date, time] = isoDate(seconds).split("T") as [string, string];
  const [year, month, day] = date.split("-");
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`;
}

/** `2026-11-21T22:06:00Z`, RFC 3339. */
export function isoDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+/, "");
}

/** Copies a few bytes, for which a call would take longer. */
export function copy(bytes: Bytes, out: Bytes, at: number): number {
  for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i]!;
  return at + bytes.length;
}

/** The same text without anything that cannot stand in a line: the path of a UNIX socket is whatever its owner likes. */
function escaped(text: string, escaping: Escaping): string {
  const bytes = encodeUtf8(text);
  const out = new Uint8Array(bytes.length + ADDED_BYTES_MAX);
  return new TextDecoder().decode(out.subarray(0, escaping.write(bytes, 0, bytes.length, out, 0)));
}

/** A value in quotes; `"-"` where there is none. */
function quoted({ bytes }: LoggedHead, start: number, end: number, out: Bytes, at: number): number {
  out[at++] = QUOTE;
  if (start === end) out[at++] = DASH;
  else at = QUOTED.write(bytes, start, end, out, at);
  out[at++] = QUOTE;
  return at;
}

/** The user, or `none`. */
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
/** ` HTTP/1.1`: so many bytes at the end of a request line. */
const VERSION_BYTES = 9;
const VERSION = encodeUtf8(" HTTP/");

/** Where the method of a request line ends; its begin for what is none: a method, a target, and a version. */
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

/** `"name":"value",`, or null for a value that is not there. */
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
      const targetEnd = isLine ? lineEnd - VERSION_BYTES : lineEnd; // what is no request line is all target
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

/** The format of a name. */
export function logFormat(name: Exclude<LogFormatName, "none">): LogFormat {
  return name === "json" ? jsonFormat() : textFormat(name === "combined");
}
