/**
 * The handlers of bytes on epoll, with as little around them as examples/completion/ has: what the server costs beyond
 * that is not the price of readiness. For `deno task completion`.
 *
 *   deno run --allow-ffi bench/readiness.ts PORT HANDLER
 * @module
 */
import { EAGAIN } from "../ffi/libc/errno.ts";
import {
  accept,
  close,
  listenTcp,
  peerAddress,
  recv,
  send,
  shutdownWrite,
  type SocketAddress,
} from "../ffi/socket/socket.ts";
import { served } from "../handlers/mod.ts";
import type { HandlerName } from "../handlers/names.ts";
import { printer } from "../program/terminal/output.ts";
import { LISTEN_BACKLOG } from "../server/limits.ts";
import { Interest, Readiness, ReadyList } from "../server/loop/poller.ts";
import { EpollPoller } from "../server/loop/pollers/epoll.ts";
import type { Peer, Protocol, Session } from "../server/protocols/bytes/session.ts";

const RECEIVE_BYTES = 16 * 1024;
const buffer = new Uint8Array(RECEIVE_BYTES);

/** A client. What its socket does not take waits, and nothing is received meanwhile. */
class Client implements Peer {
  readonly fd: number;
  isClosed = false;
  readonly #session: Session;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #closes = false;
  #isShut = false;

  constructor(fd: number, protocol: Protocol) {
    this.fd = fd;
    this.#session = protocol(this);
  }

  get address(): SocketAddress {
    return peerAddress(this.fd) ?? { address: "0.0.0.0", port: 0 };
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed || this.#closes) return false;
    const sent = this.#waiting.length > 0 ? 0 : this.#send(bytes as Uint8Array<ArrayBuffer>);
    if (sent < bytes.length) this.#waiting.push(bytes.slice(sent) as Uint8Array<ArrayBuffer>);
    return !this.isClosed;
  }

  #send(bytes: Uint8Array<ArrayBuffer>): number {
    const sent = send(this.fd, bytes, bytes.length, false);
    if (sent < 0 && sent !== -EAGAIN) this.close();
    return Math.max(sent, 0);
  }

  end(bytes?: Uint8Array): void {
    if (bytes !== undefined) this.write(bytes);
    this.#closes = true;
    this.#finish();
  }

  #finish(): void {
    if (this.isClosed || this.#isShut || this.#waiting.length > 0) return;
    this.#isShut = true;
    shutdownWrite(this.fd);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    close(this.fd); // the loop takes no other client before it has looked at all that are ready
    this.#session.closed?.();
  }

  onReady(bits: number): void {
    while (!this.isClosed && this.#waiting.length > 0) {
      const sent = this.#send(this.#waiting[0]!);
      if (sent < this.#waiting[0]!.length) {
        this.#waiting[0] = this.#waiting[0]!.subarray(sent);
        return;
      }
      this.#waiting.shift();
      if (this.#closes) this.#finish();
    }
    if ((bits & ~Readiness.WRITABLE) === 0) return;
    let count = RECEIVE_BYTES;
    while (count === RECEIVE_BYTES && !this.isClosed && this.#waiting.length === 0) {
      count = recv(this.fd, buffer);
      if (count > 0 && !this.#closes) this.#session.received(buffer.subarray(0, count));
      if (count === 0 || (count < 0 && count !== -EAGAIN)) this.close();
    }
  }
}

const [port = "0", name = "echo"] = Deno.args;
const service = served(name as HandlerName, false, null, printer());
if (!("protocol" in service)) throw new Error(`${name} takes no bytes`);
const listener = listenTcp("127.0.0.1", Number(port), LISTEN_BACKLOG, { deferAccept: false });
const poller = new EpollPoller("edge");
const ready = new ReadyList();
const clients: (Client | undefined)[] = [];
poller.add(listener, Interest.READABLE);
while (true) {
  const count = poller.wait(ready, -1);
  let isCalled = false;
  for (let i = 0; i < count; i++) {
    const fd = ready.fds[i]!;
    if (fd === listener) isCalled = true;
    else clients[fd]!.onReady(ready.bits[i]!);
    if (fd !== listener && clients[fd]!.isClosed) {
      poller.remove(fd, true);
      clients[fd] = undefined;
    }
  }
  for (let fd = isCalled ? accept(listener) : -1; fd >= 0; fd = accept(listener)) {
    clients[fd] = new Client(fd, service.protocol);
    poller.add(fd, Interest.READABLE | Interest.WRITABLE);
  }
}
