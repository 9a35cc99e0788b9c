/**
 * The directory with what was got by ACME:
 *
 * - `example.org.pem`: key, certificate and chain of a name, in one file, so that they always belong together
 * - `example.org.json`: when it is renewed, and what went wrong last
 * - `accounts/`: the keys of accounts
 * - `challenges/`: what is answered to an authority at present
 * - `lock`: locked by the process that asks the authority
 *
 * Only its owner may read it.
 * @module
 */
import {
  exists,
  isLink,
  lockFile,
  makePrivateDirectory,
  namesIn,
  removeFile,
  UNFINISHED,
  writePrivateFile,
} from "../../ffi/file/private_file.ts";
import { readTextFile } from "../../ffi/file/text_file.ts";
import { EAGAIN, ELOOP, SystemError } from "../../ffi/libc/errno.ts";
import { close } from "../../ffi/socket/socket.ts";
import { CERTIFICATE_BYTES_MAX, STATE_BYTES_MAX } from "./limits.ts";

/** The folder with the keys of accounts. */
export const ACCOUNTS = "accounts";
/** The folder with what is answered to an authority. */
export const CHALLENGES = "challenges";
const LOCK = "lock";

/** Returns true if `directory` looks like one that this program has filled. */
export function isStore(directory: string): boolean {
  return [ACCOUNTS, CHALLENGES, LOCK].every((name) => exists(`${directory}/${name}`));
}

/** Returns the path of the file with certificate and key of `name`. */
export function certificatePath(directory: string, name: string): string {
  return `${directory}/${name}.pem`;
}

/** The directory. */
export class Store {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Makes the directory and its folders, unless they exist. @throws {SystemError} */
  make(): void {
    makePrivateDirectory(this.directory);
    for (const folder of [ACCOUNTS, CHALLENGES]) {
      const path = `${this.directory}/${folder}`;
      makePrivateDirectory(path);
      // Its files are removed and given away, which must not reach those of another directory.
      if (isLink(path)) throw new SystemError(`use ${path}, which is a symbolic link`, "openat", ELOOP);
    }
  }

  /**
   * Locks the directory for other processes. Returns null if another one holds the lock.
   * @throws {SystemError}
   */
  lock(): Disposable | null {
    const path = `${this.directory}/${LOCK}`;
    const fd = lockFile(path);
    if (fd === -EAGAIN) return null;
    if (fd < 0) throw new SystemError(`lock ${path}`, "openat", -fd);
    this.#removeRemains();
    return { [Symbol.dispose]: () => void close(fd) };
  }

  /** Removes what a process has left that was killed. Only the holder of the lock writes here. */
  #removeRemains(): void {
    for (const folder of ["", `${ACCOUNTS}/`, `${CHALLENGES}/`]) {
      for (const name of namesIn(`${this.directory}/${folder}`)) {
        const isRemains = name.startsWith(UNFINISHED) || folder === `${CHALLENGES}/`;
        if (isRemains) removeFile(`${this.directory}/${folder}${name}`);
      }
    }
  }

  /** Returns the text of the file with certificate and key of `name`; null if there is none that can be read. */
  readCertificate(name: string): string | null {
    return this.#read(certificatePath(this.directory, name), CERTIFICATE_BYTES_MAX);
  }

  /** @throws {SystemError} */
  writeCertificate(name: string, text: string): void {
    writePrivateFile(this.directory, `${name}.pem`, text);
  }

  /** Returns what is in a file; null if there is none, or it is not JSON. */
  readJson(folder: string, name: string): object | null {
    const text = this.#read(this.#pathOf(folder, name), STATE_BYTES_MAX);
    try {
      const json: unknown = text === null ? null : JSON.parse(text);
      return typeof json === "object" ? json : null;
    } catch {
      return null;
    }
  }

  /** @throws {SystemError} */
  writeJson(folder: string, name: string, value: object): void {
    this.write(folder, name, `${JSON.stringify(value, null, 2)}\n`);
  }

  /** @throws {SystemError} */
  write(folder: string, name: string, text: string): void {
    writePrivateFile(folder === "" ? this.directory : `${this.directory}/${folder}`, name, text);
  }

  remove(folder: string, name: string): void {
    removeFile(this.#pathOf(folder, name));
  }

  /** True if the directory is there. */
  get exists(): boolean {
    return exists(this.directory);
  }

  #pathOf(folder: string, name: string): string {
    return folder === "" ? `${this.directory}/${name}` : `${this.directory}/${folder}/${name}`;
  }

  #read(path: string, bytesMax: number): string | null {
    try {
      return readTextFile(path, bytesMax);
    } catch (error) {
      if (error instanceof SystemError) return null;
      throw error;
    }
  }
}
