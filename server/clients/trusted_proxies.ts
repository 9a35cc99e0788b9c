/**
 * The proxies that may name the client of a connection or request.
 * @module
 */
import { UNIX_PREFIX } from "../../ffi/socket/socket_address.ts";
import { type IpBytes, isIpv4, parseIp } from "./ip_address.ts";

/** A network: the addresses that agree in the first `bits` bits. */
interface Network {
  readonly bytes: IpBytes;
  readonly bits: number;
}

/** Names of networks: the loopback, and addresses that are not routed (RFC 1918, RFC 4193, RFC 3927). */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.0/8", "::1"],
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"],
};
/** The name of all clients of a UNIX socket. */
const UNIX = "unix";

/** The accepted values, for error messages. */
export const EXPECTED_PROXIES =
  "addresses, networks such as 10.0.0.0/8, loopback, private or unix, separated by commas";

/** Returns true if `text` is one of {@linkcode EXPECTED_PROXIES}. */
export function isProxy(text: string): boolean {
  return text === UNIX || Object.hasOwn(NAMED, text) || parseNetwork(text) !== null;
}

function parseNetwork(text: string): Network | null {
  const [, address, written] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bytes = address === undefined ? null : parseIp(address);
  if (bytes === null) return null;
  const offset = isIpv4(bytes) && !address!.includes(":") ? 96 : 0;
  const bits = written === undefined ? 128 : Number(written) + offset;
  return bits > 128 ? null : { bytes, bits };
}

/** The addresses of proxies whose forwarding fields are used. */
export class TrustedProxies {
  readonly #networks: readonly Network[];
  readonly #trustsUnix: boolean;

  /** @throws {TypeError} when an element of `list` is not an address, a network, or one of the names */
  constructor(list: readonly string[]) {
    const bad = list.find((text) => !isProxy(text));
    if (bad !== undefined) {
      throw new TypeError(`${JSON.stringify(bad)} names no proxy: expected ${EXPECTED_PROXIES}`);
    }
    this.#trustsUnix = list.includes(UNIX);
    this.#networks = list.flatMap((text) => Object.hasOwn(NAMED, text) ? NAMED[text]! : [text])
      .map(parseNetwork)
      .filter((network) => network !== null);
  }

  /** Returns true for a trusted proxy. `address` has the format of `SocketAddress`. */
  includes(address: string): boolean {
    if (address.startsWith(UNIX_PREFIX)) return this.#trustsUnix;
    const bytes = parseIp(address);
    return bytes !== null && this.#networks.some((network) => isIn(network, bytes));
  }
}

function isIn({ bytes, bits }: Network, address: IpBytes): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) {
    if (bytes[i] !== address[i]) return false;
  }
  const mask = 0xff00 >> (bits & 7);
  return whole === 16 || ((bytes[whole]! ^ address[whole]!) & mask & 0xff) === 0;
}
