/**
 * A connection on a socket and a poller that a test controls call by call.
 * @module
 */
import { EAGAIN, EINTR, EINVAL } from "../../ffi/libc/errno.ts";
import { readAt } from "../../ffi/file/file.ts";
import { loadLibc } from "../../ffi/libc/libc.ts";
import { eventfdCreate } from "../../ffi/libc/multiplexers.ts";
import { Connection } from "../../server/connection/connection.ts";
import { Connections, type Service } from "../../server/listen/connection_table.ts";
import type { GroupContext } from "../../server/listen/listener_group.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { DEFAULT_KEEP_ALIVE } from "../../server/http/persistence.ts";
import { HttpResponse } from "../../server/http/response.ts";
import {
  Interest,
  type Poller,
  type PollerName,
  Readiness,
  type ReadyList,
} from "../../server/loop/poller.ts";
import { Reactor } from "../../server/loop/reactor.ts";
import type { Tls } from "../../server/transport/tls.ts";
import type { Transport } from "../../server/transport/transport.ts";
import { Buffers } from "../../server/connection/buffers.ts";
import { groupContext } from "./group_context.ts";
import { sleep } from "./sleep.ts";

loadLibc(); // once for all tests, so that no test seems to leave the library open

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** A poller that reports only what a test tells it to report. */
export class ScriptedPoller implements Poller {
  readonly name: PollerName;
  readonly trigger: "level" | "edge";
  readonly interests = new Map<number, Interest>();
  next: [fd: number, readiness: Readiness][] = [];

  constructor(trigger: "level" | "edge") {
    this.trigger = trigger;
    this.name = trigger === "edge" ? "epoll-edge" : "epoll-level";
  }
  add(fd: number, interest: Interest): number {
    this.interests.set(fd, interest);
    return 0;
  }
  modify(fd: number, interest: Interest): number {
    this.interests.set(fd, interest);
    return 0;
  }
  remove(fd: number): number {
    this.interests.delete(fd);
    return 0;
  }
  wait(ready: ReadyList): number {
    const events = this.next;
    this.next = [];
    events.forEach(([fd, readiness], i) => {
      ready.fds[i] = fd;
      ready.bits[i] = readiness;
    });
    return events.length;
  }
  park(ready: ReadyList): Promise<number> {
    return Promise.resolve(this.wait(ready));
  }
  close(): void {}
}

/** A socket with scripted results. Without a script, recv returns EAGAIN and send takes everything. */
export class ScriptedSocket implements Transport {
  /** The results of recv, in order: bytes, `"end"` (0), or −errno. */
  incoming: (Uint8Array | "end" | number)[] = [];
  /** The results of the next sends: the most bytes to take (> 0), or −errno. After them `capacity` counts. */
  sends: number[] = [];
  /** The bytes that a send takes once `sends` is used up; 0 means EAGAIN. */
  capacity = Infinity;
  sent: number[] = [];
  sendCalls = 0;
  isShutDown = false;

  recv(_fd: number, buffer: Uint8Array<ArrayBuffer>): number {
    const next = this.incoming.shift();
    if (next === undefined) return -EAGAIN;
    if (next === "end") return 0;
    if (typeof next === "number") return next;
    if (next.length > buffer.length) {
      buffer.set(next.subarray(0, buffer.length));
      this.incoming.unshift(next.subarray(buffer.length));
      return buffer.length;
    }
    buffer.set(next);
    return next.length;
  }

  isDrained(_fd: number, count: number, capacity: number): boolean {
    return count < capacity;
  }

  wants(): Interest {
    return Interest.NONE;
  }

  peek(): number {
    return -EAGAIN;
  }

  recvUrgent(): number {
    return -EINVAL;
  }

  #room(length: number): number {
    this.sendCalls++;
    const limit = this.sends.shift() ?? this.capacity;
    return limit < 0 ? limit : limit === 0 ? -EAGAIN : Math.min(limit, length);
  }

  send(_fd: number, bytes: Uint8Array<ArrayBuffer>, length: number): number {
    const count = this.#room(length);
    for (let i = 0; i < count; i++) this.sent.push(bytes[i]!);
    return count;
  }

  flush(): number {
    return 0;
  }

  sendfile(_fd: number, file: number, offset: number, length: number): number {
    const count = this.#room(length);
    if (count < 0) return count;
    const bytes = new Uint8Array(count);
    const read = readAt(file, bytes, offset);
    for (let i = 0; i < read; i++) this.sent.push(bytes[i]!);
    return read;
  }

  /** Sent bytes that the client has not taken. */
  held = 0;

  unacknowledged(): number {
    return this.held;
  }

  /** True when bytes that the client has not taken are to be discarded. */
  discardsOnClose = false;

  isReset(fd: number): boolean {
    const status = this.send(fd, new Uint8Array(0), 0);
    return status < 0 && status !== -EAGAIN && status !== -EINTR;
  }

  limitUnsent(): number {
    return 0;
  }

  resetOnClose(): number {
    this.discardsOnClose = true;
    return 0;
  }

  shutdownWrite(): number {
    this.isShutDown = true;
    return 0;
  }

  announceEnd(): void {}

  isSecure(): boolean {
    return false;
  }

  /** The descriptors that it was told to forget. */
  readonly forgotten: number[] = [];

  forget(fd: number): void {
    this.forgotten.push(fd);
  }

  get text(): string {
    return decoder.decode(new Uint8Array(this.sent));
  }
}

/** Returns TLS over `socket`. */
export type Secure = (reactor: Reactor, socket: ScriptedSocket) => Tls;

/** One connection with everything that it needs; with TLS if `secure` is not null. */
export class Scripted {
  readonly socket = new ScriptedSocket();
  readonly poller: ScriptedPoller;
  readonly reactor: Reactor;
  readonly connections: Connections;
  readonly fd: number = eventfdCreate(); // a real descriptor, because it will be closed
  readonly host: GroupContext;
  readonly errors: unknown[] = [];
  closedCount = 0;

  constructor(
    handler: Handler,
    trigger: "level" | "edge" = "edge",
    keepAlive = true,
    service: Service | null = null,
    wrap: (socket: Transport) => Transport = (socket) => socket,
    secure: Secure | null = null,
  ) {
    this.poller = new ScriptedPoller(trigger);
    this.reactor = new Reactor(this.poller, (error) => this.errors.push(error));
    const tls = secure?.(this.reactor, this.socket) ?? null;
    this.host = groupContext({
      reactor: this.reactor,
      transport: tls ?? wrap(this.socket),
      tls,
      buffers: new Buffers(4),
      handler,
      keepAlive,
    }, (error) => this.errors.push(error));
    this.connections = new Connections(this.host, service, () => this.closedCount++);
    this.connections.accept(this.fd, tls === null ? "http" : "https");
  }

  /** The connection's object; null while the connection is idle. */
  get connection(): Connection | null {
    for (const source of this.reactor.sources()) {
      if (source instanceof Connection) return source;
    }
    return null;
  }

  get state(): string {
    return this.closedCount > 0 ? "closed" : this.connection?.state ?? "reading";
  }

  /** Tells the connection that the server stops. */
  drain(): void {
    this.connection?.drain();
    this.connections.drain();
  }

  /** The events for which the poller watches the socket. */
  get interest(): Interest | undefined {
    return this.poller.interests.get(this.fd);
  }

  /** Makes the poller report `readiness`, and runs turns until nothing is left to do. */
  wake(readiness: Readiness): void {
    this.poller.next.push([this.fd, readiness]);
    for (let turns = 0; this.reactor.turn(0) > 0; turns++) {
      if (turns > 10_000) throw new Error("the connection keeps the reactor busy for ever");
    }
  }

  /** Makes `data` arrive. */
  receive(...data: (string | Uint8Array | "end" | number)[]): void {
    this.socket.incoming.push(
      ...data.map((item) =>
        typeof item === "string" && item !== "end" ? encoder.encode(item) : item as Uint8Array
      ),
    );
    this.wake(Readiness.READABLE);
  }

  /** Makes the peer end its half. */
  end(): void {
    this.socket.incoming.push("end");
    this.wake(Readiness.READABLE | Readiness.HANGUP);
  }

  /** Makes the socket take bytes again. */
  writable(): void {
    this.wake(Readiness.WRITABLE);
  }

  /** Lets promises settle, and the reactor run the work that follows. */
  async settle(): Promise<void> {
    await sleep(0);
    while (this.reactor.turn(0) > 0);
  }

  /** Frees the resources of the test. */
  [Symbol.dispose](): void {
    this.reactor.close();
    if (this.closedCount === 0) this.connections.close();
  }
}

/** Registers `test` for a level and for an edge trigger. */
export function onBoth(name: string, test: (trigger: "level" | "edge") => void | Promise<void>): void {
  for (const trigger of ["level", "edge"] as const) Deno.test(`${name} (${trigger})`, () => test(trigger));
}

/** Answers with the method and the path of the request. */
export const describe: ((request: HttpRequest) => HttpResponse) & { ignoresBodies: boolean } = Object.assign(
  (request: HttpRequest) => new HttpResponse(200, [], encodeUtf8(`${request.method} ${request.path}`)),
  { ignoresBodies: true },
);

/** Returns the response of {@linkcode describe} as {@linkcode withoutDate} shows it. */
export function answer(text: string, connection: "" | "close" = ""): string {
  const line = connection === "" ? "" : `Connection: ${connection}\r\n`;
  return `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n${line}\r\n${text}`;
}

const KEEP_ALIVE = decoder.decode(DEFAULT_KEEP_ALIVE);

/** Removes the date, which changes, and the fields that every open connection has. */
export function withoutDate(text: string): string {
  return text.replaceAll(/Date: [^\r]*\r\n/g, "").replaceAll(KEEP_ALIVE, "");
}
