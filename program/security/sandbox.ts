/**
 * The sandbox of the program: once it serves, the kernel refuses it everything but to read the sites, and to write its
 * logs.
 *
 * The kernel binds a permission to the directory that was open when it was given, not to a path. But a root may be
 * replaced while it is served: by another directory of its name, or by a link that is made to lead elsewhere. So what
 * may be read is not only what is below the root, but also what is below the directories where such a replacement is
 * made ({@linkcode Way.holders}), unless that is `/`. The handler still opens nothing outside of its root (openat2(2)).
 * @module
 */
import { describeErrno } from "../../ffi/libc/errno.ts";
import { FileStatus } from "../../ffi/file/file_status.ts";
import { landlockAbi, refusalsOf, Ruleset } from "../../ffi/process/landlock.ts";
import { openPath, pathOf, walk } from "../../ffi/file/path_walk.ts";
import { hideEnvironmentVariable, openMemoryMap } from "../../ffi/process/process.ts";
import { close } from "../../ffi/socket/socket.ts";

/** A Landlock ruleset. Opened with the rights of the start; entered when those are given up. */
export class Sandbox {
  /** −errno: this kernel has no Landlock (ENOSYS), or it is switched off (EOPNOTSUPP) or forbidden (EPERM, by seccomp). */
  readonly #abi: number;
  /** Null without Landlock. */
  readonly #rules: Ruleset | null = null;
  readonly #paths: readonly string[] = [];
  readonly #logPaths: readonly string[] = [];

  /**
   * Looks up what may be read: `roots` are the directories that are served; `config` is the configuration file, which is read
   * again when the settings are: of its directory files can be read, and not what files there are. `logs` are files that
   * are written.
   * @throws {SystemError} `Cannot follow ./html: ENOENT (…)`
   */
  constructor(roots: readonly string[], config: string | null = null, logs: readonly string[] = []) {
    this.#abi = landlockAbi();
    if (this.#abi < 0) return;
    const rules = this.#rules = new Ruleset(this.#abi);
    try {
      // Each is closed before the next is opened: there may be more roots than descriptors.
      if (config !== null) withOpen(openPath(directoryOf(config)), (fd) => rules.allowReading(fd));
      this.#logPaths = outermost(logs.flatMap((log) => this.#allowLog(rules, log)));
      this.#paths = outermost(this.#allowRoots(rules, new Set(roots)));
    } catch (error) {
      rules.close();
      throw error;
    }
  }

  /** A path whose directory is missing cannot be opened either; opening it gives the better message. */
  #allowLog(rules: Ruleset, log: string): string[] {
    return withOpen(openPath(directoryOf(log)), (fd) => {
      rules.allowWritingBelow(fd);
      return [pathOf(fd)];
    }) ?? [];
  }

  /** The directories below which can be read then. */
  #allowRoots(rules: Ruleset, roots: Iterable<string>): string[] {
    const top = new FileStatus();
    withOpen(openPath("/"), (fd) => top.readDescriptor(fd));
    const paths: string[] = [];
    for (const root of roots) {
      const { end, holders } = walk(root);
      try {
        for (const directory of [end, ...holders.filter((holder) => !statusOf(holder).isSameFile(top))]) {
          rules.allowReadingBelow(directory);
          paths.push(pathOf(directory));
        }
      } finally {
        for (const fd of [end, ...holders]) close(fd);
      }
    }
    return paths;
  }

  /** True where the kernel will enforce it. */
  get isEnforced(): boolean {
    return this.#abi >= 0;
  }

  /** It will not be entered. */
  discard(): void {
    this.#rules?.close();
  }

  /**
   * From now on only that can be read, and nothing written, executed or connected to, as far as this kernel knows how to
   * refuse it. It needs no_new_privs, or root.
   * Without Landlock nothing happens.
   * @throws {SystemError} `Cannot restrict this process by Landlock: …`
   */
  enter(): void {
    if (this.#rules === null) return;
    try {
      // Never closed: the permission is bound to the inode, which /proc keeps for as long as somebody has it open.
      const map = openMemoryMap();
      if (map >= 0) this.#rules.allowReading(map);
      this.#rules.enforce();
      // Half a second after the start the runtime looks for a newer version of itself. It is refused that without a
      // word, but for this file, of which it would say on standard error that it cannot be read.
      hideEnvironmentVariable("NODE_EXTRA_CA_CERTS");
    } finally {
      this.discard();
    }
  }

  /** For people. */
  toString(): string {
    if (this.#abi < 0) return `none: no Landlock, ${describeErrno(-this.#abi)}`;
    const { network, scopes } = refusalsOf(this.#abi);
    const readable = this.#paths.length === 0
      ? "reads no file"
      : `reads below ${this.#paths.join(", ")} only`;
    const written = this.#logPaths.length === 0
      ? "writes no file"
      : `writes below ${this.#logPaths.join(", ")} only`;
    const refused = [written, this.#logPaths.length === 0 ? "executes none" : "executes no file"];
    if (network !== 0) refused.push("makes no TCP connection");
    if (scopes !== 0) refused.push("signals nobody");
    return `Landlock ABI ${this.#abi}: ${readable}, ${refused.join(", ")}`;
  }
}

/** The directory that holds a file. */
function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : path.slice(0, slash + 1);
}

/** What `use` makes of `fd`, which is closed then; null where it is none. */
function withOpen<T>(fd: number, use: (fd: number) => T): T | null {
  if (fd < 0) return null;
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}

function statusOf(fd: number): FileStatus {
  const status = new FileStatus();
  status.readDescriptor(fd);
  return status;
}

/** Without those that are below another. */
function outermost(paths: readonly string[]): string[] {
  const isBelow = (path: string, other: string) => path.startsWith(other === "/" ? "/" : `${other}/`);
  const distinct = [...new Set(paths)];
  return distinct.filter((path) => !distinct.some((other) => path !== other && isBelow(path, other))).sort();
}
