/**
 * A password from standard input: typed on a terminal without being shown, otherwise the first line.
 * @module
 */
import { CREDENTIALS_BYTES_MAX } from "../../server/limits.ts";
import { UsageError } from "../../server/usage_error.ts";

const INTERRUPT = 0x03;
const END_OF_TRANSMISSION = 0x04;
const BACKSPACE = 0x08;
const LF = 0x0a;
const CR = 0x0d;
const ERASE_LINE = 0x15;
const SPACE = 0x20;
const DELETE = 0x7f;

/** The state of the line after some bytes: unfinished, finished, or cancelled by Ctrl-C. */
export type LineState = "open" | "done" | "cancelled";

/**
 * A line that is typed without being shown. In raw mode the terminal does not edit the line, so that happens here.
 */
export class HiddenLine {
  readonly #bytes: number[] = [];

  /** Adds typed bytes to the line. */
  take(typed: Uint8Array): LineState {
    for (const byte of typed) {
      if (byte === CR || byte === LF || byte === END_OF_TRANSMISSION) return "done";
      if (byte === INTERRUPT) return "cancelled";
      if (byte === BACKSPACE || byte === DELETE) this.#takeBack();
      else if (byte === ERASE_LINE) this.#bytes.length = 0;
      else if (byte >= SPACE && this.#bytes.length <= CREDENTIALS_BYTES_MAX) this.#bytes.push(byte);
    }
    return "open";
  }

  /** Removes the last character. In UTF-8 all of its bytes but the first are 10xxxxxx. */
  #takeBack(): void {
    for (let byte = this.#bytes.pop(); byte !== undefined && (byte & 0xc0) === 0x80;) {
      byte = this.#bytes.pop();
    }
  }

  /** The line so far. */
  get text(): string {
    return decode(new Uint8Array(this.#bytes));
  }
}

/**
 * Reads a password. On a terminal it prints a prompt to standard error, and returns null at Ctrl-C.
 * @throws {UsageError} for a password that is too long or not in UTF-8
 */
export async function readPassword(): Promise<string | null> {
  return Deno.stdin.isTerminal() ? await readFromTerminal() : await readFirstLine();
}

async function readFromTerminal(): Promise<string | null> {
  const line = new HiddenLine();
  const buffer = new Uint8Array(256);
  console.error("Password:");
  Deno.stdin.setRaw(true);
  try {
    while (true) {
      const count = await Deno.stdin.read(buffer);
      const state = count === null ? "done" : line.take(buffer.subarray(0, count));
      if (state === "cancelled") return null;
      if (state === "done") return line.text;
    }
  } finally {
    Deno.stdin.setRaw(false);
  }
}

async function readFirstLine(): Promise<string> {
  const buffer = new Uint8Array(CREDENTIALS_BYTES_MAX + 2);
  let length = 0;
  while (length < buffer.length && !buffer.subarray(0, length).includes(LF)) {
    const count = await Deno.stdin.read(buffer.subarray(length));
    if (count === null) break;
    length += count;
  }
  const end = buffer.subarray(0, length).indexOf(LF);
  if (end < 0 && length === buffer.length) {
    throw new UsageError(`Bad password: expected at most ${CREDENTIALS_BYTES_MAX / 2} bytes`);
  }
  return decode(buffer.subarray(0, end < 0 ? length : end)).replace(/\r$/, "");
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UsageError("Bad password: expected UTF-8");
  }
}
