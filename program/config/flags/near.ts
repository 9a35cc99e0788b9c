/**
 * What was probably meant by a word that is none of those that are known.
 * @module
 */
import { closestString, levenshteinDistance } from "@std/text";

/** The known word that is nearest to another, where a slip of the fingers makes the one of the other; null: none is. */
export function near(word: string, known: readonly string[]): string | null {
  if (known.length === 0 || word === "") return null;
  const closest = closestString(word, [...known]);
  return levenshteinDistance(word, closest) <= (word.length < 4 ? 1 : Math.max(2, word.length / 4))
    ? closest
    : null;
}
