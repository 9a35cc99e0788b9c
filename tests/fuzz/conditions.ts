/**
 * Fuzzes dates, entity tags and preconditions. Complete heads are parsed and evaluated, and compared with the
 * reference.
 * @module
 */
import { isRangeFresh, preconditionStatus } from "../../server/http/fields/conditional.ts";
import { formatHttpDate, parseHttpDate } from "../../server/http/date.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import type { Random } from "../support/random.ts";
import { bytesOf } from "../support/request_replay.ts";
import { type Input, pure, requireSame, shown } from "./fuzz_target.ts";
import { mutateOnce } from "./mutations.ts";
import { referenceDate, referenceIfRange, referencePrecondition } from "./reference_conditions.ts";
import { referenceParse } from "./reference_parser.ts";

const request = new HttpRequest();
const TAGS = [
  '"a"',
  '"b"',
  '"a,b"',
  '""',
  '"\xe4"',
  '"a" ',
  'W/"a"',
  'w/"a"',
  "a",
  "*",
  '"a',
  '"a b"',
  '"W/"',
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** Returns a date near `seconds` in one of the three forms, sometimes with a mistake in it. */
export function randomDate(random: Random, seconds: number): string {
  const date = new Date((seconds + random.below(3) - 1) * 1000);
  const fixed = date.toUTCString();
  const [, day, month, year, time] = fixed.split(" ") as [string, string, string, string, string];
  const text = random.oneIn(3)
    ? fixed
    : random.oneIn(2)
    ? `${DAYS[date.getUTCDay()]}, ${day}-${month}-${year.slice(-2)} ${time} GMT`
    : `${fixed.slice(0, 3)} ${month} ${day.replace(/^0/, " ")} ${time} ${year}`;
  if (random.oneIn(20)) return text.replace(/:\d\d /, random.pick([":60 ", ":61 ", ":59 "]));
  return random.oneIn(4) ? mutateOnce(text, random).replace(/[\r\n\0]/g, "") : text;
}

/** Returns a list of entity tags that often has `own` in it. */
export function randomTags(random: Random, own: string): string {
  const tag = () => random.oneIn(3) ? own : random.oneIn(6) ? `W/${own}` : random.pick(TAGS);
  const tags = Array.from({ length: 1 + (random.oneIn(2) ? 0 : random.below(4)) }, tag);
  const list = tags.join(random.pick([",", ", ", " , ,", " "]));
  return random.oneIn(8) ? mutateOnce(list, random).replace(/[\r\n\0]/g, "") : list;
}

/** Returns fields of §13, with values near `etag` and `seconds`. */
export function randomConditions(random: Random, etag: string, seconds: number): string {
  const lines: string[] = [];
  const add = (name: string, value: string) => lines.push(`${name}: ${value}\r\n`);
  if (random.oneIn(3)) add("If-Match", randomTags(random, etag));
  if (random.oneIn(2)) add("If-None-Match", randomTags(random, etag));
  if (random.oneIn(3)) add("if-modified-since", randomDate(random, seconds));
  if (random.oneIn(3)) add("If-Unmodified-Since", randomDate(random, seconds));
  if (random.oneIn(3)) {
    add("If-Range", random.oneIn(2) ? randomTags(random, etag) : randomDate(random, seconds));
  }
  return lines.join("") + (random.oneIn(20) ? lines[0] ?? "" : "");
}

function make(random: Random): Input {
  const seconds = random.oneIn(5) ? random.below(2 ** 31) * 30 - 2 ** 33 : random.below(2 ** 31);
  const etag = random.oneIn(10) ? "null" : random.pick(['"a"', '"a,b"', '"\xe4"', '"W/"']);
  const date = random.oneIn(2) ? randomDate(random, seconds) : "";
  return [
    randomConditions(random, etag, seconds),
    etag,
    random.oneIn(10) ? "null" : String(seconds),
    String(seconds + random.below(4e9)),
    date,
  ];
}

function check([lines, tag, modified, now, date]: Input): void {
  const isNumber = (text: string) => /^-?\d{1,12}$/.test(text);
  if ((modified !== "null" && !isNumber(modified!)) || !isNumber(now!)) return;
  const [modifiedSeconds, nowSeconds] = [modified === "null" ? null : Number(modified), Number(now)];
  requireSame(parseHttpDate(date!, nowSeconds), referenceDate(date!, nowSeconds), shown(date!));
  const seconds = Math.abs(modifiedSeconds ?? 0);
  requireSame(parseHttpDate(formatHttpDate(seconds), 0), seconds, "what we write ourselves");

  const head = `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
  const { taken, request: read } = referenceParse(head);
  const bytes = bytesOf(head);
  // The parser has its own target.
  if (read === null || parseRequest(bytes, 0, bytes.length, request) !== taken) return;
  const known = { etag: tag === "null" ? null : tag!, modifiedSeconds };
  const about = `${shown(lines!)}, ${JSON.stringify(known)}, now ${now}`;
  requireSame(
    preconditionStatus(request, known, nowSeconds),
    referencePrecondition(read.fields, known, nowSeconds),
    about,
  );
  requireSame(
    isRangeFresh(request, known, nowSeconds),
    referenceIfRange(read.fields, known, nowSeconds),
    `If-Range in ${about}`,
  );
}

export const conditions = pure({ name: "conditions", batch: 2000, make, check });
