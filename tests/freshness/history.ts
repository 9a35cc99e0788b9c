/**
 * What a name stood for at each time, and what is wrong with an answer for it.
 * @module
 */
import { isEqual } from "../../server/http/bytes.ts";
import type { Answer } from "./client.ts";

/** A state of a name: the version of its content, or null while there is no such file. */
interface State {
  readonly version: number | null;
  /** When the change that led to it began, and when it had returned, in milliseconds. */
  readonly beginMs: number;
  readonly endMs: number;
}

/**
 * What can be wrong with an answer: `stale`, older than a change that had returned before the request was sent;
 * `unmodified`, the same by a 304; `mixed`, bytes of two contents; `truncated`, the beginning of a content as if it were
 * all, or a body that never ends; `cut`, a body whose connection ended; `missing`, 404 for what was always there;
 * `failed`, any other status.
 */
export type Fault = "stale" | "unmodified" | "mixed" | "truncated" | "cut" | "missing" | "failed";

/** What an answer contains, and what is wrong with it. */
export interface Verdict {
  /** The version of a whole content; else null. */
  readonly version: number | null;
  /** Null if the answer was right at some time between request and answer. */
  readonly fault: Fault | null;
  /** For an old content: how long before the request was sent the change had returned, in milliseconds. */
  readonly staleMs: number;
}

/** A content that a client has, and its entity tag. */
export interface Stored {
  readonly etag: string;
  readonly version: number;
}

const RECORD_BYTES = 64;
/** Records of a content, by its version: some have the size of the one before, others do not. */
const RECORDS = [16, 16, 40, 16, 8, 8, 24];
const RECORD = /^(\S+) (\d{8}) \.+\n$/;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** How the contents of a name are made. */
interface NameOptions {
  /** Its file is overwritten, so a request meanwhile may get a part of each content. Default false. */
  readonly isOverwritten?: boolean;
  /** All contents have one size. Default false. */
  readonly hasOneSize?: boolean;
  /** How many times as large as others the contents are. Default 1. */
  readonly scale?: number;
}

/** One name below the root. */
export class History {
  readonly name: string;
  readonly #options: NameOptions;
  readonly #states: State[] = [];
  readonly #contents = new Map<number, Uint8Array<ArrayBuffer>>();

  constructor(name: string, options: NameOptions = {}) {
    this.name = name;
    this.#options = options;
  }

  get changes(): number {
    return this.#states.length;
  }

  /** Returns the content of a version: records that all name it. */
  contentOf(version: number): Uint8Array<ArrayBuffer> {
    const known = this.#contents.get(version);
    if (known !== undefined) return known;
    const { hasOneSize = false, scale = 1 } = this.#options;
    const record = `${this.name} ${String(version).padStart(8, "0")} `.padEnd(RECORD_BYTES - 1, ".") + "\n";
    const count = RECORDS[hasOneSize ? 0 : version % RECORDS.length]!;
    const content = encoder.encode(record.repeat(count * scale)) as Uint8Array<ArrayBuffer>;
    this.#contents.set(version, content);
    if (this.#contents.size > 4) this.#contents.delete(this.#contents.keys().next().value!);
    return content;
  }

  /** Calls `change`, after which the name stands for `version`. */
  change(version: number | null, change: () => void): void {
    const end = this.begin(version);
    change();
    end();
  }

  /** Notes that a change has begun. Returns a function that notes its end. */
  begin(version: number | null): () => void {
    const beginMs = performance.now();
    const at = this.#states.push({ version, beginMs, endMs: Infinity }) - 1;
    return () => this.#states[at] = { version, beginMs, endMs: performance.now() };
  }

  /** Judges an answer to a client that has `stored`, whose tag was the condition of the request. */
  judge(answer: Answer, stored: Stored | null): Verdict {
    const { status, body, end } = answer;
    if (end !== "whole") return verdict(end === "cut" ? "cut" : "truncated");
    const base = Math.max(this.#states.findLastIndex(({ endMs }) => endMs <= answer.sentMs), 0);
    if (status === 304) {
      return stored === null ? verdict("failed") : this.#judgeAge(stored.version, base, answer, "unmodified");
    }
    const possible = this.#states.slice(base).filter(({ beginMs }) => beginMs <= answer.receivedMs);
    if (status === 404) {
      if (possible.some(({ version }) => version === null)) return verdict(null);
      const wasMissing = this.#states.slice(0, base).some(({ version }) => version === null);
      return wasMissing ? this.#judgeAge(null, base, answer, "stale") : verdict("missing");
    }
    if (status !== 200) return verdict("failed");
    const version = versionIn(body, this.name);
    const whole = version === null ? null : this.contentOf(version);
    if (whole !== null && isEqual(whole, body)) return this.#judgeAge(version, base, answer, "stale");
    if (this.#options.isOverwritten === true && possible.length > 1) return verdict(null); // the file was like this
    const isBeginning = whole === null ? body.length === 0 : isEqual(whole.subarray(0, body.length), body);
    return verdict(isBeginning ? "truncated" : "mixed");
  }

  #judgeAge(version: number | null, base: number, { sentMs }: Answer, fault: Fault): Verdict {
    const at = this.#states.findLastIndex((state) => state.version === version);
    if (at >= base || at < 0) return { version, fault: null, staleMs: 0 };
    return { version, fault, staleMs: sentMs - this.#states[at + 1]!.endMs };
  }
}

function verdict(fault: Fault | null): Verdict {
  return { version: null, fault, staleMs: 0 };
}

/** Returns the version that a content begins with; null for another content. */
export function versionIn(body: Uint8Array, name: string): number | null {
  const found = RECORD.exec(decoder.decode(body.subarray(0, RECORD_BYTES)));
  return found !== null && found[1] === name ? Number(found[2]) : null;
}
