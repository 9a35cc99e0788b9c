/**
 * Import lines, read without running anything.
 * @module
 */

const IMPORT = /^(?:import|export)\b(?:[^;"=(]*?\bfrom)?\s*"([^"]+)"|\bimport\("([^"]+)"\)/gm;

/** Returns what the text of a module names after `from`, in `import "…"`, or in `import("…")`. */
export function specifiersOf(text: string): string[] {
  return Array.from(text.matchAll(IMPORT), ([, static_, dynamic]) => (static_ ?? dynamic)!);
}
