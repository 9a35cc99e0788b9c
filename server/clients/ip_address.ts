/**
 * IP addresses as text and as 16 bytes. An IPv4 address has the bytes of ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so each
 * address has one form, whatever the socket. Source: RFC 4291 §2.2, RFC 5952.
 * @module
 */

/** An address as 16 bytes in network byte order. */
export type IpBytes = Uint8Array<ArrayBuffer>;

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const GROUP = /^[0-9A-Fa-f]{1,4}$/;
/** The longest text of an address: six groups and an IPv4 address. */
const TEXT_CHARACTERS_MAX = 45;

/** Returns true for an IPv4 address. */
export function isIpv4(bytes: IpBytes): boolean {
  return MAPPED.every((byte, i) => bytes[i] === byte);
}

/** Returns the IPv4 address of four bytes. */
export function ipv4Of(four: ArrayLike<number>): IpBytes {
  return Uint8Array.from([...MAPPED, four[0], four[1], four[2], four[3]]);
}

/** Parses an address without port, brackets and zone. Returns null if `text` is not an address. */
export function parseIp(text: string): IpBytes | null {
  if (text.length > TEXT_CHARACTERS_MAX) return null;
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Parses four decimal numbers. A leading zero is an error, because some programs read it as octal. */
function parseIpv4(text: string): IpBytes | null {
  const parts = IPV4.exec(text)?.slice(1);
  if (parts === undefined || parts.some((part) => Number(part) > 255 || /^0\d/.test(part))) return null;
  return ipv4Of(parts.map(Number));
}

function parseIpv6(text: string): IpBytes | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [front, back = []] = halves.map((half, i) => groupsOf(half, i === halves.length - 1));
  if (front === null || back === null) return null;
  const missing = 8 - front!.length - back.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const bytes = new Uint8Array(16);
  [...front!, ...new Array<number>(missing).fill(0), ...back].forEach((group, i) => {
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group & 0xff;
  });
  return bytes;
}

/** Returns the 16-bit numbers of `text`. An IPv4 address at the end of the address counts as two. */
function groupsOf(text: string, isLast: boolean): number[] | null {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (GROUP.test(part)) {
      groups.push(parseInt(part, 16));
      continue;
    }
    const four = isLast && i === parts.length - 1 ? parseIpv4(part) : null;
    if (four === null) return null;
    groups.push((four[12]! << 8) | four[13]!, (four[14]! << 8) | four[15]!);
  }
  return groups;
}

/** Formats an address as in RFC 5952: in lower case, with the longest run of zero groups omitted. */
export function formatIp(bytes: IpBytes): string {
  if (isIpv4(bytes)) return bytes.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  let [start, length] = [0, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === "0") end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  if (length === 1) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

/** Returns the network of an address in the format of `peerNetwork`; null for a UNIX socket. */
export function networkOf(address: string): string | null {
  const bytes = parseIp(address);
  if (bytes === null) return null;
  if (isIpv4(bytes)) return formatIp(bytes);
  const view = new DataView(bytes.buffer);
  return `${view.getUint32(0).toString(16)}:${view.getUint32(4).toString(16)}::/64`;
}
