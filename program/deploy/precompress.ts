/**
 * Compressed forms of the files of a release, at the strongest level, where they are smaller. They are made once, so they
 * may take their time. Those of a file that has not changed are taken from the release before.
 * @module
 */
import zlib from "node:zlib";
import { FileStatus } from "../../ffi/file/file_status.ts";
import type { FileName } from "../../ffi/file/inotify.ts";
import { readAt } from "../../ffi/file/file.ts";
import type { Folder } from "../../ffi/file/tree_files.ts";
import { close } from "../../ffi/socket/socket.ts";
import { isCompressible, mediaTypeOf } from "../../handlers/site/files/media_type.ts";

/** Larger files are left as they are: one is in memory at a time. */
const BYTES_MAX = 64 * 1024 * 1024;
const SUFFIXES = [".br", ".zst", ".gz"];

type Bytes = Uint8Array<ArrayBuffer>;

/** zlib with zstd, which older runtimes do not have. */
const zstd = zlib as { zstdCompressSync?: (bytes: Bytes, options: object) => Bytes };

/** By suffix, what makes the smallest form; null if this runtime cannot make it. */
const MAKERS: Readonly<Record<string, ((bytes: Bytes) => Uint8Array) | null>> = {
  ".br": (bytes) =>
    zlib.brotliCompressSync(bytes, {
      params: {
        [zlib.constants.BROTLI_PARAM_QUALITY]: 11,
        [zlib.constants.BROTLI_PARAM_LGWIN]: 24,
        [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  ".zst": zstd.zstdCompressSync === undefined
    ? null
    : (bytes) => zstd.zstdCompressSync!(bytes, { params: { 100: 19 } }), // ZSTD_c_compressionLevel
  ".gz": (bytes) => zlib.gzipSync(bytes, { level: 9 }),
};

/** Makes the missing forms of all files below `folder`. Returns how many were made, and how many taken over. */
export function precompress(folder: Folder, previous: Folder | null): { made: number; linked: number } {
  const counts = { made: 0, linked: 0 };
  const names = folder.names();
  for (const name of names) {
    const status = folder.statusOf(name)!;
    if (status.isDirectory) {
      using inner = folder.enter(name);
      using before = previous?.tryEnter(name) ?? null;
      const inside = precompress(inner, before);
      counts.made += inside.made;
      counts.linked += inside.linked;
    } else if (status.isFile && status.size <= BYTES_MAX && isText(name, status.size)) {
      for (const suffix of SUFFIXES.filter((suffix) => !names.includes(name + suffix))) {
        const old = previous?.statusOf(name);
        const isSame = previous !== null && old?.isSameFile(status) === true;
        if (isSame && folder.link(previous, name + suffix, name + suffix) === 0) counts.linked++;
        else if (makeForm(folder, name, status, suffix)) counts.made++;
      }
    }
  }
  return counts;
}

function isText(name: FileName, size: number): boolean {
  return !SUFFIXES.some((suffix) => name.endsWith(suffix)) && isCompressible(mediaTypeOf(name), size);
}

function makeForm(folder: Folder, name: FileName, status: FileStatus, suffix: string): boolean {
  const make = MAKERS[suffix];
  if (make === null || make === undefined) return false;
  const bytes = new Uint8Array(status.size);
  const fd = folder.openFile(name);
  try {
    if (readAt(fd, bytes, 0) !== bytes.length) return false;
  } finally {
    close(fd);
  }
  const form = make(bytes);
  if (form.length >= bytes.length) return false;
  folder.write(name + suffix, form as Bytes, status); // with the time of its original, which it has to be made of
  return true;
}
