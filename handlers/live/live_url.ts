/**
 * A URL that a page has used, the files that its response depends on, and their state.
 * @module
 */
import { FileStatus } from "../../ffi/file/file_status.ts";
import type { Dependencies } from "../site/dependencies.ts";
import type { WatchedName } from "../site/watch/watched_name.ts";
import type { Change, ChangeTree, Listener } from "./change_tree.ts";

const status = new FileStatus();

/** One URL. */
export class LiveUrl implements Listener {
  /** The entry of `hosts` that it belongs to; null for the default site. */
  readonly host: string | null;
  readonly path: string;
  /** A text that stands for the state of the files, also in another process; empty before the first look. */
  token = "";
  /** The number of the last change; 0 before the first. */
  changedIn = 0;
  /** False when the kernel does not report every change, so that each question looks at the files. */
  isCovered = true;
  /** True when a browser may use its copy without asking. */
  isFresh = false;
  /** The sources of the password rules for it. */
  guards: readonly string[] = [];
  /** The changes since the files were looked at. */
  readonly changes: Set<Change> = new Set();
  readonly #onTouched: (url: LiveUrl) => void;
  #dependencies: Dependencies | null = null;
  /** Counts changes of the entries of a directory that is listed: most of them do not show in its own state. */
  #entryChanges = 0;
  #tree: ChangeTree | null = null;
  readonly #nodes: WatchedName[] = [];

  /** `onTouched` is called when something has changed. */
  constructor(host: string | null, path: string, onTouched: (url: LiveUrl) => void) {
    this.host = host;
    this.path = path;
    this.#onTouched = onTouched;
  }

  onChange(change: Change): void {
    this.changes.add(change);
    this.#onTouched(this);
  }

  /** The instant since which one of the files is open for writing; Infinity when none is. */
  get writtenSince(): number {
    return this.#nodes.reduce((since, node) => Math.min(since, this.#tree!.writtenSince(node)), Infinity);
  }

  /** Looks up the files anew, watches their names, and sets the token. `treeOf` returns the tree of a root. */
  resolve(look: () => Dependencies, treeOf: (dependencies: Dependencies) => ChangeTree | null): void {
    for (let tries = 0; tries < RESOLVE_TRIES_MAX; tries++) {
      const dependencies = look();
      this.forget();
      const { seen, listed, isFixed, guards } = this.#dependencies = dependencies;
      const tree = this.#tree = treeOf(dependencies);
      this.isCovered = isFixed;
      this.guards = guards;
      if (tree !== null) {
        const watched = seen.map(({ names }) => tree.watch(names, this));
        if (listed !== null) watched.push(tree.watchEntries(listed, this));
        for (const { node } of watched) this.#nodes.push(node);
        this.isCovered = watched.every(({ isCovered }) => isCovered);
      }
      // Watched first, then looked at: what has changed since the look-up shows here, and every later change is an event.
      const before = this.#tokenOf((index) => seen[index]!.status?.identity ?? null);
      this.lookAgain();
      if (this.token === before) return;
    }
  }

  /** Sets the token to the state of the files now. */
  lookAgain(): void {
    const { root, seen } = this.#dependencies!;
    if (this.changes.has("entries")) this.#entryChanges++;
    this.changes.delete("entries");
    this.token = this.#tokenOf((index) => {
      const found = root.look(seen[index]!.path, status);
      return found === "file" ? status.identity : null;
    });
  }

  /** `identityOf` returns the state of the file at the path with this index; null when no file is there. */
  #tokenOf(identityOf: (index: number) => string | null): string {
    const { seen, listed, root } = this.#dependencies!;
    const states = seen.map((_, index) => identityOf(index) ?? "-");
    if (listed !== null) states.push(`${directoryIdentity(root, listed)} ${this.#entryChanges}`);
    return hash(states.join("\n"));
  }

  /** Ends all watches. */
  forget(): void {
    for (const node of this.#nodes) this.#tree!.forget(node, this);
    this.#nodes.length = 0;
  }
}

/** A URL whose files change all the time is looked up again with the next event. */
const RESOLVE_TRIES_MAX = 3;

function directoryIdentity(root: Dependencies["root"], names: readonly string[]): string {
  const bytes = Uint8Array.from(`${names.join("/") || "."}\0`, (character) => character.charCodeAt(0));
  return root.look(bytes, status) === "directory" ? status.identity : "-";
}

/** Returns a hash of `text` (FNV-1a, twice 32 bits): the same in every process, and not for security. */
function hash(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x01234567;
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x85ebca6b) ^ (b >>> 13);
  }
  return (a >>> 0).toString(36) + (b >>> 0).toString(36);
}
