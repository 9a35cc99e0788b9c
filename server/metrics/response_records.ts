/**
 * Responses of one connection that are on their way, in the order in which they are sent.
 * @module
 */
import type { HttpRequest } from "../http/request.ts";
import type { Accounting, ResponseRecord } from "./accounting.ts";

/** The records of responses that one connection is sending. Most connections have none. */
export class ResponseRecords {
  readonly #accounting: Accounting;
  #first: ResponseRecord | null = null;
  #last: ResponseRecord | null = null;

  constructor(accounting: Accounting) {
    this.#accounting = accounting;
  }

  /** A response to the client at `fd` begins at byte `from` of what the connection sends. Its other places are the caller's to set. */
  begin(fd: number, request: HttpRequest, status: number, from: number, startMs: number): ResponseRecord {
    const record = this.#accounting.begin(fd, request, status, from, startMs);
    if (this.#last === null) this.#first = record;
    else this.#last.next = record;
    this.#last = record;
    return record;
  }

  /** What was begun last ends at byte `appendedBytes`, unless that was known. */
  seal(appendedBytes: number): void {
    if (this.#last !== null && this.#last.until === Infinity) this.#last.until = appendedBytes;
  }

  /** So many bytes were sent. */
  progress(sentBytes: number): void {
    while (this.#first !== null && this.#first.until <= sentBytes) this.#end(this.#first, sentBytes);
  }

  /** The connection has ended. */
  cutOff(sentBytes: number): void {
    while (this.#first !== null) this.#end(this.#first, sentBytes);
  }

  #end(record: ResponseRecord, sentBytes: number): void {
    this.#first = record.next;
    if (this.#first === null) this.#last = null;
    this.#accounting.end(record, sentBytes);
  }
}
