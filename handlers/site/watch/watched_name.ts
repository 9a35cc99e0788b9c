/**
 * Names in a site, and the objects that depend on them.
 * @module
 */
import type { FileName } from "../../../ffi/file/inotify.ts";

/** The suffixes of compressed forms. `a.js.br` is a form of `a.js`, so its changes also drop what depends on `a.js`. */
export const SIBLING_SUFFIXES: readonly string[] = [".br", ".zst", ".gz"];

/** An object that is no longer valid when a name changes. */
export interface Dependent {
  /** Called once, when the name changes. The object then ends its dependencies on other names. */
  drop(): void;
}

/** A tree of watched names, which receives their events. */
export interface Watcher {
  /**
   * Handles an event of `watched` itself, or of the entry `name` in it when `name` is not empty. `mask` is that of
   * inotify(7).
   */
  onEvent(watched: WatchedName, mask: number, name: FileName): void;
  /** Removes all names, because events were lost: everything may have changed. */
  reset(): void;
  /** The path of the root in the kernel; null when it is not known. */
  readonly path: FileName | null;
}

/** A watched name: of a directory, of a file, or of something that does not exist yet. */
export class WatchedName {
  readonly tree: Watcher;
  readonly name: FileName;
  readonly parent: WatchedName | null;
  readonly children: Map<FileName, WatchedName> = new Map();
  readonly dependents: Set<Dependent> = new Set();
  /** The inotify watch; −1 without one. */
  watch = -1;
  /** Receives the events of a file that is watched by its descriptor, without a name in the tree. Else null. */
  listener: ((mask: number) => void) | null = null;
  /** All names in a directory; null until they are needed. */
  names: Set<FileName> | null = null;
  /** True when some of {@linkcode names} may have one of {@linkcode SIBLING_SUFFIXES}. */
  hasSiblings = true;
  /** True for a directory that is not listed, because it, or all listed ones together, have too many names. */
  isLarge = false;

  constructor(tree: Watcher, name: FileName, parent: WatchedName | null) {
    this.tree = tree;
    this.name = name;
    this.parent = parent;
    parent?.children.set(name, this);
  }
}

/** Returns true for a name of a compressed form. */
export function isSiblingName(name: FileName): boolean {
  return SIBLING_SUFFIXES.some((suffix) => name.endsWith(suffix));
}
