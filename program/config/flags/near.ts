/**
 * The known word that was probably meant.
 * @module
 */
import { closestString, levenshteinDistance } from "@std/text";

/**
 * Returns the known word that is nearest to `word`, if a typing mistake can explain the difference; else null. Of several,
 * one with the same letters, as exchanged ones leave them, comes first.
 */
export function near(word: string, known: readonly string[]): string | null {
  if (known.length === 0 || word === "") return null;
  const letters = lettersOf(word);
  const exchanged = known.find((other) => other.length === word.length && lettersOf(other) === letters);
  const closest = exchanged ?? closestString(word, [...known]);
  return levenshteinDistance(word, closest) <= (word.length < 4 ? 1 : Math.max(2, word.length / 4))
    ? closest
    : null;
}

function lettersOf(word: string): string {
  return [...word].sort().join("");
}
