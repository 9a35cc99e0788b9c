/**
 * Addresses of host names. Source: getaddrinfo(3), ip(7), ipv6(7).
 * @module
 */
import { AF_INET, AF_INET6, SOCK_STREAM } from "../libc/constants.ts";
import { cString, libc, loadLibc } from "../libc/libc.ts";
import { ADDRINFO, SOCKADDR_IN, SOCKADDR_IN6 } from "../libc/structs.ts";

const TEXT_BYTES = 64;

/**
 * Returns the addresses of `host`, in the order in which to try them. Returns none if there are none, or they cannot be
 * found out. Blocks for as long as the system's resolver waits.
 */
export function resolveHost(host: string): string[] {
  loadLibc();
  const hints = new DataView(new ArrayBuffer(128));
  hints.setInt32(ADDRINFO.socktype, SOCK_STREAM, true);
  const out = new BigUint64Array(16);
  const status = libc.getaddrinfo(
    cString(host),
    null,
    new Uint8Array(hints.buffer),
    new Uint8Array(out.buffer),
  );
  const first = status === 0 ? Deno.UnsafePointer.create(out[0]!) : null;
  const found: string[] = [];
  for (let at = first; at !== null;) {
    const view = new Deno.UnsafePointerView(at);
    const family = view.getInt32(ADDRINFO.family);
    const address = view.getPointer(ADDRINFO.addr);
    const text = address === null ? null : textOf(family, address);
    if (text !== null && !found.includes(text)) found.push(text);
    at = view.getPointer(ADDRINFO.next) as typeof at;
  }
  if (first !== null) libc.freeaddrinfo(first);
  return found;
}

function textOf(family: number, sockaddr: Deno.PointerObject): string | null {
  if (family !== AF_INET && family !== AF_INET6) return null;
  const layout = family === AF_INET ? SOCKADDR_IN : SOCKADDR_IN6;
  const bytes = new Uint8Array(128);
  Deno.UnsafePointerView.copyInto(sockaddr, bytes.subarray(0, layout.size));
  const text = new Uint8Array(128);
  const isText = libc.inet_ntop(family, bytes.subarray(layout.addr), text, TEXT_BYTES) !== null;
  return isText ? new TextDecoder().decode(text.subarray(0, text.indexOf(0))) : null;
}
