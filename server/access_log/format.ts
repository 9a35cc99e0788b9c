/**
 * The formats of the access log. A line consists of a part for the connection, the user, a part for the second, a part
 * for the request and its response, and the duration. So most parts of a line can be reused.
 *
 * `common` and `combined` are those of the Apache HTTP Server (mod_log_config), followed by the duration in seconds.
 * @module
 */
import { encodeUtf8 } from "../http/characters.ts";
import { ADDED_BYTES_MAX, BARE, type Escaping, JSON_STRING, QUOTED } from "./escape.ts";
import { devFormat } from "./dev_format.ts";
import type { LogFormat, Part } from "./line_format.ts";
import { copy, putNumber, putSeconds } from "./numbers.ts";
import { type LoggedHead, methodEndOf, VERSION_BYTES } from "./logged_head.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const SP = 0x20;
const QUOTE = 0x22;
const DASH = 0x2d;

/** The format of a line; `none` writes no lines. */
export type LogFormatName = "combined" | "common" | "json" | "dev" | "none";
/** All values of {@linkcode LogFormatName}. */
export const LOG_FORMAT_NAMES: readonly LogFormatName[] = ["combined", "common", "json", "dev", "none"];

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

/** Returns a function that writes the status, `between`, and the number of bytes. */
function answerWith(between: string): LogFormat["answer"] {
  const encoded = encodeUtf8(between);
  return (status, bytes, out, at) => putNumber(bytes, out, copy(encoded, out, putNumber(status, out, at)));
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
    answer: answerWith(" "),
    after: (loggedHead, out, at) => {
      out[at++] = SP;
      if (!isCombined) return at;
      at = quoted(loggedHead, loggedHead.refererStart, loggedHead.refererEnd, out, at);
      out[at++] = SP;
      at = quoted(loggedHead, loggedHead.agentStart, loggedHead.agentEnd, out, at);
      out[at] = SP;
      return at + 1;
    },
    duration: putSeconds,
    end: encodeUtf8("\n"),
  };
}

const NULL = encodeUtf8("null");
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
    answer: answerWith(',"bytes":'),
    after: (loggedHead, out, at) => {
      at = member(host!, loggedHead, loggedHead.hostStart, loggedHead.hostEnd, out, at);
      at = member(referer!, loggedHead, loggedHead.refererStart, loggedHead.refererEnd, out, at);
      at = member(agent!, loggedHead, loggedHead.agentStart, loggedHead.agentEnd, out, at);
      return copy(duration!, out, at);
    },
    duration: putSeconds,
    end: encodeUtf8("}\n"),
  };
}

/** Returns the format called `name`. `isColoured` says whether lines of `dev` have colours. */
export function logFormat(name: Exclude<LogFormatName, "none">, isColoured: boolean): LogFormat {
  if (name === "dev") return devFormat(isColoured);
  return name === "json" ? jsonFormat() : textFormat(name === "combined");
}
