/**
 * The header of the PROXY protocol, in which a proxy names its client. Source: "The PROXY protocol, versions 1 & 2" of
 * HAProxy, §2.1 and §2.2.
 * @module
 */
import type { SocketAddress } from "../../../ffi/socket/socket.ts";
import { UNIX_PREFIX } from "../../../ffi/socket/socket_address.ts";
import { formatIp, ipv4Of, parseIp } from "../../clients/ip_address.ts";

/** §2.1: the longest header of version 1, including its line end. */
const V1_BYTES_MAX = 107;
const LF = 0x0a;
const V1_BEGIN = Uint8Array.from("PROXY ", (character) => character.charCodeAt(0));
const V1 = /^PROXY (TCP[46]) ([0-9.]+|[0-9A-Fa-f:.]+) ([0-9.]+|[0-9A-Fa-f:.]+) (\d{1,5}) (\d{1,5})\r\n$/;
const V1_UNKNOWN = /^PROXY UNKNOWN(?: [^\r\n]*)?\r\n$/;
const PORT_MAX = 65535;

/** §2.2: `\r\n\r\n\0\r\nQUIT\n`. Version and command, family and protocol, and the length of the rest follow. */
const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const V2_HEAD_BYTES = 16;
const LOCAL = 0x20;
const PROXY = 0x21;
/** Address family (the upper half of a byte) → bytes of two addresses and ports. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216];
const UNIX_PATH_BYTES = 108;

/** An incremental parser of the header. The bytes may be split in any way. */
export class ProxyHeader {
  readonly #bytes = new Uint8Array(V2_HEAD_BYTES + ADDRESS_BYTES[3]!);
  #length = 0;
  /** True once the header is complete. */
  isWhole = false;
  /** The client that the header names. Null if it names none: the peer is then the proxy itself. */
  client: SocketAddress | null = null;

  /** The number of following bytes that may be peeked. */
  get wanted(): number {
    return V1_BYTES_MAX;
  }

  /**
   * Reads `bytes[0, count)`. Returns how many of them belong to the header (all, while it is not complete), or −1 if it
   * is invalid.
   */
  take(bytes: Uint8Array, count: number): number {
    let taken = 0;
    while (taken < count && !this.isWhole) {
      if (!this.#takeOne(bytes[taken]!)) return -1;
      taken++;
    }
    return taken;
  }

  /** Reads one byte. Returns false if the header is invalid. */
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
    if (command === LOCAL) return true; // LOCAL: the rest is ignored
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
