/**
 * The directories that the roots led to, as the supervisor sees them, for workers that start later (`--keep-assets`). The
 * supervisor looks by itself: it must not believe its workers, which it starts with more rights than they have.
 * @module
 */
import { openPath, pathOf } from "../../ffi/file/path_walk.ts";
import { close } from "../../ffi/socket/socket.ts";
import { SiteRoot } from "../../handlers/site/files/directory_root.ts";
import type { EarlierRoot } from "../../handlers/site/kept/earlier_roots.ts";
import { KEPT_DIRECTORIES_MAX } from "../../handlers/site/limits.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { rootsOf } from "../setup/sites.ts";

const LOOK_INTERVAL_MS = 1000;

/** Where the roots led before. */
export class RootHistory {
  /** The latest first. The same array all the time, so a worker that starts later gets what is in it then. */
  readonly earlier: EarlierRoot[];
  readonly #latest = new Map<string, string>();
  #command: CommandLine | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;

  /** `inherited` comes from the program that this one replaces. */
  constructor(inherited: readonly EarlierRoot[]) {
    this.earlier = [...inherited];
  }

  /** Follows the roots of `command` from now on, and looks at once. Does nothing while nothing is kept. */
  follow(command: CommandLine): void {
    this.#command = command;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (command.keepAssets === null) return;
    this.look();
    this.#timer = setInterval(() => this.look(), LOOK_INTERVAL_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Looks where the roots lead now, and returns where they led before. */
  look(): readonly EarlierRoot[] {
    const command = this.#command;
    if (command === null || command.keepAssets === null) return [];
    const { keepAssets } = command;
    const nowMs = Date.now();
    for (const root of rootsOf(command)) {
      const fd = openPath(root);
      if (fd < 0) continue; // the directory before is still served
      const path = pathOf(fd);
      close(fd);
      const key = SiteRoot.pathOf(root);
      const before = this.#latest.get(key);
      if (before !== undefined && before !== path) {
        this.earlier.unshift({ root: key, path: before, sinceMs: nowMs });
      }
      this.#latest.set(key, path);
    }
    const seen = new Map<string, Set<string>>();
    const stays = this.earlier.filter(({ root, path, sinceMs }) => {
      const paths = seen.get(root) ?? new Set();
      seen.set(root, paths);
      if (paths.has(path) || path === this.#latest.get(root)) return false;
      return nowMs - sinceMs < keepAssets && paths.add(path).size <= KEPT_DIRECTORIES_MAX;
    });
    this.earlier.splice(0, this.earlier.length, ...stays);
    return this.earlier;
  }
}
