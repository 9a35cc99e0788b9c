/**
 * The note about what an archive lacks, as its last file.
 * @module
 */
import { encodeUtf8 } from "../../../server/http/characters.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { FOLDER_NOTE_NAMES_MAX } from "../limits.ts";
import { textOf } from "../listing/natural_order.ts";

const NAME = "LEFT-OUT";

/** Collects what is left out, and why. */
export class LeftOut {
  readonly #lines: string[] = [];
  #more = 0;

  /** Adds the file at `path`. */
  add(path: FileName, why: string): void {
    if (this.#lines.length >= FOLDER_NOTE_NAMES_MAX) this.#more++;
    else this.#lines.push(`${printable(path)}: ${why}`);
  }

  /** Adds a sentence about the whole archive. */
  say(sentence: string): void {
    this.#lines.push(sentence);
  }

  /** The text; null when nothing is missing. */
  get text(): Uint8Array<ArrayBuffer> | null {
    if (this.#lines.length === 0) return null;
    const more = this.#more > 0 ? [`and ${this.#more} more files`] : [];
    return encodeUtf8([
      "This archive is not the whole folder. It was made while the folder changed, or some files cannot be in it:",
      "",
      ...this.#lines,
      ...more,
      "",
    ].join("\n"));
  }
}

/** Returns the name of the note: one that is not in `names`. */
export function noteName(names: ReadonlySet<FileName>): FileName {
  for (let number = 1;; number++) {
    const name = number === 1 ? `${NAME}.txt` : `${NAME}-${number}.txt`;
    if (!names.has(name)) return name;
  }
}

/** Returns a path as one line of text. */
function printable(path: FileName): string {
  return textOf(path).replace(/\p{Cc}/gu, "\ufffd");
}
