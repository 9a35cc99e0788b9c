/**
 * Changes of a client's bytes on their way to the server: bytes that are flipped, lost or added, pauses, an early end.
 *
 * They are written as text, so that a case can be repeated and shrunk: `xor 12 80;cut 40;end 99 fin`. Positions count
 * the client's own bytes from the first one on.
 * @module
 */
import { concat } from "../../server/http/bytes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How the client ends before it has sent everything: by FIN, or by a reset. */
export type Ending = "fin" | "rst";

const ADDED_BYTES_MAX = 200_000;

function bytesOf(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** The changes of one client's bytes. */
export class Tampering {
  readonly #values = new Map<number, { readonly keep: number; readonly flip: number }>();
  readonly #dropped = new Set<number>();
  readonly #added = new Map<number, Bytes>();
  readonly #cuts = new Set<number>();
  #cutsAll = false;
  /** The pause after each piece, in milliseconds. */
  pauseMs = 0;
  /** Where the client ends early; Infinity if it does not. */
  endAt = Infinity;
  ending: Ending = "fin";
  /** True if an added or changed record may be an alert of the client's. */
  mayBeAlert = false;

  /** Reads the text. What it does not understand is left out, so that a part of the text is one, too. */
  constructor(text: string) {
    for (const change of text.split(";")) {
      const [what, at = "", value = "", count = "1"] = change.trim().split(" ");
      const isHex = /^(?:[\da-f]{2})+$/.test(value);
      if (what === "cuts") this.#cutsAll = true;
      if (!/^\d{1,7}$/.test(at)) continue;
      const position = Number(at);
      if (what === "set" && isHex) this.#set(position, bytesOf(value));
      else if (what === "xor" && isHex) {
        this.#values.set(position, { keep: 0xff, flip: bytesOf(value)[0]! });
      } else if (what === "drop" && /^\d{1,6}$/.test(value)) {
        for (let i = 0; i < Number(value); i++) this.#dropped.add(position + i);
      } else if (what === "add" && isHex && /^\d{1,6}$/.test(count)) {
        this.#add(position, value, Number(count));
      } else if (what === "cut") this.#cuts.add(position);
      else if (what === "pause") this.pauseMs = position;
      else if (what === "end" && (value === "fin" || value === "rst")) {
        this.endAt = position;
        this.ending = value;
      }
    }
  }

  #set(at: number, bytes: Bytes): void {
    bytes.forEach((value, i) => this.#values.set(at + i, { keep: 0, flip: value }));
    if (bytes[0] === 21) this.mayBeAlert = true;
  }

  #add(at: number, hex: string, count: number): void {
    const piece = bytesOf(hex);
    const times = Math.min(count, Math.floor(ADDED_BYTES_MAX / piece.length));
    this.#added.set(at, concat([this.#added.get(at) ?? new Uint8Array(0), ...Array(times).fill(piece)]));
    if (/15/.test(hex)) this.mayBeAlert = true;
  }

  /** True if all bytes arrive as they were sent, as far as they arrive. */
  get keepsBytes(): boolean {
    return this.#values.size === 0 && this.#dropped.size === 0 && this.#added.size === 0;
  }

  /** Returns the pieces in which `bytes`, the first of which is at `from`, are sent instead. */
  apply(from: number, bytes: Bytes): Bytes[] {
    const pieces: Bytes[] = [];
    let piece: number[] = [];
    const cut = () => {
      if (piece.length > 0) pieces.push(Uint8Array.from(piece));
      piece = [];
    };
    for (let i = 0; i < bytes.length && from + i < this.endAt; i++) {
      const at = from + i;
      if (this.#cutsAll || this.#cuts.has(at)) cut();
      for (const byte of this.#added.get(at) ?? []) piece.push(byte);
      if (this.#dropped.has(at)) continue;
      const value = this.#values.get(at);
      piece.push(value === undefined ? bytes[i]! : (bytes[i]! & value.keep) ^ value.flip);
    }
    cut();
    return pieces;
  }
}
