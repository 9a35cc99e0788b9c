/**
 * Frames, streams and errors of the model of HTTP/2.
 * @module
 */
import type { Request } from "./reference_http2_head.ts";

/** A frame. `text` is the payload, a character for each byte. */
export interface PlainFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly text: string;
}

/** Reads whole frames from the beginning of `text`. */
export function framesOf(text: string): { readonly frames: PlainFrame[]; readonly rest: string } {
  const frames: PlainFrame[] = [];
  for (;;) {
    const length = numberOf(text.slice(0, 3));
    if (text.length < 9 + length || text.length < 9) return { frames, rest: text };
    frames.push({
      type: text.charCodeAt(3),
      flags: text.charCodeAt(4),
      stream: numberOf(text.slice(5, 9)) % 2 ** 31,
      text: text.slice(9, 9 + length),
    });
    text = text.slice(9 + length);
  }
}

/** Returns the number whose bytes a text has, the most significant first. */
export function numberOf(text: string): number {
  let number = 0;
  for (let i = 0; i < text.length; i++) number = number * 256 + text.charCodeAt(i);
  return number;
}

/** What is expected on a stream. */
export class StreamModel {
  request: Request | null = null;
  /**
   * "open": the request's body is awaited. "half": the response is on its way, or never comes. "ended": both sides have
   * ended. "here", "client": reset by that side. "gone": ended, or reset by the client.
   */
  state: "open" | "half" | "ended" | "here" | "client" | "gone" = "open";
  /** The response was begun. */
  hasHead = false;
  /** The window, as if nothing was sent, and the largest that it was during the response. */
  credit: number;
  most = 0;
  /** The response is complete, whatever the window. */
  isWhole = false;
  received = 0;
  /** By how much its window may have been widened for the client. */
  returnedMost = 0;
  /** The code of RST_STREAM; null without it. */
  reset: number | null = null;
  /**
   * An error page was begun before the request's body had come. Once it is complete, RST_STREAM with NO_ERROR follows, and
   * no other.
   */
  mayBeCutShort = false;

  constructor(credit: number) {
    this.credit = credit;
  }

  get length(): number {
    const { method, body } = this.request!;
    return method === "HEAD" ? 0 : body?.length ?? 0;
  }

  /** True if the response may be complete. */
  get mayBeDone(): boolean {
    return this.hasHead && (this.request!.body === null || this.isWhole || this.most >= this.length);
  }

  /** How much of the body may have been sent at most. */
  get sentMost(): number {
    return this.hasHead ? Math.min(this.most, this.length) : 0;
  }
}

/** True for a stream that is not closed. */
export function isActive({ state }: StreamModel): boolean {
  return state === "open" || state === "half";
}

/** The next state depends on how the bytes were cut. */
export class Unclear extends Error {}
/** An error of the connection, of one of these codes. */
export class ConnectionError extends Error {
  readonly codes: readonly number[];

  constructor(codes: readonly number[]) {
    super(codes.join());
    this.codes = codes;
  }
}

/** Ends the connection with one of these codes. */
export function fail(...codes: number[]): never {
  throw new ConnectionError(codes);
}

/** Fails with the codes of all conditions that hold: any of them may be reported. */
export function failIf(...conditions: readonly (readonly [holds: boolean, code: number])[]): void {
  const codes = conditions.filter(([holds]) => holds).map(([, code]) => code);
  if (codes.length > 0) fail(...codes);
}
