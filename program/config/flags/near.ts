/**
 * The known word that was probably meant.
 * @module
 */
import { closestString, levenshteinDistance } from "@std/text";

/** Returns the known word that is nearest to `word`, if a typing mistake can explain the difference; else null. */
export function near(word: string, known: readonly string[]): string | null {
  if (known.length === 0 || word === "") return null;
  const closest = closestString(word, [...known]);
  return levenshteinDistance(word, closest) <= (word.length < 4 ? 1 : Math.max(2, word.length / 4))
    ? closest
    : null;
}
