/**
 * A client with its own descriptor, for receive buffers of a given size, urgent bytes, and resets.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  AF_INET,
  IPPROTO_TCP,
  MSG_NOSIGNAL,
  MSG_OOB,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../ffi/libc/constants.ts";
import { EAGAIN, orThrow } from "../../ffi/libc/errno.ts";
import { libc, loadLibc, result } from "../../ffi/libc/libc.ts";
import {
  close,
  localAddress,
  peerAddress,
  recv,
  send,
  setOption as setNumber,
  shutdownWrite,
} from "../../ffi/socket/socket.ts";
import { SOCKADDR_IN } from "../../ffi/libc/structs.ts";
import { sleep } from "./sleep.ts";
import { PATIENCE_MS } from "./waiting.ts";

loadLibc(); // outside of any test, because the library stays open

const SO_RCVBUF = 8;
const SO_LINGER = 13;
const TCP_MAXSEG = 2;
const EINPROGRESS = 115;

function setOption(fd: number, option: number, ...words: number[]): void {
  const bytes = new Uint8Array(64);
  new Int32Array(bytes.buffer).set(words);
  orThrow(
    result(libc.setsockopt(fd, SOL_SOCKET, option, bytes, 4 * words.length)),
    "set an option",
    "setsockopt",
  );
}

/** Calls until the result is not EAGAIN. Other promises and timers run meanwhile. */
async function untilReady(call: () => number): Promise<number> {
  const endMs = performance.now() + PATIENCE_MS;
  while (true) {
    const value = call();
    if (value !== -EAGAIN) return value;
    assert(performance.now() < endMs, "the server did nothing for too long");
    await sleep(1);
  }
}

/** A connected client; `using` closes the descriptor. */
export class RawClient {
  readonly fd: number;
  #isOpen = true;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * Connects to 127.0.0.1:`port` from 127.0.0.`host`. `receiveBytes` is the receive buffer to ask for, `segmentBytes` the
   * longest segment.
   */
  static async connect(
    port: number,
    receiveBytes?: number,
    host: number = 1,
    segmentBytes?: number,
  ): Promise<RawClient> {
    const client = new RawClient(libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (receiveBytes !== undefined) setOption(client.fd, SO_RCVBUF, receiveBytes);
    if (segmentBytes !== undefined) setNumber(client.fd, IPPROTO_TCP, TCP_MAXSEG, segmentBytes);
    const address = new Uint8Array(128);
    const view = new DataView(address.buffer);
    view.setUint16(SOCKADDR_IN.family, AF_INET, true);
    address.set([127, 0, 0, host], SOCKADDR_IN.addr);
    orThrow(result(libc.bind(client.fd, address, SOCKADDR_IN.size)), "bind", "bind");
    view.setUint16(SOCKADDR_IN.port, port, false);
    address.set([127, 0, 0, 1], SOCKADDR_IN.addr);
    const status = result(libc.connect(client.fd, address, SOCKADDR_IN.size));
    if (status !== -EINPROGRESS) orThrow(status, "connect", "connect");
    await untilReady(() => peerAddress(client.fd) === null ? -EAGAIN : 0);
    return client;
  }

  /** The client's own port. */
  get port(): number {
    return localAddress(this.fd).port;
  }

  /** Returns the number of bytes that the kernel took, or −errno. */
  trySend(bytes: Uint8Array<ArrayBuffer>): number {
    return send(this.fd, bytes, bytes.length, false);
  }

  /** Returns the number of received bytes, 0 at the end, or −errno. */
  tryReceive(buffer: Uint8Array<ArrayBuffer>): number {
    return recv(this.fd, buffer);
  }

  async send(data: string | Uint8Array<ArrayBuffer>): Promise<void> {
    let bytes = typeof data === "string" ? Uint8Array.from(new TextEncoder().encode(data)) : data;
    while (bytes.length > 0) {
      const sent = await untilReady(() => this.trySend(bytes));
      assert(sent > 0, `send gave ${sent}`);
      bytes = bytes.subarray(sent);
    }
  }

  /** Fills `buffer`, or less at the end, and returns the number of bytes. */
  async receive(buffer: Uint8Array<ArrayBuffer>): Promise<number> {
    let length = 0;
    while (length < buffer.length) {
      const count = await untilReady(() => this.tryReceive(buffer.subarray(length)));
      if (count === 0) break;
      assert(count > 0, `recv gave ${count}`);
      length += count;
    }
    return length;
  }

  /** Reads until the end of the connection. Returns 0, or −errno of a reset. */
  async end(): Promise<number> {
    const buffer = new Uint8Array(65536);
    while (true) {
      const count = await untilReady(() => this.tryReceive(buffer));
      if (count <= 0) return count;
    }
  }

  sendUrgent(): void {
    assertEquals(result(libc.send(this.fd, Uint8Array.of(0x21), 1, MSG_OOB | MSG_NOSIGNAL)), 1);
  }

  endInput(): void {
    assertEquals(shutdownWrite(this.fd), 0);
  }

  /** Leaves by a reset. */
  reset(): void {
    setOption(this.fd, SO_LINGER, 1, 0);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    close(this.fd);
  }
}
