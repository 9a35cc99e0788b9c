/**
 * The static table of HPACK. Source: RFC 7541 appendix A.
 * @module
 */
import { encodeUtf8 } from "../../../http/characters.ts";

/** Name and value of each entry; the first has index 1. */
export const STATIC_ENTRIES: readonly (readonly [name: string, value: string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

/** The number of entries. The dynamic table begins at the next index. */
export const STATIC_COUNT: number = STATIC_ENTRIES.length;

/** The names as bytes; index 0 is empty. */
export const STATIC_NAMES: readonly Uint8Array[] = [
  new Uint8Array(0),
  ...STATIC_ENTRIES.map(([name]) => encodeUtf8(name)),
];
/** The values as bytes; index 0 is empty. */
export const STATIC_VALUES: readonly Uint8Array[] = [
  new Uint8Array(0),
  ...STATIC_ENTRIES.map(([, value]) => encodeUtf8(value)),
];
