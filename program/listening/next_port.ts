/**
 * `--next-port`: the next free port in place of one that is taken.
 * @module
 */
import { EADDRINUSE, SystemError } from "../../ffi/libc/errno.ts";
import { formatAddress } from "../../ffi/socket/socket.ts";
import { type ListenAddress, PORT_MAX } from "../../server/listen/address.ts";
import { type ListeningSocket, type ListenSettings, openListeners } from "../../server/listen/open.ts";
import { withAdvice } from "./port_advice.ts";

/** How many ports after one that is taken are tried. */
const NEXT_PORTS_MAX = 100;

/** How to listen. */
export interface FreeSettings extends ListenSettings {
  /** Whether the next free port is taken in place of one that is not free. */
  readonly takesNextPort: boolean;
}

/**
 * Does the same as `openListeners`. With `takesNextPort`, a port that is taken is replaced by the next one that is free
 * and in none of `addresses` and `beside`, if it is among the NEXT_PORTS_MAX after it.
 * @throws {SystemError} as `openListeners`, with advice if the address is taken
 */
export function openFree(
  addresses: readonly ListenAddress[],
  settings: FreeSettings,
  copies: number,
  beside: readonly ListenAddress[],
): ListeningSocket[][] {
  const portsOf = (list: readonly ListenAddress[]) => list.map((one) => one.kind === "tcp" ? one.port : 0);
  const ports = portsOf(addresses);
  const reserved = portsOf([...addresses, ...beside]);
  const errors: SystemError[] = []; // by address: the first one
  for (;;) {
    const wanted = addresses.map((one, i) => one.kind === "tcp" ? { ...one, port: ports[i]! } : one);
    try {
      return openListeners(wanted, settings, copies, beside);
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== EADDRINUSE) throw error;
      const taken = wanted.findIndex((address) => isAbout(error, address));
      if (taken < 0 || !settings.takesNextPort) throw withAdvice(error);
      const first = errors[taken] ??= error;
      let port = ports[taken]! + 1;
      while (reserved.includes(port) || ports.includes(port)) port++;
      const last = Math.min(reserved[taken]! + NEXT_PORTS_MAX, PORT_MAX);
      if (port > last) {
        first.message += `: no port up to ${last} is free either`;
        throw first;
      }
      ports[taken] = port;
    }
  }
}

/** Returns true if `error` says that `address` cannot be listened on. */
function isAbout({ message }: SystemError, address: ListenAddress): boolean {
  if (address.kind !== "tcp") return false;
  const { host, port } = address;
  return message.startsWith(`Cannot listen on ${formatAddress({ address: host, port })}: `);
}
