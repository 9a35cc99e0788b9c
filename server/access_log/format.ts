/**
 * The lines of the access log. Each consists of a part for the connection, the user, a part for the second, a part for
 * the request and its response, and the duration: so that most of a line can be remembered from others.
 *
 * `common` and `combined` are those of the Apache HTTP Server (mod_log_config), with the duration in seconds behind them.
 * @module
 */
import { encodeUtf8 } from "../http/characters.ts";
import { BARE, type Escaping, JSON_STRING, QUOTED } from "./escape.ts";
import { NO_SPAN, type Source, type Span } from "./source.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const SP = 0x20;
const QUOTE = 0x22;
const DASH = 0x2d;

/** Writes a part of a line into `out` from `at`, where there is room; returns where it ends. */
export type Part = (source: Source, out: Bytes, at: number) => number;

/** See the module's comment. */
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

/** The formats by name. */
export const LOG_FORMAT_NAMES = ["combined", "common", "json", "none"] as const;
/** One of {@linkcode LOG_FORMAT_NAMES}. */
export type LogFormatName = (typeof LOG_FORMAT_NAMES)[number];

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `21/Nov/2026:22:06:00 +0000` */
function commonDate(seconds: number): string {
  const [date, time] = isoDate(seconds).split("T");
  const [year, month, day] = date.split("-");
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`;
}

/** `2026-11-21T22:06:00Z`, RFC 3339. */
export function isoDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+/, "");
}

function copy(bytes: Bytes, out: Bytes, at: number): number {
  out.set(bytes, at);
  return at + bytes.length;
}

/** A value in quotes; `"-"` where there is none. */
function quoted(source: Source, { start, end }: Span, out: Bytes, at: number): number {
  out[at++] = QUOTE;
  if (start === end) out[at++] = DASH;
  else at = QUOTED.write(source.bytes, start, end, out, at);
  out[at++] = QUOTE;
  return at;
}

/** What one byte of the user may look like is up to `escaping`. */
function userBy(escaping: Escaping, none: Bytes): Part {
  return ({ user }, out, at) =>
    user.length === 0 ? copy(none, out, at) : escaping.write(user, 0, user.length, out, at);
}

function textFormat(isCombined: boolean): LogFormat {
  return {
    lead: (client) => encodeUtf8(`${client} - `),
    user: userBy(BARE, encodeUtf8("-")),
    date: (seconds) => encodeUtf8(` [${commonDate(seconds)}] `),
    before: (source, out, at) => {
      at = quoted(source, source.line, out, at);
      out[at] = SP;
      return at + 1;
    },
    between: encodeUtf8(" "),
    after: (source, out, at) => {
      out[at++] = SP;
      if (!isCombined) return at;
      at = quoted(source, source.referer, out, at);
      out[at++] = SP;
      at = quoted(source, source.agent, out, at);
      out[at] = SP;
      return at + 1;
    },
    end: encodeUtf8("\n"),
  };
}

const NULL = encodeUtf8("null");
const VERSION = /^HTTP\/\d\.\d$/;

/** Where method, target and protocol stand; what is no request line is all target. */
function wordsOf({ bytes, line }: Source): readonly [method: Span, target: Span, protocol: Span] {
  const first = bytes.indexOf(SP, line.start);
  const last = bytes.lastIndexOf(SP, line.end - 1);
  const version = first < last
    ? String.fromCharCode(...bytes.subarray(last + 1, Math.min(line.end, last + 10)))
    : "";
  if (first < line.start || last >= line.end || !VERSION.test(version)) return [NO_SPAN, line, NO_SPAN];
  return [{ start: line.start, end: first }, { start: first + 1, end: last }, {
    start: last + 1,
    end: line.end,
  }];
}

/** `"name":"value",`, or null for a value that is not there. */
function member(name: Bytes, source: Source, { start, end }: Span, out: Bytes, at: number): number {
  at = copy(name, out, at);
  if (start === end) return copy(NULL, out, at);
  out[at++] = QUOTE;
  at = JSON_STRING.write(source.bytes, start, end, out, at);
  out[at++] = QUOTE;
  return at;
}

function jsonFormat(): LogFormat {
  const names = (...names: string[]) => names.map((name) => encodeUtf8(name));
  const [method, target, protocol, status] = names('"method":', ',"target":', ',"protocol":', ',"status":');
  const [host, referer, agent, duration] = names(',"host":', ',"referer":', ',"userAgent":', ',"duration":');
  const [user, userEnd, noUser] = names('"user":"', '",', '"user":null,');
  return {
    lead: (client) => encodeUtf8(`{"client":${JSON.stringify(client)},`),
    user: (source, out, at) => {
      if (source.user.length === 0) return copy(noUser, out, at);
      at = copy(user, out, at);
      at = JSON_STRING.write(source.user, 0, source.user.length, out, at);
      return copy(userEnd, out, at);
    },
    date: (seconds) => encodeUtf8(`"time":"${isoDate(seconds)}",`),
    before: (source, out, at) => {
      const words = wordsOf(source);
      at = member(method, source, words[0], out, at);
      at = member(target, source, words[1], out, at);
      at = member(protocol, source, words[2], out, at);
      return copy(status, out, at);
    },
    between: encodeUtf8(',"bytes":'),
    after: (source, out, at) => {
      at = member(host, source, source.host, out, at);
      at = member(referer, source, source.referer, out, at);
      at = member(agent, source, source.agent, out, at);
      return copy(duration, out, at);
    },
    end: encodeUtf8("}\n"),
  };
}

/** The format of a name. */
export function logFormat(name: Exclude<LogFormatName, "none">): LogFormat {
  return name === "json" ? jsonFormat() : textFormat(name === "combined");
}
