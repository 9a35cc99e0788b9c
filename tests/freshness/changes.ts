/**
 * A directory whose files change in every way in which sites are changed, and what each name stands for.
 * @module
 */
import { exists } from "../support/exists.ts";
import type { Random } from "../support/random.ts";
import { History } from "./history.ts";

/** What is changed, and how: the histories of a {@linkcode ChangingTree} by these words. */
export const WAYS = {
  write: "a file is written over",
  patch: "a file is written over with as many bytes",
  rename: "another file is renamed to its name",
  large: "the same, with a large file",
  link: "a link to its directory is swapped",
  folder: "another directory is renamed in place of its directory",
  delete: "a file is deleted, or is there again",
} as const;

export type Way = keyof typeof WAYS;

/** The large file is 50 to 250 KiB. */
const LARGE_SCALE = 100;
/** Trees that were swapped stay for a while, as releases do. */
const OLD_TREES = 3;

/** A directory in which one file changes at a time. */
export class ChangingTree {
  readonly histories: Readonly<Record<Way, History>> = {
    write: new History("written.txt", { isOverwritten: true }),
    patch: new History("patched.txt", { isOverwritten: true, hasOneSize: true }),
    rename: new History("renamed.txt"),
    large: new History("large.txt", { scale: LARGE_SCALE }),
    link: new History("current/page.txt"),
    folder: new History("folder/page.txt"),
    delete: new History("deleted.txt"),
  };
  readonly #root: string;
  #version = 0;

  /** `root` is a directory without files. */
  constructor(root: string) {
    this.#root = root;
    for (const way of Object.keys(WAYS) as Way[]) this.change(way);
  }

  /** Changes a file in a way, at random. */
  changeAny(random: Random): void {
    const ways = Object.keys(WAYS) as Way[];
    this.change(ways[random.below(ways.length)]!);
  }

  change(way: Way): void {
    const version = ++this.#version;
    const history = this.histories[way];
    const path = `${this.#root}/${history.name}`;
    const content = history.contentOf(version);
    switch (way) {
      case "write":
        return history.change(version, () => Deno.writeFileSync(path, content));
      case "patch":
        return history.change(version, () => overwrite(path, content));
      case "rename":
      case "large":
        Deno.writeFileSync(`${path}.new`, content);
        return history.change(version, () => Deno.renameSync(`${path}.new`, path));
      case "link":
        return this.#swapLink(history, version, content);
      case "folder":
        return this.#swapFolder(history, version, content);
      case "delete": {
        if (exists(path)) return history.change(null, () => Deno.removeSync(path));
        Deno.writeFileSync(`${path}.new`, content);
        return history.change(version, () => Deno.renameSync(`${path}.new`, path));
      }
    }
  }

  #swapLink(history: History, version: number, content: Uint8Array): void {
    const tree = `release-${history.changes + 1}`;
    const old = `${this.#root}/release-${history.changes - OLD_TREES}`;
    Deno.mkdirSync(`${this.#root}/${tree}`);
    Deno.writeFileSync(`${this.#root}/${tree}/page.txt`, content);
    Deno.symlinkSync(tree, `${this.#root}/next`);
    history.change(version, () => Deno.renameSync(`${this.#root}/next`, `${this.#root}/current`));
    if (exists(old)) Deno.removeSync(old, { recursive: true });
  }

  #swapFolder(history: History, version: number, content: Uint8Array): void {
    const [folder, next, old] = ["folder", "folder.next", "folder.old"].map((name) =>
      `${this.#root}/${name}`
    ) as [string, string, string];
    Deno.mkdirSync(next);
    Deno.writeFileSync(`${next}/page.txt`, content);
    if (exists(folder)) history.change(null, () => Deno.renameSync(folder, old));
    history.change(version, () => Deno.renameSync(next, folder));
    if (exists(old)) Deno.removeSync(old, { recursive: true });
  }
}

/** Writes over the bytes of a file without making it shorter first. */
function overwrite(path: string, content: Uint8Array): void {
  using file = Deno.openSync(path, { write: true, create: true });
  file.writeSync(content);
}
