/**
 * A request and the check of its response. Also requests whose response is always the same.
 * @module
 */
import { Buffer } from "node:buffer";

/** A response, as received. */
export interface Answer {
  readonly status: number;
  /** The fields, with names in lower case. */
  readonly fields: Readonly<Record<string, string>>;
  /** The body. It may be in a buffer that is reused later. */
  readonly body: Buffer<ArrayBuffer>;
  /** False when the client left before the end. */
  readonly isWhole: boolean;
  /** True when 100 (Continue) came before it. */
  readonly isContinued: boolean;
}

/** A request with the check of its response. */
export interface Exchange {
  /** The name in the table. */
  readonly kind: string;
  readonly request: Buffer<ArrayBuffer>;
  readonly isHead: boolean;
  /** The bytes to send after 100 (Continue), or null. */
  readonly late: Buffer<ArrayBuffer> | null;
  /** True when the server closes the connection after the response. */
  readonly closes: boolean;
  /** Called before the request is sent. */
  begin(): void;
  /** Called once after `begin`: the response has arrived, or is not expected any more. */
  end(): void;
  /** Returns what is wrong with a response, or null when it is right. */
  judge(answer: Answer): string | null;
}

/** Describes a difference, or returns null when there is none. */
export function difference(what: string, actual: unknown, expected: unknown): string | null {
  return actual === expected ? null : `${what} is ${actual}, not ${expected}`;
}

/** Returns the bytes of a request without a body. */
export function head(method: string, target: string, fields: readonly string[], version = "1.1"): string {
  const lines = [`${method} ${target} HTTP/${version}`, "Host: soak.example", ...fields];
  return lines.join("\r\n") + "\r\n\r\n";
}

/** The expected response to a request that does not depend on the state of the site. */
export interface Fixed {
  readonly kind: string;
  readonly request: string;
  /** The allowed statuses. */
  readonly statuses: readonly number[];
  /** The expected fields. Content-Length is checked against the body. */
  readonly fields?: Readonly<Record<string, string>>;
  /** The beginning of the body, after the status. */
  readonly body?: string;
  readonly closes?: boolean;
  readonly isHead?: boolean;
  readonly late?: string;
}

/** A request with a {@linkcode Fixed} response. */
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
    if (isContinued && late === undefined) return "100 came without Expect";
    if (this.closes && fields.connection !== "close") return "Connection: close is missing";
    if (status === 204 || this.isHead || !isWhole) return null;
    const text = body.toString("latin1");
    return text.startsWith(`${status} `) && text.includes(beginning) && text.endsWith("\n")
      ? null
      : `body is ${JSON.stringify(text.slice(0, 200))}`;
  }
}
