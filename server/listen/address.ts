/**
 * Where a server may listen, and how that is written.
 * @module
 */
import { formatAddress } from "../../ffi/socket/socket.ts";
import { UNIX_PATH_BYTES_MAX, UNIX_PREFIX } from "../../ffi/socket/socket_address.ts";
import { Expected } from "../usage_error.ts";

/** One address to listen on. */
export type ListenAddress =
  | {
    readonly kind: "tcp";
    /** IPv4 or IPv6; `::` takes clients of both. */
    readonly host: string;
    /** 0: the kernel chooses. */
    readonly port: number;
  }
  | {
    readonly kind: "unix";
    /** The path of a file, or `@` and a name of the abstract namespace. */
    readonly path: string;
  };

/** Where a port without an address is: on every interface, for clients of IPv4. */
export const EVERY_IPV4 = "0.0.0.0";
/** Every interface, for clients of both kinds. */
export const EVERY_IP = "::";

/** The largest port. */
export const PORT_MAX = 65535;

/** What is said of an address that is none. */
export const EXPECTED_ADDRESS = "an IPv4 or IPv6 address such as 127.0.0.1 or ::1";

/** A port, 0 to 65535. */
export function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > PORT_MAX) throw new Expected(`a whole number from 0 to ${PORT_MAX}`);
  return port;
}

/** An address. Whether it has the right digits is for the kernel to say; a name would have to be looked up. */
export function readHost(text: string): string {
  const host = text === "localhost" ? "127.0.0.1" : text.replace(/^\[(.*)\]$/, "$1");
  if (!/^[0-9.]+$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(host)) throw new Expected(EXPECTED_ADDRESS);
  return host;
}

/** The path of a file or a directory, as the kernel takes it: no shell has expanded `~`. */
export function withoutTilde(path: string): string {
  if (!/^~([^/]*\/|$)/.test(path)) return path;
  throw new Expected(
    `a path without ~, which only shells know: write /home/NAME/… (or ./${path}, where it is called so)`,
  );
}

/** What is said of an address that is none. */
export const EXPECTED_LISTEN_ADDRESS =
  "a port, an address and a port such as 127.0.0.1:8080 or [::1]:8080, or unix: and a path";

/** Reads `8080`, `127.0.0.1:8080`, `[::1]:8080`, `*:8080` (every address of both kinds), `unix:/run/a.sock`, `unix:@a`. */
export function readListenAddress(text: string): ListenAddress {
  if (text.startsWith(UNIX_PREFIX)) {
    return { kind: "unix", path: readUnixPath(withoutTilde(text.slice(UNIX_PREFIX.length))) };
  }
  const [, host, port] = /^(?:(\[[^\]]*\]|[^:[\]]*):)?(\d+)$/.exec(text) ?? [];
  if (port === undefined) throw new Expected(EXPECTED_LISTEN_ADDRESS);
  return { kind: "tcp", host: readListenHost(host), port: readPort(port) };
}

function readListenHost(host: string | undefined): string {
  if (host === undefined) return EVERY_IPV4;
  if (host === "*") return EVERY_IP;
  const isBracketed = host.startsWith("[");
  const address = readHost(host);
  if (isBracketed !== address.includes(":")) throw new Expected(EXPECTED_LISTEN_ADDRESS);
  return address;
}

/** The path of a UNIX socket, which the kernel has little room for. */
export function readUnixPath(path: string): string {
  const name = path.startsWith("@") ? path.slice(1) : path;
  if (name === "" || path.includes("\0")) {
    throw new Expected("unix: and a path, such as unix:/run/epollet.sock");
  }
  const { length } = new TextEncoder().encode(path);
  if (length > UNIX_PATH_BYTES_MAX) {
    throw new Expected(`a path of at most ${UNIX_PATH_BYTES_MAX} bytes for a UNIX socket (it has ${length})`);
  }
  return path;
}

/** As it is written. */
export function formatListenAddress(address: ListenAddress): string {
  return address.kind === "unix"
    ? `${UNIX_PREFIX}${address.path}`
    : formatAddress({ address: address.host, port: address.port });
}
