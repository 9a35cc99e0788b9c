/**
 * Directories that roots led to before, as one process tells them to the next: a supervisor to its workers, and a program
 * to its successor. Descriptors are not passed on, so only directories that still exist are opened again.
 * @module
 */

/** A directory that a root led to before. */
export interface EarlierRoot {
  /** The path of the root as `SiteRoot.pathOf` returns it. */
  readonly root: string;
  readonly path: string;
  /** When the root came to lead elsewhere, in milliseconds since 1970. */
  readonly sinceMs: number;
}

let inherited: readonly EarlierRoot[] = [];

/** Has sites that are opened from now on begin with `roots`, the latest first. */
export function inheritEarlierRoots(roots: readonly EarlierRoot[]): void {
  inherited = roots;
}

/** Returns what was inherited for the path `root`, the latest first. */
export function inheritedOf(root: string): EarlierRoot[] {
  return inherited.filter((earlier) => earlier.root === root);
}
