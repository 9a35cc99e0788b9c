/**
 * A request and how its answer is judged; and requests whose answer is always the same.
 * @module
 */
import { Buffer } from "node:buffer";

/** An answer as it was received. */
export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly fields: Readonly<Record<string, string>>;
  /** It may lie in a buffer that is used again. */
  readonly body: Buffer<ArrayBuffer>;
  /** False when the client left before its end. */
  readonly isWhole: boolean;
  /** 100 (Continue) came before. */
  readonly isContinued: boolean;
}

/** One request. */
export interface Exchange {
  /** For the table. */
  readonly kind: string;
  readonly request: Buffer<ArrayBuffer>;
  readonly isHead: boolean;
  /** What is sent after 100 (Continue). */
  readonly late: Buffer<ArrayBuffer> | null;
  /** The server ends the connection after its answer. */
  readonly closes: boolean;
  /** It is about to be sent. */
  begin(): void;
  /** Its answer is here, or nobody waits for it any more. Called once after `begin`. */
  end(): void;
  /** What is wrong with an answer; null: it is right. */
  judge(answer: Answer): string | null;
}

/** Says what differs, or nothing. */
export function difference(what: string, actual: unknown, expected: unknown): string | null {
  return actual === expected ? null : `${what} is ${actual}, not ${expected}`;
}

/** The bytes of a request without a body. */
export function head(method: string, target: string, fields: readonly string[], version = "1.1"): string {
  const lines = [`${method} ${target} HTTP/${version}`, "Host: soak.example", ...fields];
  return lines.join("\r\n") + "\r\n\r\n";
}

/** What an answer that does not depend on the site's state has to be. */
export interface Fixed {
  readonly kind: string;
  readonly request: string;
  /** Of these statuses. */
  readonly statuses: readonly number[];
  /** With these fields; the body's length is that of the whole. */
  readonly fields?: Readonly<Record<string, string>>;
  /** What the body begins with, after the status. */
  readonly body?: string;
  readonly closes?: boolean;
  readonly isHead?: boolean;
  readonly late?: string;
}

/** See {@linkcode Fixed}. */
export class FixedExchange implements Exchange {
  readonly kind: string;
  readonly request: Buffer<ArrayBuffer>;
  readonly isHead: boolean;
  readonly late: Buffer<ArrayBuffer> | null;
  readonly closes: boolean;
  readonly #fixed: Fixed;

  constructor(fixed: Fixed) {
    this.kind = fixed.kind;
    this.request = Buffer.from(fixed.request, "latin1") as Buffer<ArrayBuffer>;
    this.isHead = fixed.isHead ?? false;
    this.late = fixed.late === undefined ? null : Buffer.from(fixed.late, "latin1") as Buffer<ArrayBuffer>;
    this.closes = fixed.closes ?? false;
    this.#fixed = fixed;
  }

  begin(): void {}

  end(): void {}

  judge({ status, fields, body, isWhole, isContinued }: Answer): string | null {
    const { statuses, fields: expected = {}, body: beginning = "", late } = this.#fixed;
    if (!statuses.includes(status)) return `status is ${status}, not ${statuses.join(" or ")}`;
    for (const [name, value] of Object.entries(expected)) {
      const wrong = difference(name, fields[name], value);
      if (wrong !== null) return wrong;
    }
    if (isContinued && late === undefined) return "100 came, which nobody asked for";
    if (this.closes && fields.connection !== "close") return "Connection: close is missing";
    if (status === 204 || this.isHead || !isWhole) return null;
    const text = body.toString("latin1");
    return text.startsWith(`${status} `) && text.includes(beginning) && text.endsWith("\n")
      ? null
      : `body is ${JSON.stringify(text.slice(0, 200))}`;
  }
}
