/**
 * What was probably meant by a directory that does not exist, as a whole line to type.
 * @module
 */
import { isDirectory, namesIn } from "../../../ffi/file/private_file.ts";
import { mistakeOf, positionalChanges } from "./corrections.ts";
import { near } from "./near.ts";

type Words = readonly string[];

/** Returns the words of a line that was probably meant by `words`, whose `root` does not exist; null if none is obvious. */
export function wordsWithRoot(words: Words, root: string): Words | null {
  const index = words.indexOf(root);
  if (index < 0) return null;
  for (const changed of changes(words, index, root)) {
    if (mistakeOf(changed) === null) return changed;
  }
  return null;
}

/** Yields lines with something else in place of `root`, the most probable ones first. */
function* changes(words: Words, index: number, root: string): Generator<Words> {
  const before = words[index - 1];
  if (before !== "--root" && before !== "-d") yield* positionalChanges(words, index);
  const other = directoryNear(root);
  if (other !== null) yield words.with(index, other);
}

/** Returns a directory beside `path` with nearly the same name; null if there is none. */
function directoryNear(path: string): string | null {
  const [, parent = "", name = ""] = /^(.*\/)?([^/]+)\/*$/.exec(path) ?? [];
  const names = namesIn(parent === "" ? "." : parent).filter((other) => isDirectory(parent + other));
  const closest = near(name, names);
  return closest === null ? null : parent + closest;
}
