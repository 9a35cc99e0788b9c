/**
 * Reads responses from the bytes of a connection, however they were cut.
 * @module
 */
import { Buffer } from "node:buffer";
import type { Answer } from "./exchange.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const NOTHING = Buffer.alloc(0) as Buffer<ArrayBuffer>;
/** Longer than any head that the server sends. */
const HEAD_BYTES_MAX = 4096;

interface Head {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
}

/** The receiver of the responses. */
export interface AnswerUser {
  /** Returns true when the next response has no body, whatever its fields say. */
  isHeadNext(): boolean;
  /** Called for 100 (Continue). */
  onContinue(): void;
  onAnswer(answer: Answer): void;
}

export class AnswerReader {
  readonly #user: AnswerUser;
  /** The beginning of an incomplete head. */
  #rest: Buffer<ArrayBuffer> = NOTHING;
  #head: Head | null = null;
  /** An incomplete body, and how many of its bytes have arrived. */
  #body: Buffer<ArrayBuffer> = NOTHING;
  #filled = 0;
  #isContinued = false;

  constructor(user: AnswerUser) {
    this.#user = user;
  }

  /** True when no part of a further response has arrived. */
  get isEmpty(): boolean {
    return this.#head === null && this.#rest.length === 0;
  }

  /** The part of a response that has arrived when no more will come; null when its head is incomplete. */
  get partial(): Answer | null {
    if (this.#head === null) return null;
    const body = this.#body.subarray(0, this.#filled);
    return { ...this.#head, body, isWhole: false, isContinued: this.#isContinued };
  }

  /** Takes received bytes, which are valid until it returns. @throws {Error} when they are no response */
  take(bytes: Buffer<ArrayBuffer>): void {
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, bytes]) as Buffer<ArrayBuffer>;
      this.#rest = NOTHING;
    }
    let at = 0;
    while (at < bytes.length) {
      if (this.#head !== null) {
        const count = bytes.copy(this.#body, this.#filled, at);
        this.#filled += count;
        at += count;
        if (this.#filled === this.#body.length) this.#finish(this.#body);
        continue;
      }
      const end = bytes.indexOf(HEAD_END, at);
      if (end < 0) {
        if (bytes.length - at > HEAD_BYTES_MAX) throw new Error(`no head: ${this.#shown(bytes, at)}`);
        this.#rest = Buffer.from(bytes.subarray(at)) as Buffer<ArrayBuffer>;
        return;
      }
      const head = parseHead(bytes.toString("latin1", at, end));
      if (head === null) throw new Error(`no head: ${this.#shown(bytes, at)}`);
      at = end + 4;
      if (head.status === 100) {
        this.#isContinued = true;
        this.#user.onContinue();
        continue;
      }
      this.#head = head;
      const length = this.#lengthOf(head);
      if (at + length <= bytes.length) {
        this.#finish(bytes.subarray(at, at + length));
        at += length;
      } else {
        this.#body = Buffer.allocUnsafeSlow(length) as Buffer<ArrayBuffer>;
        this.#filled = 0;
      }
    }
  }

  #shown(bytes: Buffer, at: number): string {
    return JSON.stringify(bytes.toString("latin1", at, at + 200));
  }

  #lengthOf({ status, fields }: Head): number {
    if (status === 304 || status === 204 || this.#user.isHeadNext()) return 0;
    const length = fields["content-length"];
    if (length === undefined || !/^\d+$/.test(length)) {
      throw new Error(`no length: ${JSON.stringify(fields)}`);
    }
    return Number(length);
  }

  #finish(body: Buffer<ArrayBuffer>): void {
    const answer = { ...this.#head!, body, isWhole: true, isContinued: this.#isContinued };
    this.#head = null;
    this.#body = NOTHING;
    this.#isContinued = false;
    this.#user.onAnswer(answer);
  }
}

function parseHead(text: string): Head | null {
  const lines = text.split("\r\n");
  if (!/^HTTP\/1\.1 \d{3} /.test(lines[0]!)) return null;
  const fields: Record<string, string> = {};
  for (let i = 1; i < lines.length; i++) {
    const colon = lines[i]!.indexOf(": ");
    const name = lines[i]!.slice(0, colon).toLowerCase();
    if (colon <= 0 || name in fields) return null;
    fields[name] = lines[i]!.slice(colon + 2);
  }
  return { status: Number(lines[0]!.slice(9, 12)), fields };
}
