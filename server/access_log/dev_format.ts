/**
 * The format `dev` of the access log, for people at a terminal: `14:03:07 GET /style.css 200 1.2 KB 0.3 ms`.
 * @module
 */
import { encodeUtf8 } from "../http/characters.ts";
import { TARGET } from "./escape.ts";
import type { LogFormat } from "./line_format.ts";
import { methodEndOf, VERSION_BYTES } from "./logged_head.ts";
import { copy } from "./numbers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const SP = 0x20;
const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** Codes of SGR (ECMA-48 §8.3.117). */
const BOLD = 1;
const DIM = 2;
/** Colours by the first digit of the status: cyan, green, cyan, yellow, red. */
const COLOURS: readonly number[] = [0, 36, 32, 36, 33, 31];

/** Returns the format. `isColoured` says whether lines have colours. */
export function devFormat(isColoured: boolean): LogFormat {
  const style = (code: number, text: string) => isColoured ? `\x1b[${code}m${text}\x1b[0m` : text;
  const [methodStart, methodEnd] = style(BOLD, "\n").split("\n").map(encodeUtf8) as [Bytes, Bytes];
  const nothing = encodeUtf8("");
  localTime(0); // reads the time zone, which the sandbox will not permit
  return {
    lead: () => nothing,
    user: (_, __, at) => at,
    date: (seconds) => encodeUtf8(`${style(DIM, localTime(seconds))} `),
    before: (loggedHead, out, at) => {
      const { bytes, lineStart, lineEnd } = loggedHead;
      const end = methodEndOf(loggedHead);
      const isLine = end > lineStart;
      if (isLine) {
        at = TARGET.write(bytes, lineStart, end, out, copy(methodStart, out, at));
        at = copy(methodEnd, out, at);
        out[at++] = SP;
      }
      const targetStart = isLine ? end + 1 : lineStart; // an invalid line is shown as the target
      at = TARGET.write(bytes, targetStart, isLine ? lineEnd - VERSION_BYTES : lineEnd, out, at);
      out[at] = SP;
      return at + 1;
    },
    answer: (status, bytes, out, at) => {
      const colour = COLOURS[Math.floor(status / 100)] ?? 0;
      return copy(encodeUtf8(`${style(colour, String(status))} ${style(DIM, size(bytes))} `), out, at);
    },
    after: (_, __, at) => at,
    duration: (seconds, out, at) => copy(encodeUtf8(style(DIM, time(seconds))), out, at),
    end: encodeUtf8("\n"),
  };
}

/** Formats the time of day where the server is: `14:03:07`. */
function localTime(seconds: number): string {
  return new Date(seconds * 1000).toTimeString().slice(0, 8);
}

/** Three digits are enough for people: `1.2`, `12`, `123`. */
function rounded(value: number): string {
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

function size(bytes: number): string {
  let power = 0;
  while (bytes >= 1023.5 && power < UNITS.length - 1) {
    bytes /= 1024;
    power++;
  }
  return `${power === 0 ? bytes : rounded(bytes)} ${UNITS[power]}`;
}

function time(seconds: number): string {
  return seconds < 0.9995 ? `${rounded(seconds * 1000)} ms` : `${rounded(seconds)} s`;
}
