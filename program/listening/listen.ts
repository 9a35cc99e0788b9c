/**
 * Checks the addresses on which the program listens, and describes its sockets.
 * @module
 */
import { isIpAddress } from "../../ffi/socket/socket.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { Expected, UsageError } from "../../server/usage_error.ts";
import { formatMode } from "../config/settings/program_kinds.ts";
import {
  EXPECTED_ADDRESS,
  formatListenAddress,
  type ListenAddress,
  readUnixPath,
  socketNameOf,
} from "../../server/listen/address.ts";
import { type ConfigPath, withPlace } from "../config/config_place.ts";
import { wildcardFamilies } from "./reachable.ts";
import type { Sockets } from "./sockets.ts";

/**
 * Returns all addresses to listen on, with those of `--https-port` and `--redirect-http`. `hasTls` tells whether there are
 * certificates.
 */
export function allAddresses(
  { addresses, host, httpsPort, redirectHttp }: CommandLine,
  hasTls: boolean,
): ListenAddress[] {
  const redirect = redirectHttp === null ? [] : [{ ...redirectHttp, scheme: "redirect" } as const];
  if (httpsPort === null) return [...addresses, ...redirect];
  const others = addresses.map((one): ListenAddress => one.kind === "tcp" ? { scheme: "http", ...one } : one);
  const secure = hasTls ? [{ kind: "tcp", host, port: httpsPort, scheme: "https" } as const] : [];
  return [...others, ...secure, ...redirect];
}

/** Checks the addresses as far as that needs no socket. @throws {UsageError} for a bad host or path */
export function checkAddresses(command: CommandLine): void {
  const { host, listen, addresses } = command;
  if (!isIpAddress(host)) {
    throw new UsageError(withPlace(command, ["host"], `Bad host "${host}": expected ${EXPECTED_ADDRESS}`));
  }
  checkTaken(command);
  for (const address of addresses) {
    const at: ConfigPath = ["listen", Math.max(listen.indexOf(address), 0)];
    const bad = (expected: string) =>
      new UsageError(
        withPlace(command, at, `Bad address "${formatListenAddress(address)}": expected ${expected}`),
      );
    if (address.kind === "tcp") {
      if (!isIpAddress(address.host)) throw bad(EXPECTED_ADDRESS);
      continue;
    }
    try {
      readUnixPath(address.path); // relative paths were completed with the configuration's directory
    } catch (error) {
      if (error instanceof Expected) throw bad(error.message);
      throw error;
    }
  }
}

/** Checks that each address is listened on in one way. @throws {UsageError} */
function checkTaken(command: CommandLine): void {
  const all = allAddresses(command, true);
  const isRedirect = (address: ListenAddress) => address.kind === "tcp" && address.scheme === "redirect";
  const taken = new Map(
    all.filter((one) => !isRedirect(one)).map((one) => [socketNameOf(one), formatListenAddress(one)]),
  );
  const twice = all.find((address) => {
    const other = taken.get(socketNameOf(address));
    return other !== undefined && other !== formatListenAddress(address);
  });
  if (twice === undefined) return;
  const written = isRedirect(twice) ? "--redirect-http" : `"${formatListenAddress(twice)}"`;
  throw new UsageError(`Bad address ${written}: ${taken.get(socketNameOf(twice))} listens there, too`);
}

/** Describes each socket for `--verbose`, one string per socket. */
export function describeListening(
  { listening, isActivated }: Sockets,
  { socketMode }: CommandLine,
): string[] {
  return listening.map((socket) => {
    const { name, address: { address }, scheme } = socket;
    const facts = scheme === "redirect" ? ["redirects to HTTPS"] : scheme === "https" ? ["HTTPS"] : [];
    const families = wildcardFamilies(socket);
    if (families.length > 0) {
      facts.push(families.length > 1 ? "all interfaces" : `all interfaces, IPv${families[0]}`);
    }
    if (isActivated) facts.push("handed over by systemd");
    else if (address.startsWith("unix:/")) facts.push(`mode ${formatMode(socketMode)}`);
    return facts.length === 0 ? name : `${name} (${facts.join(", ")})`;
  });
}
