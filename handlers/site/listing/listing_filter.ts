/**
 * The entries whose names contain a text (`?q=`).
 * @module
 */
import type { FileName } from "../../../ffi/file/inotify.ts";
import { foldedName, foldedText } from "./natural_order.ts";

/** Names in the order of a listing: first the directories, then the files. */
export interface Sequence {
  readonly nameAt: (index: number) => FileName;
  readonly directories: number;
  readonly files: number;
}

const NAMES_PER_STEP = 512;

/**
 * Returns those of `all` whose names contain each word of `filter`. Case and accents are ignored. The generator yields
 * often.
 */
export function* filtered(all: Sequence, filter: string): Generator<void, Sequence> {
  const words = wordsOf(filter);
  if (words.length === 0) return all;
  const names: FileName[] = [];
  let directories = 0;
  for (let i = 0; i < all.directories + all.files; i++) {
    const name = all.nameAt(i);
    const folded = foldedName(name);
    if (words.every((word) => folded.includes(word))) {
      names.push(name);
      if (i < all.directories) directories++;
    }
    if (i % NAMES_PER_STEP === NAMES_PER_STEP - 1) yield;
  }
  return { nameAt: (index) => names[index]!, directories, files: names.length - directories };
}

function wordsOf(filter: string): string[] {
  return foldedText(filter).split(/\s+/).filter((word) => word !== "");
}
