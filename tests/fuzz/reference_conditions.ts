/**
 * Evaluates dates, entity tags and preconditions by the text of RFC 9110: the reference for `date.ts` and
 * `conditional.ts`.
 * @module
 */
import { trimmed, valuesOf } from "./reference_parser.ts";

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const DAYS = "Mon Tue Wed Thu Fri Sat Sun".split(" ");
const LONG_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(" ");

/** The fields of a request: names and values. */
export type FieldList = readonly (readonly [string, string])[];

/** §5.6.7: returns the seconds since the epoch, or null for a text in none of the three forms. */
export function referenceDate(text: string, nowSeconds: number): number | null {
  const words = text.split(" ");
  if (
    text.endsWith(" GMT") && words.length === 6 && DAYS.includes(words[0]!.slice(0, -1)) &&
    words[0]![3] === ","
  ) {
    return secondsOf(words[1]!, words[2]!, words[3]!, words[4]!);
  }
  if (
    text.endsWith(" GMT") && words.length === 4 && LONG_DAYS.includes(words[0]!.slice(0, -1)) &&
    words[0]!.endsWith(",")
  ) {
    const [day, month, year, more] = words[1]!.split("-") as [string, string, string, string];
    if (more !== undefined || year === undefined || !/^\d\d$/.test(year)) return null;
    const now = new Date(nowSeconds * 1000).getUTCFullYear();
    let full = now - now % 100 + Number(year);
    if (full > now + 50) full -= 100;
    return secondsOf(day, month, String(full).padStart(4, "0"), words[2]!);
  }
  // In asctime, the day of the month is two digits, or a space and one digit.
  if (words.length === 6 && words[2] === "" && /^\d$/.test(words[3]!)) words.splice(2, 2, `0${words[3]}`);
  if (words.length !== 5 || !DAYS.includes(words[0]!)) return null;
  return secondsOf(words[2]!, words[1]!, words[4]!, words[3]!);
}

/** Counts seconds, a year and a month at a time. The second 60 is one more than 59. */
function secondsOf(day: string, month: string, year: string, time: string): number | null {
  const clock = time.split(":");
  const isWritten = /^\d\d$/.test(day) && MONTHS.includes(month) && /^\d{4}$/.test(year) &&
    clock.length === 3 &&
    clock.every((part) => /^\d\d$/.test(part));
  if (!isWritten) return null;
  const [hour, minute, second] = clock.map(Number) as [number, number, number];
  if (hour > 23 || minute > 59 || second > 60) return null;
  const isLeap = (year: number) => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const lengths = [31, isLeap(Number(year)) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  const inYear = MONTHS.indexOf(month);
  if (Number(day) < 1 || Number(day) > lengths[inYear]!) return null;
  let days = Number(day) - 1;
  for (let y = 1970; y < Number(year); y++) days += isLeap(y) ? 366 : 365;
  for (let y = Number(year); y < 1970; y++) days -= isLeap(y) ? 366 : 365;
  for (let m = 0; m < inYear; m++) days += lengths[m]!;
  return days * 86400 + hour * 3600 + minute * 60 + second;
}

/** Returns the tags of a list, up to the first malformed element. §8.8.3, §5.6.1. */
function tagsOf(list: string): { isWeak: boolean; tag: string }[] {
  const tags: { isWeak: boolean; tag: string }[] = [];
  let rest = list;
  while (true) {
    while (rest !== "" && " \t,".includes(rest[0]!)) rest = rest.slice(1);
    const isWeak = rest.startsWith("W/");
    const quoted = isWeak ? rest.slice(2) : rest;
    const end = quoted.indexOf('"', 1);
    if (!quoted.startsWith('"') || end < 0) return tags;
    const tag = quoted.slice(0, end + 1);
    if ([...tag.slice(1, -1)].some((c) => c < "!" || c === "\x7f" || c > "\xff")) return tags;
    rest = trimmed(quoted.slice(end + 1));
    if (rest !== "" && rest[0] !== ",") return tags;
    tags.push({ isWeak, tag });
  }
}

/** Returns the value of a field, with several lines joined, or null without the field. */
export function joined(fields: FieldList, name: string): string | null {
  const values = valuesOf(fields, name);
  return values.length === 0 ? null : values.join(", ");
}

/** The validators of a file. */
export interface Known {
  readonly etag: string | null;
  /** Null when no Last-Modified is sent. */
  readonly modifiedSeconds: number | null;
}

/** §13.2.2, step by step, for GET and HEAD of an existing file. */
export function referencePrecondition(fields: FieldList, known: Known, nowSeconds: number): 304 | 412 | null {
  const dateIn = (name: string) => {
    const value = joined(fields, name);
    return value === null ? null : referenceDate(value, nowSeconds);
  };
  const ifMatch = joined(fields, "if-match");
  const ifNoneMatch = joined(fields, "if-none-match");
  if (ifMatch !== null) { // step 1
    const isTrue = ifMatch === "*" ||
      tagsOf(ifMatch).some(({ isWeak, tag }) => !isWeak && tag === known.etag);
    if (!isTrue) return 412;
  }
  const unmodified = dateIn("if-unmodified-since");
  if (
    ifMatch === null && unmodified !== null && known.modifiedSeconds !== null &&
    known.modifiedSeconds > unmodified
  ) {
    return 412; // step 2
  }
  if (ifNoneMatch !== null) { // step 3
    const isFalse = ifNoneMatch === "*" || tagsOf(ifNoneMatch).some(({ tag }) => tag === known.etag);
    return isFalse ? 304 : null;
  }
  const modified = dateIn("if-modified-since");
  return modified !== null && known.modifiedSeconds === modified ? 304 : null; // step 4: only the exact date
}

/** Step 5: returns whether a Range is honoured. */
export function referenceIfRange(fields: FieldList, known: Known, nowSeconds: number): boolean {
  const value = joined(fields, "if-range");
  if (value === null) return true;
  if (value.startsWith('"') || value.startsWith("W/")) return value === known.etag;
  return known.modifiedSeconds !== null && referenceDate(value, nowSeconds) === known.modifiedSeconds;
}
