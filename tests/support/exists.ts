/**
 * Whether something has a name.
 * @module
 */

/** Returns true if there is anything at `path`, also a link that leads nowhere. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
