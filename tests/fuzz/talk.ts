/**
 * Many clients at once on raw sockets, driven by one loop. Each sends its bytes in given pieces, and reads until the
 * server ends.
 * @module
 */
import { IPPROTO_TCP, TCP_NODELAY } from "../../ffi/libc/constants.ts";
import { EPOLLIN } from "../../ffi/libc/multiplexer_constants.ts";
import { Epoll } from "../../ffi/select/epoll.ts";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { recv, send, shutdownWrite } from "../../ffi/socket/socket.ts";
import { Descriptors } from "../support/descriptors.ts";
import { resetOnClose } from "../support/in_process.ts";

/** The script of one client. */
export interface Script {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The positions at which the bytes are cut, ascending. */
  readonly cuts: readonly number[];
  /** What follows the last byte: the client ends its half, waits for the server's end, or leaves by a reset. */
  readonly ending: "half-close" | "wait" | "reset";
}

/** What a client received. */
export interface Heard {
  /** A character for each byte. */
  readonly text: string;
  /**
   * How the connection ended: 0 by the server, −errno by a reset, "hang" or "flood" when it did not end, "untried"
   * when the run was stopped before.
   */
  readonly end: number | "hang" | "flood" | "untried";
}

/** A connection hangs when neither a response nor the end comes for this time after the client's last byte. */
export const HANG_MS = 5000;
/** More than any expected response. */
const HEARD_BYTES_MAX = 1 << 20;
/** The number of clients at the same time. */
const CLIENTS = 64;

const chunk = new Uint8Array(new ArrayBuffer(262_144));
const one = new Uint8Array(new ArrayBuffer(128));
new Int32Array(one.buffer)[0] = 1;
const decoder = new TextDecoder("latin1");

/** A client in progress. */
class Client {
  readonly fd: number;
  readonly script: Script;
  readonly index: number;
  #text = "";
  #sent = 0;
  #piece = 0;
  #isBroken = false;
  /** When the client last sent or received something. */
  #activeMs = performance.now();
  isSending = true;

  constructor(fd: number, script: Script, index: number) {
    this.fd = fd;
    this.script = script;
    this.index = index;
    libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, one, 4); // each piece is a packet of its own
  }

  /** Sends the next piece. Returns true when only reading is left. */
  send(): boolean {
    const { bytes, cuts, ending } = this.script;
    const end = this.#piece < cuts.length ? cuts[this.#piece]! : bytes.length;
    if (end > this.#sent) {
      const piece = bytes.slice(this.#sent, end);
      const count = send(this.fd, piece, piece.length, false);
      if (count === -EAGAIN) return false;
      if (count > 0) this.#sent += count;
      else this.#isBroken = true;
      this.#activeMs = performance.now();
    }
    if (this.#sent >= end) this.#piece++;
    if (this.#isBroken || this.#piece > cuts.length) {
      this.isSending = false;
      if (ending === "half-close") shutdownWrite(this.fd);
    }
    return !this.isSending;
  }

  /** Reads the available bytes. Returns null while more may come. */
  receive(): Heard | null {
    while (true) {
      const count = recv(this.fd, chunk);
      if (count === -EAGAIN) return null;
      if (count <= 0) return { text: this.#text, end: count };
      this.#activeMs = performance.now();
      this.#text += latin1(chunk.subarray(0, count));
      if (this.#text.length > HEARD_BYTES_MAX) return { text: this.#text.slice(0, 1000), end: "flood" };
      if (count < chunk.length) return null;
    }
  }

  /** Returns a hang when the client waits and the server does nothing. */
  hang(nowMs: number): Heard | null {
    return nowMs - this.#activeMs < HANG_MS ? null : { text: this.#text, end: "hang" };
  }
}

/** TextDecoder's latin1 is windows-1252, which differs from 0x80 to 0x9f. */
function latin1(bytes: Uint8Array): string {
  for (const byte of bytes) {
    if (byte < 0x80) continue;
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return text;
  }
  return decoder.decode(bytes);
}

/** Plays all scripts against 127.0.0.1:`port`, and returns what each client received, in order. */
export function talk(port: number, scripts: readonly Script[]): Heard[] {
  using descriptors = new Descriptors();
  using epoll = new Epoll();
  const heard: Heard[] = new Array(scripts.length);
  const clients = new Map<number, Client>();
  let next = 0;
  const end = (client: Client, result: Heard) => {
    heard[client.index] = result;
    // The remaining scripts are not tried, because each would take as long.
    if (result.end === "hang" || result.end === "flood") {
      for (; next < scripts.length; next++) heard[next] = { text: "", end: "untried" };
    }
    clients.delete(client.fd);
    descriptors.close(client.fd);
    if (result.end === "flood") {
      for (const other of clients.values()) end(other, { text: "", end: "untried" });
    }
  };
  while (next < scripts.length || clients.size > 0) {
    while (next < scripts.length && clients.size < CLIENTS) {
      const client = new Client(descriptors.connect(port), scripts[next]!, next++);
      clients.set(client.fd, client);
      epoll.register(client.fd, EPOLLIN);
    }
    let isSending = false;
    for (const client of clients.values()) {
      if (!client.isSending) continue;
      if (!client.send()) isSending = true;
      else if (client.script.ending === "reset") {
        resetOnClose(client.fd);
        end(client, { text: "", end: 0 });
      }
    }
    for (const [fd] of epoll.poll(isSending || next < scripts.length ? 0 : 0.1)) {
      const client = clients.get(fd);
      const result = client?.receive() ?? null;
      if (client !== undefined && result !== null) end(client, result);
    }
    const nowMs = performance.now();
    for (const client of clients.values()) {
      const result = client.hang(nowMs);
      if (result !== null) end(client, result);
    }
  }
  return heard;
}
