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
  if (closest === exchanged) return closest;
  // What all flags begin with says nothing about which one was meant.
  const { length } = word.replace(/^(--)?(no-)?/, "");
  const mistakesMax = length < 6 ? 1 : Math.max(2, length / 4);
  return levenshteinDistance(word, closest) <= mistakesMax ? closest : null;
}

function lettersOf(word: string): string {
  return [...word].sort().join("");
}
