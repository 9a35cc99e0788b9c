/**
 * Which names of hosts are answered.
 *
 * A page can have its own name lead to this machine (DNS rebinding, see `trusted_host.ts`), and read a site that only
 * this machine or its network reaches. With a list, only what it names is answered, beside what no stranger can give
 * away. Without one, a foreign name is refused only where a browser on this machine surely came by it: where the server
 * listens on loopback alone and Host has the very port that it listens on. A proxy in front that passes the client's
 * Host on listens on another port, and so is not refused.
 * @module
 */
import { AUTHORITY_BYTES_MAX } from "../../server/limits.ts";
import { isTrustedHost } from "./trusted_host.ts";

/** Stands for all names. */
const ALL = "*";

/** What a server says of the names that it is asked by. */
export interface AllowedHostsOptions {
  /** `example.org`, or `*.example.org` for all below it; `*` for all; null: there is no list. */
  readonly names: readonly string[] | null;
  /** The ports at which browsers on this machine reach it, where nothing else does; asked when they are known. */
  readonly loopbackPorts: () => readonly number[];
}

/** The name in an authority: without port, without the dot of the root, in lower case. Empty: too long for one. */
export function hostOf(authority: string): string {
  if (authority.length > AUTHORITY_BYTES_MAX) return "";
  return authority.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
}

/** What has settings of its own by `host`, or by `*.` and names that it ends with: its name; null: nothing has. */
export function nameOf(host: string, names: { has(name: string): boolean }): string | null {
  if (names.has(host)) return host;
  for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {
    const name = `*${host.slice(dot)}`;
    if (names.has(name)) return name;
  }
  return null;
}

/** Decides whether a request may name the host that it names. */
export class AllowedHosts {
  readonly #names: ReadonlySet<string>;
  readonly #hasList: boolean;
  readonly #loopbackPorts: () => readonly number[];

  /** `own` are the names of sites, which are answered anyway. */
  constructor({ names, loopbackPorts }: AllowedHostsOptions, own: Iterable<string>) {
    this.#names = new Set([...names ?? [], ...own]);
    this.#hasList = names !== null;
    this.#loopbackPorts = loopbackPorts;
  }

  /** `authority` is host and port as the request says them; null: it says none. */
  accepts(authority: string | null): boolean {
    if (isTrustedHost(authority) || authority === null || this.#names.has(ALL)) return true;
    if (nameOf(hostOf(authority), this.#names) !== null) return true;
    if (this.#hasList) return false;
    const [, port] = /:(\d+)$/.exec(authority) ?? [];
    return port === undefined || !this.#loopbackPorts().includes(Number(port));
  }
}
