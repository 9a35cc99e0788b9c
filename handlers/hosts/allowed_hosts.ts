/**
 * The check of the host name that a request is for.
 *
 * The owner of a web page can let the page's host name resolve to this machine (DNS rebinding, see `trusted_host.ts`).
 * The page can then read a site that only this machine or its network can reach. With a list, only its names and those
 * that `trusted_host.ts` trusts are answered. Without a list, another name is rejected in one case only: the server
 * listens on loopback addresses only, and Host has the port that it listens on. Such a request comes from a browser on
 * this machine. A proxy in front that passes on the client's Host listens on another port, so its requests are
 * answered.
 * @module
 */
import { AUTHORITY_BYTES_MAX } from "../../server/limits.ts";
import { isTrustedHost } from "./trusted_host.ts";

/** The pattern for all names. */
const ALL = "*";

/** The settings that {@linkcode AllowedHosts} checks. */
export interface AllowedHostsOptions {
  /** `example.org`, or `*.example.org` for all names below it; `*` for all. Null when there is no list. */
  readonly names: readonly string[] | null;
  /** Returns the ports of a server that listens on loopback addresses only. Called once the server listens. */
  readonly loopbackPorts: () => readonly number[];
}

/**
 * Returns the host name in `authority`: in lower case, without port, without a dot at the end. Empty when `authority`
 * is too long.
 */
export function hostOf(authority: string): string {
  if (authority.length > AUTHORITY_BYTES_MAX) return "";
  return authority.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
}

/**
 * Returns the entry of `names` for `host`: `host` itself, or the longest `*.` pattern that matches it. Null when there
 * is none.
 */
export function nameOf(host: string, names: { has(name: string): boolean }): string | null {
  if (names.has(host)) return host;
  for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {
    const name = `*${host.slice(dot)}`;
    if (names.has(name)) return name;
  }
  return null;
}

/** The list of host names that requests may have. */
export class AllowedHosts {
  readonly #names: ReadonlySet<string>;
  readonly #hasList: boolean;
  readonly #loopbackPorts: () => readonly number[];

  /** `siteNames` are the names of sites with settings of their own. They are always allowed. */
  constructor({ names, loopbackPorts }: AllowedHostsOptions, siteNames: Iterable<string>) {
    this.#names = new Set([...names ?? [], ...siteNames]);
    this.#hasList = names !== null;
    this.#loopbackPorts = loopbackPorts;
  }

  /** Returns whether a request for `authority` (host and port) is answered. Null when the request has no Host. */
  accepts(authority: string | null): boolean {
    if (isTrustedHost(authority) || authority === null || this.#names.has(ALL)) return true;
    if (nameOf(hostOf(authority), this.#names) !== null) return true;
    if (this.#hasList) return false;
    const [, port] = /:(\d+)$/.exec(authority) ?? [];
    return port === undefined || !this.#loopbackPorts().includes(Number(port));
  }
}
