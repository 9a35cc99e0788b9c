/**
 * Addresses to listen on, and their text form.
 * @module
 */
import { formatAddress } from "../../ffi/socket/socket.ts";
import { UNIX_PATH_BYTES_MAX, UNIX_PREFIX } from "../../ffi/socket/socket_address.ts";
import { Expected } from "../usage_error.ts";

/** What the clients of a socket speak: "https" begins with TLS, whatever follows. "redirect" is HTTP that is redirected to HTTPS. */
export type Scheme = "http" | "https" | "redirect";

/** An address to listen on. */
export type ListenAddress =
  | {
    readonly kind: "tcp";
    /** An IPv4 or IPv6 address. `::` accepts clients of both. */
    readonly host: string;
    /** A port; 0 lets the kernel choose one. */
    readonly port: number;
    /** What its clients speak. By default HTTPS if there are certificates, otherwise HTTP. */
    readonly scheme?: Scheme;
  }
  | {
    readonly kind: "unix";
    /** The path of a file, or `@` and a name in the abstract namespace. */
    readonly path: string;
  };

/** The host of a port without an address: all interfaces, for IPv4 clients. */
export const EVERY_IPV4 = "0.0.0.0";
/** The host for all interfaces, for IPv4 and IPv6 clients. */
export const EVERY_IP = "::";

export const PORT_MAX = 65535;

/** The expected form of an IP address, for error messages. */
export const EXPECTED_ADDRESS = "an IPv4 or IPv6 address such as 127.0.0.1 or ::1";

/**
 * Parses a port, 0 to 65535.
 * @throws {Expected} when `text` is not a port
 */
export function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > PORT_MAX) throw new Expected(`a whole number from 0 to ${PORT_MAX}`);
  return port;
}

/**
 * Parses the host of an address. The digits are left to the kernel to check. Names are not accepted, because they would
 * have to be looked up, except for `localhost`.
 * @throws {Expected} when `text` does not look like an IP address
 */
export function readHost(text: string): string {
  const host = text === "localhost" ? "127.0.0.1" : text.replace(/^\[(.*)\]$/, "$1");
  if (!/^[0-9.]+$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(host)) throw new Expected(EXPECTED_ADDRESS);
  return host;
}

/**
 * Returns a path as it is, unless it begins with `~`, which only shells expand.
 * @throws {Expected} when it does
 */
export function withoutTilde(path: string): string {
  if (!/^~([^/]*\/|$)/.test(path)) return path;
  throw new Expected(
    `a path without ~, which only shells know: write /home/NAME/… (or ./${path}, where it is called so)`,
  );
}

/** The expected form of an address to listen on, for error messages. */
export const EXPECTED_LISTEN_ADDRESS =
  "a port, an address and a port such as 127.0.0.1:8080 or [::1]:8080 (https:// or http:// before it), or unix: and a path";

/**
 * Parses an address to listen on: `8080`, `127.0.0.1:8080`, `[::1]:8080`, `*:8080` (all interfaces, IPv4 and IPv6),
 * `https://127.0.0.1:8443`, `unix:/run/a.sock`, `unix:@a`.
 * @throws {Expected} when `text` is not such an address
 */
export function readListenAddress(text: string): ListenAddress {
  if (text.startsWith(UNIX_PREFIX)) {
    return { kind: "unix", path: readUnixPath(withoutTilde(text.slice(UNIX_PREFIX.length))) };
  }
  const [, scheme, host, port] = /^(?:(https?):\/\/)?(?:(\[[^\]]*\]|[^:[\]]*):)?(\d+)$/.exec(text) ?? [];
  if (port === undefined) throw new Expected(EXPECTED_LISTEN_ADDRESS);
  const address = { kind: "tcp", host: readListenHost(host), port: readPort(port) } as const;
  return scheme === undefined ? address : { ...address, scheme: scheme === "https" ? "https" : "http" };
}

function readListenHost(host: string | undefined): string {
  if (host === undefined) return EVERY_IPV4;
  if (host === "*") return EVERY_IP;
  const isBracketed = host.startsWith("[");
  const address = readHost(host);
  if (isBracketed !== address.includes(":")) throw new Expected(EXPECTED_LISTEN_ADDRESS);
  return address;
}

/**
 * Checks the path of a UNIX socket, whose length the kernel limits.
 * @throws {Expected} when `path` is empty, too long, or contains a NUL
 */
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

/** Formats an address as {@linkcode readListenAddress} reads it. */
export function formatListenAddress(address: ListenAddress): string {
  const name = socketNameOf(address);
  const hasScheme = address.kind === "tcp" && address.scheme !== undefined && address.port !== 0;
  return hasScheme ? `${address.scheme}://${name}` : name;
}

/**
 * Returns the name of the socket that listens on `address`. It does not depend on what its clients speak, unless the kernel
 * chooses the port: then several sockets may have the same address.
 */
export function socketNameOf(address: ListenAddress): string {
  if (address.kind === "unix") return `${UNIX_PREFIX}${address.path}`;
  const name = formatAddress({ address: address.host, port: address.port });
  return address.port === 0 && address.scheme !== undefined ? `${address.scheme}://${name}` : name;
}

/** Returns what the clients of `address` speak. `hasTls` tells whether there are certificates. */
export function schemeOf(address: ListenAddress, hasTls: boolean): Scheme {
  if (!hasTls || address.kind === "unix") return "http";
  return address.scheme ?? "https";
}
