/**
 * What is known about a file system from its type: whether inotify(7) reports every change, and whether names are
 * compared byte by byte.
 *
 * Source: fstatfs(2), `linux/magic.h`, FS_IOC_GETFLAGS in ioctl_iflags(2), XFS_IOC_FSGEOMETRY_V1 in `xfs/xfs_fs.h`.
 * @module
 */
import {
  BTRFS_SUPER_MAGIC,
  EROFS_SUPER_MAGIC_V1,
  EXT4_SUPER_MAGIC,
  F2FS_SUPER_MAGIC,
  FS_CASEFOLD_FL,
  FS_IOC_GETFLAGS,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
  RAMFS_MAGIC,
  SQUASHFS_MAGIC,
  TMPFS_MAGIC,
  XFS_SUPER_MAGIC,
} from "../libc/constants.ts";
import { EINVAL, ENOENT, ENOSYS, ENOTTY, EOPNOTSUPP } from "../libc/errno.ts";
import { FileStatus } from "./file_status.ts";
import { cName, type FileName } from "./inotify.ts";
import { libc, result } from "../libc/libc.ts";
import { STATFS } from "../libc/structs.ts";

/** Local file systems. EXT4's number is also that of ext2 and ext3. */
const TRUSTED_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  EXT4_SUPER_MAGIC,
  XFS_SUPER_MAGIC,
  BTRFS_SUPER_MAGIC,
  F2FS_SUPER_MAGIC,
  TMPFS_MAGIC,
  RAMFS_MAGIC,
  SQUASHFS_MAGIC,
]);

/** File systems that always compare names byte by byte, whatever options they were made with. */
const EXACT_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  BTRFS_SUPER_MAGIC,
  RAMFS_MAGIC,
  SQUASHFS_MAGIC,
  EROFS_SUPER_MAGIC_V1,
]);

/** File systems that compare names byte by byte in directories without FS_CASEFOLD_FL. */
const CASEFOLD_FILE_SYSTEMS: ReadonlySet<number> = new Set([EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, TMPFS_MAGIC]);

/**
 * _IOR('X', 100, struct xfs_fsop_geom_v1); the size of that structure and the offset of its flags; the flag of
 * `mkfs.xfs -n version=ci`.
 */
const XFS_IOC_FSGEOMETRY_V1 = 0x80705864;
const XFS_GEOMETRY = { size: 112, flags: 92 } as const;
const XFS_FSOP_GEOM_FLAGS_DIRV2CI = 0x1000;

const statfsBytes = new Uint8Array(STATFS.size);
const statfsWords = new Uint32Array(statfsBytes.buffer);
const ioctlBytes = new Uint8Array(Math.max(128, XFS_GEOMETRY.size));
const ioctlWords = new Uint32Array(ioctlBytes.buffer);

/** Returns the magic number of the file system that `fd` is on, or 0 if it cannot be determined. */
export function fileSystemType(fd: number): number {
  return result(libc.fstatfs(fd, statfsBytes)) === 0 ? statfsWords[STATFS.type >> 2]! : 0;
}

/**
 * Returns true for a local file system. Every change of it is made through this kernel, so inotify(7) reports it.
 * False for NFS, SMB, FUSE, 9p, overlay, and for unknown types.
 */
export function reportsChanges(fd: number): boolean {
  return TRUSTED_FILE_SYSTEMS.has(fileSystemType(fd));
}

/**
 * Returns true if the directory `fd`, open for reading, is known to compare names byte by byte. Other file systems
 * (FUSE, SMB, NTFS, FAT, overlays of those, …) may ignore case, Unicode normalization or trailing dots, or accept
 * short names that they do not list.
 */
export function comparesBytes(fd: number): boolean {
  const type = fileSystemType(fd);
  if (EXACT_FILE_SYSTEMS.has(type)) return true;
  if (type === XFS_SUPER_MAGIC) {
    return result(libc.ioctl(fd, XFS_IOC_FSGEOMETRY_V1, ioctlBytes)) === 0 &&
      (ioctlWords[XFS_GEOMETRY.flags >> 2]! & XFS_FSOP_GEOM_FLAGS_DIRV2CI) === 0;
  }
  if (!CASEFOLD_FILE_SYSTEMS.has(type)) return false;
  const status = result(libc.ioctl(fd, FS_IOC_GETFLAGS, ioctlBytes));
  if (status === 0) return (ioctlWords[0]! & FS_CASEFOLD_FL) === 0;
  return NO_FLAGS.has(status); // tmpfs before Linux 6.6 has no flags at all
}

const NO_FLAGS: ReadonlySet<number> = new Set([-ENOTTY, -EOPNOTSUPP, -EINVAL, -ENOSYS]);

/**
 * Returns true if `name` is found in `directory` by its exact bytes. For a directory that may be searched but not
 * read (O_PATH), whose flags cannot be read. So where a flag decides, another spelling of `name` is looked up: in the
 * other case, or, for a name without letters, with U+00AD appended, which directories with FS_CASEFOLD_FL ignore.
 */
export function findsByBytes(directory: number, name: FileName): boolean {
  const type = fileSystemType(directory);
  if (EXACT_FILE_SYSTEMS.has(type)) return true;
  if (type !== XFS_SUPER_MAGIC && !CASEFOLD_FILE_SYSTEMS.has(type)) return false;
  const flipped = name.replace(/[A-Za-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) ^ 0x20));
  const other = new FileStatus();
  const found = readName(directory, flipped === name ? `${name}\xc2\xad` : flipped, other);
  if (found === -ENOENT) return true;
  const own = new FileStatus();
  return found === 0 && readName(directory, name, own) === 0 && !own.isSameFile(other);
}

function readName(directory: number, name: FileName, status: FileStatus): number {
  const fd = result(libc.openat(directory, cName(name), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
  if (fd < 0) return fd;
  const failed = status.readDescriptor(fd);
  libc.close(fd);
  return failed;
}
