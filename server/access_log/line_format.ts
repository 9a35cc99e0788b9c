/**
 * The parts of which a format makes a line of the access log.
 * @module
 */
import type { LoggedHead } from "./logged_head.ts";

type Bytes = Uint8Array<ArrayBuffer>;

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
  /** Writes the status and the number of bytes. Returns the offset after them. */
  answer(status: number, bytes: number, out: Bytes, at: number): number;
  /** The rest of the request, up to the duration. */
  readonly after: Part;
  /** Writes the duration. Returns the offset after it. */
  duration(seconds: number, out: Bytes, at: number): number;
  /** The end of a line. */
  readonly end: Bytes;
}
