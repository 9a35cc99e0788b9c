/**
 * The header of the PROXY protocol, by which a proxy says for whom it connects. Source: "The PROXY protocol, versions 1 & 2"
 * of HAProxy, §2.1 and §2.2.
 * @module
 */
import type { SocketAddress } from "../../../ffi/socket/socket.ts";
import { UNIX_PREFIX } from "../../../ffi/socket/socket_address.ts";
import { formatIp, ipv4Of, parseIp } from "../../clients/ip_address.ts";

/** §2.1: the longest header of version 1, with its line end. */
const V1_BYTES_MAX = 107;
const LF = 0x0a;
const V1_BEGIN = Uint8Array.from("PROXY ", (character) => character.charCodeAt(0));
const V1 = /^PROXY (TCP[46]) ([0-9.]+|[0-9A-Fa-f:.]+) ([0-9.]+|[0-9A-Fa-f:.]+) (\d{1,5}) (\d{1,5})\r\n$/;
const V1_UNKNOWN = /^PROXY UNKNOWN(?: [^\r\n]*)?\r\n$/;
const PORT_MAX = 65535;

/** §2.2: `\r\n\r\n\0\r\nQUIT\n`, then version and command, family and protocol, and the length of what follows. */
const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const V2_HEAD_BYTES = 16;
const LOCAL = 0x20;
const PROXY = 0x21;
/** Family (upper half) → bytes of its two addresses and ports. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216];
const UNIX_PATH_BYTES = 108;

/** What is still needed of a header, and what it says. Bytes are given to it as they come, however they are cut. */
export class ProxyHeader {
  readonly #bytes = new Uint8Array(V2_HEAD_BYTES + ADDRESS_BYTES[3]!);
  #length = 0;
  /** True when it has ended. */
  isWhole = false;
  /** The client that it names; null: it names none, and the proxy itself is who is talking. */
  client: SocketAddress | null = null;

  /** How many bytes of those that come next may be looked at. */
  get wanted(): number {
    return V1_BYTES_MAX;
  }

  /**
   * The next bytes are `bytes[0, count)`: how many of them belong to the header (all, while it is not whole); < 0: this is
   * no header.
   */
  take(bytes: Uint8Array, count: number): number {
    let taken = 0;
    while (taken < count && !this.isWhole) {
      if (!this.#takeOne(bytes[taken]!)) return -1;
      taken++;
    }
    return taken;
  }

  /** False: no header goes on like this. */
  #takeOne(byte: number): boolean {
    const at = this.#length++;
    if (at < this.#bytes.length) this.#bytes[at] = byte;
    return this.#bytes[0] === SIGNATURE[0] ? this.#takeV2(at, byte) : this.#takeV1(at, byte);
  }

  #takeV1(at: number, byte: number): boolean {
    if (at < V1_BEGIN.length) return byte === V1_BEGIN[at];
    if (byte !== LF) return at < V1_BYTES_MAX - 1;
    this.isWhole = true;
    const line = String.fromCharCode(...this.#bytes.subarray(0, this.#length));
    if (V1_UNKNOWN.test(line)) return true;
    const [, family, source, destination, ...ports] = V1.exec(line) ?? [];
    if (family === undefined || ports.some((port) => Number(port) > PORT_MAX)) return false;
    const [client, own] = [source!, destination!].map(parseIp);
    const isFamilys = (text: string) => text.includes(":") === (family === "TCP6");
    if (client === null || own === null || !isFamilys(source!) || !isFamilys(destination!)) return false;
    this.client = { address: formatIp(client!), port: Number(ports[0]) };
    return true;
  }

  #takeV2(at: number, byte: number): boolean {
    if (at < SIGNATURE.length) return byte === SIGNATURE[at];
    const [command, family] = this.#bytes.subarray(SIGNATURE.length);
    if (at === SIGNATURE.length) return command === LOCAL || command === PROXY;
    const addressBytes = ADDRESS_BYTES[family! >> 4]!;
    if (at === SIGNATURE.length + 1) return addressBytes !== undefined && (family! & 15) <= 2;
    const length = (this.#bytes[V2_HEAD_BYTES - 2]! << 8) | this.#bytes[V2_HEAD_BYTES - 1]!;
    if (at < V2_HEAD_BYTES - 1 || this.#length < V2_HEAD_BYTES + length) return true;
    this.isWhole = true;
    if (command === LOCAL) return true; // whatever else it says
    if (length < addressBytes) return false;
    if ((family! & 15) !== 0) this.client = this.#addressOf(family! >> 4);
    return true;
  }

  #addressOf(family: number): SocketAddress | null {
    const address = this.#bytes.subarray(V2_HEAD_BYTES);
    const port = (at: number) => (address[at]! << 8) | address[at + 1]!;
    if (family === 1) return { address: formatIp(ipv4Of(address)), port: port(8) };
    if (family === 2) return { address: formatIp(address.slice(0, 16)), port: port(32) };
    if (family !== 3) return null;
    const path = address.subarray(0, UNIX_PATH_BYTES);
    const end = path.indexOf(0);
    return {
      address: UNIX_PREFIX + new TextDecoder().decode(end < 0 ? path : path.subarray(0, end)),
      port: 0,
    };
  }
}
