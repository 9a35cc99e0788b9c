/**
 * Files of /proc. The kernel generates them on reading and reports no size. Source: proc(5).
 * @module
 */
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../libc/constants.ts";
import { orThrow } from "../libc/errno.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";

/**
 * Returns all bytes of the file at `path`.
 * @throws {SystemError} `Cannot open /proc/self/cmdline: ENOENT (…)`
 */
export function readProcFile(path: string): Uint8Array<ArrayBuffer> {
  loadLibc();
  const fd = orThrow(
    result(libc.openat(AT_FDCWD, cString(path), O_RDONLY | O_CLOEXEC, 0)),
    `open ${path}`,
    "openat",
  );
  try {
    let bytes = new Uint8Array(64 * 1024);
    let length = 0;
    for (;;) {
      if (length === bytes.length) {
        const larger = new Uint8Array(2 * length);
        larger.set(bytes);
        bytes = larger;
      }
      const part = bytes.subarray(length);
      const count = orThrow(result(libc.read(fd, part, part.length)), `read ${path}`, "read");
      if (count === 0) return bytes.subarray(0, length);
      length += count;
    }
  } finally {
    libc.close(fd);
  }
}
