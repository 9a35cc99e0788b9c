/**
 * Shrinks an input that fails as long as it keeps failing. Parts are removed, halves first; what is left is replaced
 * by plain letters where that makes no difference.
 * @module
 */

/** The most attempts for one input, and their longest time. */
const TRIES_MAX = 20_000;
const SHRINKING_MS_MAX = 10_000;

/** Returns the smallest failing input that was found. Calls `fails` many times. */
export async function shrink(
  input: readonly string[],
  fails: (input: readonly string[]) => boolean | Promise<boolean>,
): Promise<readonly string[]> {
  const endMs = performance.now() + SHRINKING_MS_MAX;
  let tries = 0;
  let best = input;
  const attempt = async (part: number, text: string): Promise<boolean> => {
    if (text === best[part] || ++tries > TRIES_MAX || performance.now() > endMs) return false;
    const candidate = best.map((old, i) => i === part ? text : old);
    if (!await fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (let part = 0; part < best.length; part++) {
      for (let size = best[part]!.length; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
        for (let at = 0; at < best[part]!.length;) {
          const text = best[part]!;
          if (await attempt(part, text.slice(0, at) + text.slice(at + size))) isSmaller = true;
          else at += size;
        }
      }
    }
  }
  for (let part = 0; part < best.length; part++) {
    for (let at = 0; at < best[part]!.length; at++) {
      if (/[a0]/.test(best[part]![at]!)) continue;
      const replaced = (letter: string) => best[part]!.slice(0, at) + letter + best[part]!.slice(at + 1);
      if (!await attempt(part, replaced("a"))) await attempt(part, replaced("0"));
    }
  }
  return best;
}
