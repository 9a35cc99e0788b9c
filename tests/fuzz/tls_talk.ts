/**
 * Many clients of TLS at once, driven by one loop. Each makes a handshake and two requests, while its bytes may be
 * changed on their way. What it gets is decrypted, and told together with the records in which it came.
 * @module
 */
import { IPPROTO_TCP, TCP_NODELAY } from "../../ffi/libc/constants.ts";
import { EPOLLIN } from "../../ffi/libc/multiplexer_constants.ts";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { Epoll } from "../../ffi/select/epoll.ts";
import { close, recv, send, shutdownWrite } from "../../ffi/socket/socket.ts";
import { concat } from "../../server/http/bytes.ts";
import { connectTo } from "../soak/sockets.ts";
import { resetOnClose } from "../support/in_process.ts";
import { TlsPeer } from "../support/tls_peer.ts";
import type { TlsClientOptions } from "../support/tls_client.ts";
import { get } from "../support/wire.ts";
import { Tampering } from "./tampering.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** One client. */
export interface TlsScript {
  readonly options: TlsClientOptions;
  readonly tampering: Tampering;
}

/** A record that came, by its header (RFC 8446 §5.1). */
export interface TlsRecord {
  readonly type: number;
  readonly length: number;
}

/** What a client has sent and got. */
export interface TlsHeard {
  /** What was decrypted. */
  readonly text: string;
  /** What came, undecrypted. */
  readonly raw: Bytes;
  /** What was sent, before it was changed: where each record begins, and the number of bytes. */
  readonly records: readonly number[];
  readonly sentBytes: number;
  /** The first bytes, as they were sent. */
  readonly beginning: Bytes;
  readonly isOpen: boolean;
  readonly isResumed: boolean;
  /** Why the client itself has given up; "" if it has not. */
  readonly failure: string;
  /** True if the server has said close_notify. */
  readonly hasNotified: boolean;
  /** True if the server has ended before this client has. */
  readonly serverEndedFirst: boolean;
  /** 0 at the server's end, −errno after a reset, or why the connection did not end. */
  readonly end: number | "hang" | "untried";
  readonly ms: number;
}

/** The two requests. What the first one asks for has to be {@linkcode GREETING}. */
export const REQUESTS = [get("/"), get("/", "Connection: close")] as const;
/** The end of the responses. */
export const GREETING = "hello, client\n";

/** A connection hangs if nothing happens for so long. This is less than the time for a handshake. */
const HANG_MS = 6000;
/** After so long without an answer, a client whose bytes were changed ends: the server may wait for more of them. */
const QUIET_MS = 120;
/** The number of clients at the same time. */
const CLIENTS = 64;

const RECORD_HEADER_BYTES = 5;

const chunk: Bytes = new Uint8Array(65536);
const one = new Uint8Array(new ArrayBuffer(128));
new Int32Array(one.buffer)[0] = 1;
const NO_BYTES: Bytes = new Uint8Array(0);

/** Returns the records of what a server has sent. The last one may be incomplete. */
export function recordsOf(raw: Bytes): TlsRecord[] {
  const records: TlsRecord[] = [];
  for (let at = 0; at + RECORD_HEADER_BYTES <= raw.length;) {
    const length = (raw[at + 3]! << 8) | raw[at + 4]!;
    records.push({ type: raw[at]!, length });
    at += RECORD_HEADER_BYTES + length;
  }
  return records;
}

/** A client in progress. */
class Client {
  readonly fd: number;
  readonly index: number;
  readonly #script: TlsScript;
  readonly #peer: TlsPeer;
  readonly #beganMs = performance.now();
  #activeMs = this.#beganMs;
  #text = "";
  readonly #raw: Bytes[] = [];
  readonly #records: number[] = [];
  #sentBytes = 0;
  #beginning = NO_BYTES;
  /** Pieces that are still to be sent. */
  #pieces: Bytes[] = [];
  #nextMs = 0;
  #requested = 0;
  #hasSaidEnd = false;
  /** True once the writing half is closed. */
  #hasEnded = false;

  constructor(fd: number, script: TlsScript, index: number) {
    this.fd = fd;
    this.index = index;
    this.#script = script;
    this.#peer = new TlsPeer(script.options);
    libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, one, 4); // each piece is a packet of its own
    this.#peer.advance();
    this.#queue();
  }

  /** Takes what TLS wants to send, changed as the script says. */
  #queue(): void {
    const bytes = this.#peer.take();
    if (bytes.length === 0) return;
    const { tampering } = this.#script;
    let at = this.#sentBytes;
    for (const { length } of recordsOf(bytes)) {
      this.#records.push(at);
      at += RECORD_HEADER_BYTES + length;
    }
    this.#pieces.push(...tampering.apply(this.#sentBytes, bytes));
    this.#sentBytes += bytes.length;
  }

  /** Sends the next piece, if there is one. Returns "reset" if the client is to leave, otherwise whether more is to be done. */
  step(nowMs: number): boolean | "reset" {
    const { tampering } = this.#script;
    const piece = this.#pieces[0];
    if (piece !== undefined) {
      if (nowMs < this.#nextMs) return true;
      const count = send(this.fd, piece, piece.length, false);
      if (count === -EAGAIN) return true;
      this.#activeMs = nowMs;
      if (count < 0) { // the server is gone
        this.#pieces = [];
        return false;
      }
      if (this.#beginning.length < 16) this.#beginning = concat([this.#beginning, piece.slice(0, 16)]);
      if (count < piece.length) this.#pieces[0] = piece.slice(count);
      else this.#pieces.shift();
      this.#nextMs = nowMs + tampering.pauseMs;
      return true;
    }
    if (this.#hasEnded) return false;
    const isCut = this.#sentBytes >= tampering.endAt;
    if (isCut && tampering.ending === "rst") return "reset";
    const isQuiet = !tampering.keepsBytes && nowMs - this.#activeMs > QUIET_MS;
    if (isCut || isQuiet || this.#hasSaidEnd || this.#peer.failure !== "") {
      this.#hasEnded = true;
      shutdownWrite(this.fd);
    }
    return !tampering.keepsBytes;
  }

  /** Receives what is there. Returns the result once the server has ended. */
  receive(): TlsHeard | null {
    for (;;) {
      const count = recv(this.fd, chunk);
      if (count === -EAGAIN) return null;
      if (count <= 0) return this.result(count);
      this.#activeMs = performance.now();
      const bytes = chunk.slice(0, count);
      this.#raw.push(bytes);
      this.#peer.receive(bytes);
      this.#continue();
      if (count < chunk.length) return null;
    }
  }

  /** Lets TLS work on what came, and makes the next request when one is answered. */
  #continue(): void {
    const peer = this.#peer;
    const { version } = this.#script.options;
    if (peer.advance()) {
      this.#text += new TextDecoder().decode(peer.read());
      const answered = this.#text.split(GREETING).length - 1;
      if (peer.failure === "" && answered === this.#requested && answered < REQUESTS.length) {
        if (answered === 1 && version === 0x0304) peer.updateKeys();
        peer.write(REQUESTS[this.#requested++]!);
      } else if (peer.hasEnded && !this.#hasSaidEnd) {
        this.#hasSaidEnd = true;
        peer.sayEnd();
      }
    }
    this.#queue();
  }

  /** Returns the result if the server does nothing for too long. */
  hang(nowMs: number): TlsHeard | null {
    return nowMs - this.#activeMs < HANG_MS ? null : this.result("hang");
  }

  /** Returns what came until the client leaves by a reset. */
  leave(): TlsHeard {
    this.#hasEnded = true;
    resetOnClose(this.fd);
    return this.result(0);
  }

  result(end: TlsHeard["end"]): TlsHeard {
    const peer = this.#peer;
    return {
      text: this.#text,
      raw: concat(this.#raw),
      records: this.#records,
      sentBytes: this.#sentBytes,
      beginning: this.#beginning,
      isOpen: peer.isOpen,
      isResumed: peer.isResumed,
      failure: peer.failure,
      hasNotified: peer.hasEnded,
      serverEndedFirst: !this.#hasEnded,
      end,
      ms: performance.now() - this.#beganMs,
    };
  }

  [Symbol.dispose](): void {
    this.#peer[Symbol.dispose]();
    close(this.fd);
  }
}

const UNTRIED: TlsHeard = {
  text: "",
  raw: NO_BYTES,
  records: [],
  sentBytes: 0,
  beginning: NO_BYTES,
  isOpen: false,
  isResumed: false,
  failure: "",
  hasNotified: false,
  serverEndedFirst: false,
  end: "untried",
  ms: 0,
};

/** The number of connections so far: each uses another local address, because one would run out of ports. */
let connections = 0;

/** Plays all scripts against `port` of this machine, and returns what each client got, in order. */
export function talkTls(port: number, scripts: readonly TlsScript[], atOnce: number = CLIENTS): TlsHeard[] {
  using epoll = new Epoll();
  const heard: TlsHeard[] = new Array(scripts.length);
  const clients = new Map<number, Client>();
  let next = 0;
  const end = (client: Client, result: TlsHeard) => {
    heard[client.index] = result;
    clients.delete(client.fd);
    client[Symbol.dispose]();
    if (result.end === "hang") { // the others are not tried: each might take as long
      for (; next < scripts.length; next++) heard[next] = UNTRIED;
    }
  };
  const connect = () => {
    const place = connections++;
    const fd = connectTo((place >> 8) & 255, 1 + (place & 127), port, 0);
    const client = new Client(fd, scripts[next]!, next);
    next++;
    clients.set(fd, client);
    epoll.register(fd, EPOLLIN);
  };
  while (next < scripts.length || clients.size > 0) {
    while (next < scripts.length && clients.size < atOnce) connect();
    let isBusy = false;
    const nowMs = performance.now();
    for (const client of clients.values()) {
      const step = client.step(nowMs);
      if (step === true) isBusy = true;
      else if (step === "reset") end(client, client.leave());
    }
    for (const [fd] of epoll.poll(isBusy ? 0.001 : next < scripts.length ? 0 : 0.05)) {
      const client = clients.get(fd);
      const result = client?.receive() ?? null;
      if (client !== undefined && result !== null) end(client, result);
    }
    for (const client of clients.values()) {
      const result = client.hang(nowMs);
      if (result !== null) end(client, result);
    }
  }
  return heard;
}
