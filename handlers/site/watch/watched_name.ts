/**
 * Names in the site, and who depends on what they stand for.
 * @module
 */
import type { FileName } from "../../../ffi/file/inotify.ts";

/** `a.js.br` is another form of `a.js`: whoever depends on the name of the latter is told of both. */
export const SIBLING_SUFFIXES: readonly string[] = [".br", ".zst", ".gz"];

/** What is to be told when a name changes. */
export interface Dependent {
  /** Called once; it depends on nothing afterwards. */
  drop(): void;
}

/** What hears of what is watched: a tree of places. */
export interface Watcher {
  /** Something has happened to `watched`, or to what it names `name` where that is not empty; `mask` as of inotify(7). */
  onEvent(watched: WatchedName, mask: number, name: FileName): void;
  /** Everything may have changed: all its places are to be forgotten. */
  reset(): void;
  /** Where it is, as far as the kernel knows; null: it does not say. */
  readonly path: FileName | null;
}

/** A name in the site: of a directory, of a file, or of nothing yet. */
export class WatchedName {
  readonly tree: Watcher;
  readonly name: FileName;
  readonly parent: WatchedName | null;
  readonly children: Map<FileName, WatchedName> = new Map();
  readonly dependents: Set<Dependent> = new Set();
  /** The kernel's watch; −1 without one. */
  watch = -1;
  /**
   * Of a file by itself, which is at no name: told what happens to it, in the place of dependents.
   */
  listener: ((mask: number) => void) | null = null;
  /** Of a directory: every name in it, once that was asked for. */
  names: Set<FileName> | null = null;
  /** Some of {@linkcode names} may have one of {@linkcode SIBLING_SUFFIXES}. */
  hasSiblings = true;
  /** It has too many names to list them, or all together have. */
  isLarge = false;

  constructor(tree: Watcher, name: FileName, parent: WatchedName | null) {
    this.tree = tree;
    this.name = name;
    this.parent = parent;
    parent?.children.set(name, this);
  }
}

/** True for the names of compressed forms. */
export function isSiblingName(name: FileName): boolean {
  return SIBLING_SUFFIXES.some((suffix) => name.endsWith(suffix));
}
