/**
 * HTTP dates. Source: RFC 9110 §5.6.7.
 * @module
 */

/**
 * Formats seconds since the epoch as an IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`. The result always has 29
 * characters.
 */
export function formatHttpDate(seconds: number): string {
  return new Date(seconds * 1000).toUTCString();
}

/** The length of an IMF-fixdate in bytes. */
export const HTTP_DATE_BYTES = 29;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTH = `(?<month>${MONTHS.join("|")})`;
const TIME = "(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)";
const IMF_FIXDATE = new RegExp(
  `^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`,
);
const RFC850_DATE = new RegExp(
  `^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`,
);
const ASCTIME_DATE = new RegExp(
  `^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${MONTH} (?<day>[\\d ]\\d) ${TIME} (?<year>\\d{4})$`,
);

/**
 * Parses a date in any of the three forms that a recipient must accept (RFC 9110 §5.6.7). Returns seconds since the
 * epoch, or null if `text` is not such a date. A two-digit year that is more than 50 years after `nowSeconds` means the
 * last century.
 */
export function parseHttpDate(text: string, nowSeconds: number): number | null {
  const match = IMF_FIXDATE.exec(text) ?? RFC850_DATE.exec(text) ?? ASCTIME_DATE.exec(text);
  if (match === null) return null;
  const { day, month, year, hour, minute, second } = match.groups!;
  let fullYear = Number(year);
  if (year!.length === 2) {
    const thisYear = new Date(nowSeconds * 1000).getUTCFullYear();
    fullYear += thisYear - (thisYear % 100);
    if (fullYear > thisYear + 50) fullYear -= 100;
  }
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null;
  const date = new Date(0);
  date.setUTCFullYear(fullYear, MONTHS.indexOf(month!), Number(day)); // Date.UTC would read the year 94 as 1994
  if (date.getUTCDate() !== Number(day)) return null; // such as 30 February
  return date.setUTCHours(Number(hour), Number(minute), Number(second)) / 1000;
}

/** The current second, and its IMF-fixdate as bytes, which is formatted once a second. */
export class HttpClock {
  #tickMs = NaN;
  /** Seconds since the epoch; −1 before the first {@linkcode HttpClock.update}. */
  seconds: number = -1;
  /** The same instant as an IMF-fixdate (RFC 9110 §5.6.7). */
  readonly bytes: Uint8Array<ArrayBuffer> = new Uint8Array(new ArrayBuffer(128), 0, HTTP_DATE_BYTES);

  /** Reads the system's time, unless `nowMs` of another clock is that of the last call: many turns fit into a millisecond. */
  tick(nowMs: number): void {
    if (nowMs === this.#tickMs) return;
    this.#tickMs = nowMs;
    this.update(Date.now());
  }

  /** Sets the time to `nowMs`, milliseconds since the epoch. */
  update(nowMs: number): void {
    const seconds = Math.floor(nowMs / 1000);
    if (seconds === this.seconds) return;
    this.seconds = seconds;
    new TextEncoder().encodeInto(formatHttpDate(seconds), this.bytes);
  }
}
