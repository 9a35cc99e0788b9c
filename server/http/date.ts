/**
 * HTTP dates. Source: RFC 9110 §5.6.7.
 * @module
 */

/** IMF-fixdate of whole seconds since the epoch: `Sun, 06 Nov 1994 08:49:37 GMT`, always 29 characters. */
export function formatHttpDate(seconds: number): string {
  return new Date(seconds * 1000).toUTCString();
}

/** The bytes of an IMF-fixdate. */
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
 * Seconds since the epoch of any of the three forms that a recipient must accept, or null when `text` is none.
 * A two-digit year that would be more than 50 years ahead of `nowSeconds` is taken to be in the past.
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
  date.setUTCFullYear(fullYear, MONTHS.indexOf(month!), Number(day)); // Date.UTC would take the year 94 for 1994
  if (date.getUTCDate() !== Number(day)) return null; // 30 February
  return date.setUTCHours(Number(hour), Number(minute), Number(second)) / 1000;
}

/** The current second and its IMF-fixdate in bytes, formatted once a second. */
export class HttpClock {
  /** Whole seconds since the epoch. */
  seconds: number = -1;
  /** The same as an IMF-fixdate, RFC 9110 §5.6.7. */
  readonly bytes: Uint8Array<ArrayBuffer> = new Uint8Array(new ArrayBuffer(128), 0, HTTP_DATE_BYTES);

  /** Takes the time of the system clock in milliseconds. */
  update(nowMs: number): void {
    const seconds = Math.floor(nowMs / 1000);
    if (seconds === this.seconds) return;
    this.seconds = seconds;
    new TextEncoder().encodeInto(formatHttpDate(seconds), this.bytes);
  }
}
