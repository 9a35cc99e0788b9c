/**
 * Where the program listens: what systemd handed over, or else the addresses of the settings.
 * @module
 */
import type { Account } from "../ffi/privileges.ts";
import { isIpAddress } from "../ffi/socket.ts";
import type { CommandLine } from "../server/config/settings.ts";
import { Expected, UsageError } from "../server/config/usage_error.ts";
import { EXPECTED_ADDRESS, formatMode } from "../server/config/values.ts";
import { activatedListeners } from "../server/listening/activation.ts";
import { EVERY_IP, EVERY_IPV4, formatListenAddress, readUnixPath } from "../server/listening/address.ts";
import { type ListeningSocket, openListeners } from "../server/listening/open.ts";

/** What the program listens on. */
export interface Listening {
  /** The sockets of each process that serves; those that are shared stand in several lists. */
  readonly lists: readonly (readonly ListeningSocket[])[];
  /** They were handed over, and the addresses of the settings do not count. */
  readonly isActivated: boolean;
}

/** What it takes to listen beside the settings. */
export interface ListenNeeds {
  /** Clients that say nothing need not be accepted before they do. */
  readonly deferAccept: boolean;
  /** Who is to own the files of UNIX sockets; null: who creates them. */
  readonly owner: Account | null;
  /** How many processes are to serve. */
  readonly copies?: number;
}

/** A mistake in an address that only the kernel can see. @throws {UsageError} */
export function checkAddresses({ host, addresses }: CommandLine): void {
  if (!isIpAddress(host)) throw new UsageError(`Bad host "${host}": expected ${EXPECTED_ADDRESS}`);
  for (const address of addresses) {
    const bad = (expected: string) =>
      new UsageError(`Bad address "${formatListenAddress(address)}": expected ${expected}`);
    if (address.kind === "tcp") {
      if (!isIpAddress(address.host)) throw bad(EXPECTED_ADDRESS);
      continue;
    }
    try {
      readUnixPath(address.path); // a file's directory may have been put before it
    } catch (error) {
      if (error instanceof Expected) throw bad(error.message);
      throw error;
    }
  }
}

/** Listens. Call {@linkcode checkAddresses} before. @throws {UsageError | SystemError} */
export function listen(command: CommandLine, { deferAccept, owner, copies = 1 }: ListenNeeds): Listening {
  const { addresses, backlog, socketMode: mode } = command;
  const settings = { backlog, deferAccept, mode, owner };
  const activated = activatedListeners(copies > 1, settings);
  if (activated.length > 0) {
    return { lists: Array.from({ length: copies }, () => activated), isActivated: true };
  }
  return { lists: openListeners(addresses, settings, copies), isActivated: false };
}

/** Each socket in words, for `--verbose`. */
export function describeListening({ lists, isActivated }: Listening, { socketMode }: CommandLine): string[] {
  return lists[0].map(({ name, address: { address } }) => {
    const facts = [];
    if (address === EVERY_IPV4) facts.push("all interfaces, IPv4");
    if (address === EVERY_IP) facts.push("all interfaces");
    if (isActivated) facts.push("handed over by systemd");
    else if (address.startsWith("unix:/")) facts.push(`mode ${formatMode(socketMode)}`);
    return facts.length === 0 ? name : `${name} (${facts.join(", ")})`;
  });
}
