/**
 * The addresses of this machine, and its name. Source: getifaddrs(3), netdevice(7), proc_sys_kernel(5).
 * @module
 */
import { AF_INET, AF_INET6, IFF_LOOPBACK, IFF_UP } from "../libc/constants.ts";
import { readProcFile } from "../file/proc_file.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import { readSockaddr, sockaddr } from "./socket_address.ts";
import { IFADDRS, SOCKADDR_IN, SOCKADDR_IN6 } from "../libc/structs.ts";

/** fe80::/10. A link-local address is meaningful only together with the name of an interface (RFC 4291 §2.5.6). */
const LINK_LOCAL = /^fe[89ab]/;

/**
 * Returns the addresses under which other machines may reach this one, IPv4 first. Empty if they cannot be read, as
 * with a filter of system calls that refuses netlink sockets.
 */
export function networkAddresses(): string[] {
  loadLibc();
  const first = new BigUint64Array(16); // V8 may move typed arrays of 64 bytes or less
  if (result(libc.getifaddrs(new Uint8Array(first.buffer))) < 0) return [];
  const list = Deno.UnsafePointer.create(first[0]!);
  const found: { readonly family: number; readonly address: string }[] = [];
  try {
    for (let entry = list; entry !== null;) {
      const view: Deno.UnsafePointerView = new Deno.UnsafePointerView(entry);
      const flags = view.getUint32(IFADDRS.flags);
      const address = view.getPointer(IFADDRS.addr);
      if ((flags & IFF_UP) !== 0 && (flags & IFF_LOOPBACK) === 0 && address !== null) {
        const family = new Deno.UnsafePointerView(address).getUint16(0);
        const layout = family === AF_INET ? SOCKADDR_IN : family === AF_INET6 ? SOCKADDR_IN6 : null;
        if (layout !== null) {
          Deno.UnsafePointerView.copyInto(address, sockaddr.subarray(0, layout.size));
          found.push({ family, address: readSockaddr().address });
        }
      }
      entry = view.getPointer(IFADDRS.next);
    }
  } finally {
    libc.freeifaddrs(list);
  }
  const reachable = found.filter(({ address }) => !LINK_LOCAL.test(address));
  const families = [AF_INET, AF_INET6].map((wanted) => reachable.filter(({ family }) => family === wanted));
  return [...new Set(families.flat().map(({ address }) => address))];
}

/** Returns the name of this machine; an empty text if /proc cannot be read. */
export function hostName(): string {
  try {
    return new TextDecoder().decode(readProcFile("/proc/sys/kernel/hostname")).trim();
  } catch {
    return ""; // /proc is not mounted
  }
}
