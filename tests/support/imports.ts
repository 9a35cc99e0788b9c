/**
 * Reads import lines without running a module.
 * @module
 */

const IMPORT = /^(?:import|export)\b(?:[^;"=(]*?\bfrom)?\s*"([^"]+)"|\bimport\("([^"]+)"\)/gm;

/** Returns the modules that the text of a module names after `from`, in `import "…"`, or in `import("…")`. */
export function specifiersOf(text: string): string[] {
  return Array.from(text.matchAll(IMPORT), ([, static_, dynamic]) => (static_ ?? dynamic)!);
}
