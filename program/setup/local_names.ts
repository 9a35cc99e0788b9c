/**
 * The names and addresses of `--https`: what the certificate is for, and what the authority may sign.
 * @module
 */
import { hostName, networkAddresses } from "../../ffi/socket/interfaces.ts";
import { TrustedProxies } from "../../server/clients/trusted_proxies.ts";
import { LOCAL_ADDRESSES_MAX } from "../../server/tls_limits.ts";
import type { CommandLine } from "../config/settings/settings.ts";

/** The domains of machines nearby: this one (RFC 6761 §6.3), and those found by multicast DNS (RFC 6762 §3). */
const DOMAINS = ["localhost", "local"] as const;
/** Networks that are not routed, and so belong to no one else (RFC 1122, RFC 1918, RFC 3927, RFC 4193, RFC 4291). */
const NETWORKS: readonly string[] = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "::1/128",
  "fc00::/7",
  "fe80::/10",
];
const LOOPBACK = ["127.0.0.1", "::1"] as const;
/** A name that every client takes: letters, digits and hyphens (RFC 1123 §2.1), perhaps below a wildcard. */
const HOST_NAME =
  /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const HOST_NAME_CHARACTERS_MAX = 253;

const local = new TrustedProxies(NETWORKS);

/** Returns true for an address that only this machine, or machines nearby, can have. */
export function isLocalAddress(address: string): boolean {
  return !address.startsWith("unix:") && local.includes(address);
}

function isHostName(name: string): boolean {
  return name.length <= HOST_NAME_CHARACTERS_MAX && HOST_NAME.test(name);
}

/** Returns the name of this machine, and its first label if it has several; none if it is no host name, or is local anyway. */
export function machineNames(): string[] {
  const name = hostName().toLowerCase();
  if (!isHostName(name)) return [];
  return [...new Set([name.split(".")[0]!, name])].filter((one) => !isBelowDomain(one));
}

function isBelowDomain(name: string): boolean {
  return DOMAINS.some((domain) => name === domain || name.endsWith(`.${domain}`));
}

/** Returns what an authority may sign: a domain stands for all names below it, but this machine's names for no others. */
export function permittedNames(): { permitted: string[]; excluded: string[] } {
  const own = machineNames();
  return { permitted: [...DOMAINS, ...own, ...NETWORKS], excluded: own.map((name) => `.${name}`) };
}

/** The names of a certificate. */
export interface LocalNames {
  /** Names and addresses that any local authority may sign. */
  readonly always: readonly string[];
  /** This machine's names, which an authority may sign that was made under them. */
  readonly machine: readonly string[];
}

/** Returns the names under which the server of `command` can be reached. */
export function localNames({ hosts, allowedHosts, addresses }: CommandLine): LocalNames {
  const machine = machineNames();
  const settled = [...hosts.keys(), ...allowedHosts ?? []].filter((name) =>
    isHostName(name) && isBelowDomain(name)
  );
  const multicast = machine.filter((name) => !name.includes(".")).map((name) => `${name}.local`);
  const bound = addresses.flatMap((address) => address.kind === "tcp" ? [address.host] : []);
  const found = [...bound, ...networkAddresses()]
    .filter((address) => isLocalAddress(address) && !UNSPECIFIED.includes(address))
    .slice(0, LOCAL_ADDRESSES_MAX);
  return { always: [...new Set(["localhost", ...settled, ...multicast, ...LOOPBACK, ...found])], machine };
}

/** Returns this machine's names, also the one in multicast DNS: those that `--dev` answers to beside localhost and IP addresses. */
export function ownNames(): string[] {
  const names = machineNames();
  return [...names, ...names.filter((name) => !name.includes(".")).map((name) => `${name}.local`)];
}

/** Addresses that stand for all of a machine's. */
const UNSPECIFIED: readonly string[] = ["0.0.0.0", "::"];

/** Returns the addresses at which clients may reach the server of `command`, and for which no authority may sign. */
export function foreignAddresses({ addresses }: CommandLine): string[] {
  const bound = addresses.flatMap((address) => address.kind === "tcp" ? [address.host] : []);
  const isReached = (address: string) =>
    bound.includes(address) || bound.includes("::") || (bound.includes("0.0.0.0") && !address.includes(":"));
  return [...new Set([...bound, ...networkAddresses()])].filter((address) =>
    !UNSPECIFIED.includes(address) && !isLocalAddress(address) && isReached(address)
  );
}
