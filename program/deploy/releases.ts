/**
 * The releases beside a link: `current` leads to `releases/12`. A release is complete, and on the disk, before the link
 * leads to it, and the link changes by one rename. So whatever ends a deploy, the link leads to a whole release.
 *
 *     /srv/site/current        -> releases/12
 *     /srv/site/releases/11, /srv/site/releases/12
 *     /srv/site/releases/.lock
 *     /srv/site/releases/.before-12  -> 11, which was served before
 *
 * Source: rename(2), flock(2).
 * @module
 */
import { EAGAIN, orThrow } from "../../ffi/libc/errno.ts";
import { readLink } from "../../ffi/file/path_walk.ts";
import { lockFile } from "../../ffi/file/private_file.ts";
import { Folder } from "../../ffi/file/tree_files.ts";
import { close } from "../../ffi/socket/socket.ts";
import { UsageError } from "../../server/usage_error.ts";

/** The name of the directory beside the link. */
export const RELEASES = "releases";
const DIRECTORY_MODE = 0o755;
const BEFORE = ".before-";
/** The beginnings of the names of releases that are being made, or removed. No deploy that runs has others. */
const [UNFINISHED, LEAVING] = [".new-", ".old-"];

/** Returns the directory of a link, and its name. @throws {UsageError} for a path that can be no link's */
export function placeOf(link: string): { above: string; name: string } {
  const written = link.includes("/") ? link : `./${link}`;
  const [, above = "", name = ""] = /^(.*?)\/*([^/]*)\/*$/.exec(written) ?? [];
  if (name === "" || name === "." || name === "..") {
    throw new UsageError(`Bad --to "${link}": expected the path of a link, such as /srv/site/current`);
  }
  return { above: above === "" ? "/" : above, name };
}

/** The directory of releases, locked for this process. */
export class Releases implements Disposable {
  /** The path of the link. */
  readonly link: string;
  readonly #parent: Folder;
  readonly #name: string;
  readonly #folder: Folder;
  readonly #lock: number;

  /**
   * Opens the releases beside `link`, and makes their directory if `makes`.
   * @throws {UsageError} when `link` is something else, or a deploy is running
   * @throws {SystemError}
   */
  constructor(link: string, makes: boolean) {
    const { above, name } = placeOf(link);
    this.link = link;
    this.#name = bytesOf(name);
    if (this.#name === RELEASES) {
      throw new UsageError(`Bad --to "${link}": releases is the name of the directory beside the link`);
    }
    this.#parent = Folder.open(above);
    try {
      const status = this.#parent.statusOf(this.#name);
      if (status !== null && !status.isLink) {
        const kind = status.isDirectory ? "directory" : "file";
        throw new UsageError(
          `${link} is a ${kind}, not a link: move it away, so that the server's root can be a link that leads to each release`,
        );
      }
      const folder = makes ? this.#parent.ensure(RELEASES, DIRECTORY_MODE) : this.#parent.tryEnter(RELEASES);
      if (folder === null) {
        throw new UsageError(`There are no releases beside ${link}: run epollet deploy first`);
      }
      this.#folder = folder;
      try {
        this.#lock = lockFile(`${folder.path}/.lock`);
        if (this.#lock === -EAGAIN) {
          throw new UsageError(`Another deploy to ${link} is running: wait until it has ended`);
        }
        orThrow(this.#lock, `lock ${folder.path}/.lock`, "openat");
      } catch (error) {
        folder[Symbol.dispose]();
        throw error;
      }
    } catch (error) {
      this.#parent[Symbol.dispose]();
      throw error;
    }
  }

  /** The path of the directory of releases. */
  get path(): string {
    return this.#folder.path;
  }

  /** What the link leads to, if that is no release; null if it is one, or there is no link. */
  get elsewhere(): string | null {
    const target = readLink(this.#parent.fd, this.#name);
    return target === null || this.current !== null ? null : target;
  }

  /** The release that the link leads to; null if it leads elsewhere, or there is none. */
  get current(): number | null {
    const target = readLink(this.#parent.fd, this.#name);
    const [, number] = /^(?:\.\/)?releases\/(\d+)\/*$/.exec(target ?? "") ?? [];
    return number === undefined ? null : Number(number);
  }

  /** All complete releases, in their order. */
  get numbers(): number[] {
    return this.#folder.names().filter((name) => /^[1-9]\d{0,14}$/.test(name)).map(Number).sort((a, b) =>
      a - b
    );
  }

  /** Opens a release. @throws {SystemError} */
  enter(number: number): Folder {
    return this.#folder.enter(String(number));
  }

  /** Opens a release; null if it is gone. */
  tryEnter(number: number): Folder | null {
    return this.#folder.tryEnter(String(number));
  }

  /** Removes what an earlier deploy has left that was ended. @throws {SystemError} */
  clean(): void {
    for (const name of this.#folder.names()) {
      if (name.startsWith(UNFINISHED) || name.startsWith(LEAVING)) this.#folder.remove(name);
    }
    this.#parent.remove(this.#unfinishedLink);
  }

  /** Makes the directory of the next release, and has `fill` fill it. Returns its number. @throws {SystemError} */
  make(fill: (folder: Folder) => void): number {
    const number = Math.max(0, ...this.numbers) + 1;
    const unfinished = `${UNFINISHED}${number}`;
    try {
      using folder = this.#folder.make(unfinished, DIRECTORY_MODE);
      fill(folder);
      folder.sync();
      this.#folder.rename(unfinished, String(number));
      this.#folder.sync();
    } catch (error) {
      this.#folder.remove(unfinished);
      throw error;
    }
    return number;
  }

  /** Has the link lead to a new release, and remembers which one it led to. @throws {SystemError} */
  publish(number: number): void {
    const { current } = this;
    this.#folder.remove(BEFORE + number);
    if (current !== null) this.#folder.symlink(String(current), BEFORE + number);
    this.switchTo(number);
  }

  /** The release that was served before `number`; null if it is gone, or there was none. */
  before(number: number): number | null {
    const target = readLink(this.#folder.fd, BEFORE + number);
    return target !== null && this.numbers.includes(Number(target)) ? Number(target) : null;
  }

  /** Has the link lead to a release. @throws {SystemError} */
  switchTo(number: number): void {
    this.#parent.remove(this.#unfinishedLink);
    this.#parent.symlink(`${RELEASES}/${number}`, this.#unfinishedLink);
    this.#parent.rename(this.#unfinishedLink, this.#name);
    this.#parent.sync();
  }

  /**
   * Removes all but the latest `count` releases, and never one that a link in the same directory leads to, nor the one that
   * was served before. Returns their numbers.
   */
  keep(count: number): number[] {
    const spared = new Set(this.#linked());
    const before = this.current === null ? null : this.before(this.current);
    if (before !== null && count > 1) spared.add(before);
    const leaving = this.numbers.slice(0, -count).filter((number) => !spared.has(number));
    for (const number of leaving) this.#folder.rename(String(number), `${LEAVING}${number}`);
    for (const number of leaving) {
      this.#folder.remove(`${LEAVING}${number}`);
      this.#folder.remove(BEFORE + number);
    }
    return leaving;
  }

  /** The releases that links in the directory of the link lead to: other links may share them. */
  #linked(): number[] {
    return this.#parent.names().flatMap((name) => {
      const [, number] = /(?:^|\/)releases\/(\d+)\/*$/.exec(readLink(this.#parent.fd, name) ?? "") ?? [];
      return number === undefined ? [] : [Number(number)];
    });
  }

  get #unfinishedLink(): string {
    return `${UNFINISHED}${this.#name}`;
  }

  [Symbol.dispose](): void {
    close(this.#lock);
    this.#folder[Symbol.dispose]();
    this.#parent[Symbol.dispose]();
  }
}

/** Returns a text as the kernel's names: a character for each byte. */
function bytesOf(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}
