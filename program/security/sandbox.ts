/**
 * The sandbox of the program. Once the program serves, the kernel lets it read the sites and write the logs, and
 * denies all other access to files.
 *
 * Landlock binds a permission to the directory that was open at the time, not to a path. But a root may be replaced
 * while it is served: by another directory of the same name, or by a symbolic link that changes. So the directories
 * in which such a replacement happens ({@linkcode Way.holders}) are readable, too, unless that is `/`. The handler
 * still opens nothing outside of its root (openat2(2)). A root that is a file is read in its directory, since the file
 * may be replaced.
 * @module
 */
import { describeErrno } from "../../ffi/libc/errno.ts";
import { FileStatus } from "../../ffi/file/file_status.ts";
import { landlockAbi, refusalsOf, Ruleset } from "../../ffi/process/landlock.ts";
import { directoryOf, openPath, pathOf, walk } from "../../ffi/file/path_walk.ts";
import { hideEnvironmentVariable, openMemoryMap } from "../../ffi/process/process.ts";
import { close } from "../../ffi/socket/socket.ts";

/** A Landlock ruleset. It is built with the initial rights of the process, and enforced when these are given up. */
export class Sandbox {
  /**
   * The Landlock ABI of this kernel, or −errno: ENOSYS when the kernel has no Landlock, EOPNOTSUPP when it is
   * switched off, EPERM when seccomp forbids it.
   */
  readonly #abi: number;
  /** Null without Landlock. */
  readonly #rules: Ruleset | null = null;
  readonly #paths: readonly string[] = [];
  readonly #logPaths: readonly string[] = [];

  /**
   * Collects what may be accessed. `roots` are the directories and files that are served. `config` is the configuration file,
   * which a reload reads again: files of its directory can be read, but not listed. `logs` are the files that are
   * written. `certificates` are the files of certificates and keys, which are read again when they change: all of their
   * directories can be read.
   * @throws {SystemError} `Cannot follow ./html: ENOENT (…)`
   */
  constructor(
    roots: readonly string[],
    config: string | null = null,
    logs: readonly string[] = [],
    certificates: readonly string[] = [],
  ) {
    this.#abi = landlockAbi();
    if (this.#abi < 0) return;
    const rules = this.#rules = new Ruleset(this.#abi);
    try {
      // Each descriptor is closed before the next is opened, because there may be more roots than descriptors.
      if (config !== null) withOpen(openPath(directoryOf(config)), (fd) => rules.allowReading(fd));
      this.#logPaths = outermost(logs.flatMap((log) => this.#allowLog(rules, log)));
      this.#paths = outermost(this.#allowRoots(rules, new Set([...roots, ...certificates.map(directoryOf)])));
    } catch (error) {
      rules.close();
      throw error;
    }
  }

  /** A log whose directory is missing is skipped here. Opening the log later fails with a better message. */
  #allowLog(rules: Ruleset, log: string): string[] {
    return withOpen(openPath(directoryOf(log)), (fd) => {
      rules.allowWritingBelow(fd);
      return [pathOf(fd)];
    }) ?? [];
  }

  /** Allows reading below `roots`, and returns the paths of the directories that are readable then. */
  #allowRoots(rules: Ruleset, roots: Iterable<string>): string[] {
    const top = new FileStatus();
    withOpen(openPath("/"), (fd) => top.readDescriptor(fd));
    const paths: string[] = [];
    const isTop = (fd: number) => statusOf(fd).isSameFile(top);
    const allow = (root: string, mayBeTop: boolean) => {
      const { end, holders } = walk(root);
      try {
        const isFile = !statusOf(end).isDirectory;
        const isAllowed = !isFile && (mayBeTop || !isTop(end));
        for (const directory of [...isAllowed ? [end] : [], ...holders.filter((holder) => !isTop(holder))]) {
          rules.allowReadingBelow(directory);
          paths.push(pathOf(directory));
        }
        if (!isFile) return;
        rules.allowReading(end);
        paths.push(pathOf(end));
        allow(directoryOf(root), false); // it may be replaced, too
      } finally {
        for (const fd of [end, ...holders]) close(fd);
      }
    };
    for (const root of roots) allow(root, true);
    return paths;
  }

  /** True when this kernel enforces the sandbox. */
  get isEnforced(): boolean {
    return this.#abi >= 0;
  }

  /** Closes the ruleset without enforcing it. */
  discard(): void {
    this.#rules?.close();
  }

  /**
   * Restricts this process to the allowed files, for good. It can then execute nothing and make no connection, as far
   * as this kernel's Landlock can deny that. Does nothing without Landlock. The process needs no_new_privs or
   * CAP_SYS_ADMIN.
   * @throws {SystemError} `Cannot restrict this process by Landlock: …`
   */
  enter(): void {
    if (this.#rules === null) return;
    try {
      // This descriptor is never closed: the permission is bound to the inode, which /proc keeps only while it is
      // open.
      const map = openMemoryMap();
      if (map >= 0) this.#rules.allowReading(map);
      this.#rules.enforce();
      // Half a second after the start, the runtime looks for a newer version of itself. The sandbox denies that
      // silently, except for the file that this variable names: the runtime would print that it cannot be read.
      hideEnvironmentVariable("NODE_EXTRA_CA_CERTS");
    } finally {
      this.discard();
    }
  }

  /** Describes the sandbox for `--verbose`. */
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
    if (scopes !== 0) refused.push("sends no signals");
    return `Landlock ABI ${this.#abi}: ${readable}, ${refused.join(", ")}`;
  }
}

/** Calls `use` with `fd` and closes it. Returns null when `fd` is negative. */
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

/** Returns `paths` without those that are below another. */
function outermost(paths: readonly string[]): string[] {
  const isBelow = (path: string, other: string) => path.startsWith(other === "/" ? "/" : `${other}/`);
  const distinct = [...new Set(paths)];
  return distinct.filter((path) => !distinct.some((other) => path !== other && isBelow(path, other))).sort();
}
