/**
 * The headers of a tar archive, in the format of POSIX.1-2001 (pax).
 *
 * What does not fit into a ustar header, or is not ASCII, is in an extended header before it. Owners are left out.
 * Source: pax(1), POSIX.1-2001.
 * @module
 */
import { concat } from "../../../server/http/bytes.ts";
import { encodeUtf8 } from "../../../server/http/characters.ts";
import { bytesOf } from "../listing/natural_order.ts";
import { isAscii, isUtf8, type Member, permissionsOf } from "./member.ts";

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
/** The largest number in a field of 12 bytes. */
const OCTAL_MAX = 8 ** 11 - 1;
const FIELDS = {
  name: 0,
  mode: 100,
  uid: 108,
  gid: 116,
  size: 124,
  mtime: 136,
  sum: 148,
  kind: 156,
  magic: 257,
};

/** The end of an archive: two empty blocks. */
export const TAR_END: Uint8Array<ArrayBuffer> = new Uint8Array(2 * BLOCK_BYTES);
const ZEROS = new Uint8Array(BLOCK_BYTES);

/** Returns the zeros behind a file of `size` bytes. */
export function paddingOf(size: number): Uint8Array {
  return ZEROS.subarray(0, (BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES);
}

/** Returns the headers of `member`. */
export function tarHeader(member: Member): Uint8Array {
  const { size, modifiedSeconds, isDirectory } = member;
  const path = bytesOf(member.path);
  const records: Uint8Array[] = [];
  const add = (key: string, value: Uint8Array) => records.push(record(key, value));
  if (path.length > NAME_BYTES || !isAscii(member.path)) {
    // A short name that is not UTF-8 is in the ustar header as it is: pax would have it in UTF-8.
    const isText = isUtf8(path);
    if (!isText && path.length > NAME_BYTES) add("hdrcharset", encodeUtf8("BINARY"));
    if (isText || path.length > NAME_BYTES) add("path", path);
  }
  if (size > OCTAL_MAX) add("size", encodeUtf8(String(size)));
  if (modifiedSeconds < 0 || modifiedSeconds > OCTAL_MAX) add("mtime", encodeUtf8(String(modifiedSeconds)));
  const own = block(path, {
    kind: isDirectory ? "5" : "0",
    mode: permissionsOf(member),
    size,
    modifiedSeconds,
  });
  if (records.length === 0) return own;
  const extended = concat(records);
  const before = block(encodeUtf8("PaxHeaders/entry"), {
    kind: "x",
    mode: 0o644,
    size: extended.length,
    modifiedSeconds,
  });
  return concat([before, extended, paddingOf(extended.length), own]);
}

/** Returns a record of an extended header: its length, which counts its own digits, the key, and the value. */
function record(key: string, value: Uint8Array): Uint8Array {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length++;
  return concat([encodeUtf8(`${length} ${key}=`), value, Uint8Array.of(0x0a)]);
}

interface BlockParts {
  readonly kind: "0" | "5" | "x";
  readonly mode: number;
  readonly size: number;
  readonly modifiedSeconds: number;
}

function block(path: Uint8Array, { kind, mode, size, modifiedSeconds }: BlockParts): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const text = (offset: number, value: string) => bytes.set(encodeUtf8(value), offset);
  bytes.set(cut(path), FIELDS.name);
  text(FIELDS.mode, `${mode.toString(8).padStart(7, "0")}\0`);
  text(FIELDS.uid, "0000000\0");
  text(FIELDS.gid, "0000000\0");
  if (size <= OCTAL_MAX) text(FIELDS.size, octal(size));
  else putLargeSize(bytes, size);
  text(FIELDS.mtime, octal(Math.min(Math.max(modifiedSeconds, 0), OCTAL_MAX)));
  text(FIELDS.kind, kind);
  text(FIELDS.magic, "ustar\x0000");
  text(FIELDS.sum, " ".repeat(8));
  const sum = bytes.reduce((sum, byte) => sum + byte, 0);
  text(FIELDS.sum, `${sum.toString(8).padStart(6, "0")}\0 `);
  return bytes;
}

/** Writes a size in the form of GNU tar, for readers that do not take it from the extended header. */
function putLargeSize(bytes: Uint8Array<ArrayBuffer>, size: number): void {
  bytes[FIELDS.size] = 0x80;
  new DataView(bytes.buffer).setBigUint64(FIELDS.size + 4, BigInt(size));
}

/** Returns a number in 11 octal digits and a space. */
function octal(value: number): string {
  return `${value.toString(8).padStart(11, "0")} `;
}

/**
 * Returns the beginning of a path that is too long, for readers that know no extended headers. Its end could look like
 * an absolute path.
 */
function cut(path: Uint8Array): Uint8Array {
  return path.subarray(0, NAME_BYTES);
}
