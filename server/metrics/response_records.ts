/**
 * The responses that a connection is sending, in their order.
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

  /**
   * Adds a response that starts at byte `from` of what the connection sends. The caller sets the other positions of the
   * record.
   */
  begin(fd: number, request: HttpRequest, status: number, from: number, startMs: number): ResponseRecord {
    const record = this.#accounting.begin(fd, request, status, from, startMs);
    if (this.#last === null) this.#first = record;
    else this.#last.next = record;
    this.#last = record;
    return record;
  }

  /** Sets the end of the last response to `appendedBytes`, if it was not known. */
  seal(appendedBytes: number): void {
    if (this.#last !== null && this.#last.until === Infinity) this.#last.until = appendedBytes;
  }

  /** Ends the responses that are completely sent, after `sentBytes` bytes of the connection. */
  progress(sentBytes: number): void {
    while (this.#first !== null && this.#first.until <= sentBytes) this.#end(this.#first, sentBytes);
  }

  /** Ends all responses, because the connection has ended after `sentBytes` bytes. */
  cutOff(sentBytes: number): void {
    while (this.#first !== null) this.#end(this.#first, sentBytes);
  }

  #end(record: ResponseRecord, sentBytes: number): void {
    this.#first = record.next;
    if (this.#first === null) this.#last = null;
    this.#accounting.end(record, sentBytes);
  }
}
