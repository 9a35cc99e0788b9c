/**
 * What clients of both versions of HTTP do with their socket: send, receive within their plan, leave, and end.
 * @module
 */
import { Buffer } from "node:buffer";
import { EPOLLIN, EPOLLOUT } from "../../ffi/libc/multiplexer_constants.ts";
import type { Epoll } from "../../ffi/select/epoll.ts";
import { EAGAIN, errnoName } from "../../ffi/libc/errno.ts";
import { close, recv, send } from "../../ffi/socket/socket.ts";
import type { Random } from "../support/random.ts";
import type { Answer, Exchange } from "./exchange.ts";
import type { Plan } from "./plans.ts";
import { resetAtClose } from "./sockets.ts";

type Bytes = Buffer<ArrayBuffer>;

/** After this time without any progress, the server has forgotten the client. */
export const PATIENCE_MS = 30_000;
/** The most receives of one client before other clients get a turn. */
const RECEIVES_MAX = 16;

/** What all clients share. */
export interface ClientHost {
  readonly epoll: Epoll;
  readonly random: Random;
  /** The buffer into which bytes are received. */
  readonly scratch: Bytes;
  /** The time in milliseconds. */
  readonly now: number;
  /** Called before a request is sent. */
  sent(): void;
  /** Called after a response was checked. `wrong` says what is wrong with it, or is null. */
  judged(exchange: Exchange, answer: Answer, wrong: string | null): void;
  /** Called when the client leaves before it has the whole response to `exchange`. */
  left(exchange: Exchange): void;
  /** Called at the end of the connection. `wrong` says what was wrong with that, or is null. */
  finished(client: SoakClient, wrong: string | null): void;
}

/** A client of either version. */
export interface SoakClient {
  readonly fd: number;
  readonly plan: Plan;
  /** When the client acts next by itself, in milliseconds. */
  readonly wakeMs: number;
  /** When the server has made no progress for too long, in milliseconds. */
  readonly deadlineMs: number;
  /** Sends the first requests. */
  start(): void;
  onReady(events: number): void;
  onWake(): void;
  onOverdue(): void;
}

/** The socket of a client. */
export abstract class SocketClient implements SoakClient {
  readonly fd: number;
  readonly plan: Plan;
  readonly host: ClientHost;
  wakeMs = Infinity;
  deadlineMs: number;
  /** What the socket has not taken yet. */
  out: Bytes | null = null;
  isOver = false;
  /** It receives by the clock, not when the socket is readable. */
  isMuted = false;
  #received = 0;

  constructor(fd: number, plan: Plan, host: ClientHost, patienceMs = PATIENCE_MS) {
    this.fd = fd;
    this.plan = plan;
    this.host = host;
    this.deadlineMs = host.now + patienceMs;
    host.epoll.register(fd, EPOLLIN);
  }

  abstract start(): void;
  abstract onWake(): void;
  abstract onOverdue(): void;
  /** Takes received bytes. @throws {Error} for what is not expected */
  abstract take(bytes: Bytes): void;
  /** Continues after bytes were taken. */
  abstract proceed(): void;
  /** The server has ended the connection: `count` is 0 or −errno. */
  abstract ended(count: number): void;
  /** Leaves in the middle, as the plan says. */
  abstract leave(): void;
  /** Gives up the requests that are not answered. */
  abstract abandonAll(): void;
  /** Called once the socket has taken everything. */
  abstract onSent(): void;

  onReady(events: number): void {
    if ((events & EPOLLOUT) !== 0) {
      this.host.epoll.modify(this.fd, this.isMuted ? 0 : EPOLLIN);
      this.#flush();
    }
    if (!this.isOver && (events & ~EPOLLOUT) !== 0) this.receive();
  }

  /** Receives a little every millisecond from now on. */
  mute(): void {
    this.isMuted = true;
    this.host.epoll.modify(this.fd, 0);
    this.wakeMs = this.host.now + 1;
  }

  write(bytes: Bytes): void {
    if (this.isOver) return;
    this.out = this.out === null ? bytes : Buffer.concat([this.out, bytes]) as Bytes;
    this.#flush();
  }

  #flush(): void {
    if (this.out === null) return;
    const count = send(this.fd, this.out, this.out.length, false);
    if (count < 0 && count !== -EAGAIN) return this.finish(`send: ${errnoName(-count)}`);
    if (count < this.out.length) {
      if (count > 0) this.out = this.out.subarray(count);
      return this.host.epoll.modify(this.fd, (this.isMuted ? 0 : EPOLLIN) | EPOLLOUT);
    }
    this.out = null;
    this.onSent();
  }

  receive(): void {
    const { scratch, now } = this.host;
    const { receiveBytes, leavesAfterBytes = Infinity } = this.plan;
    const buffer = receiveBytes === undefined ? scratch : scratch.subarray(0, receiveBytes);
    for (let i = 0; i < RECEIVES_MAX && !this.isOver; i++) {
      const count = recv(this.fd, buffer);
      if (count === -EAGAIN) break;
      if (count <= 0) return this.ended(count);
      this.deadlineMs = now + PATIENCE_MS;
      this.#received += count;
      try {
        this.take(buffer.subarray(0, count));
      } catch (error) {
        return this.finish(error instanceof Error ? error.message : String(error));
      }
      if (this.isOver) return;
      if (this.#received >= leavesAfterBytes) return this.leave();
      this.proceed();
      if (this.isMuted || count < buffer.length) break;
    }
    if (this.isMuted && !this.isOver) this.wakeMs = now + 1;
  }

  /** Ends the connection. `wrong` says what was wrong, or is null. */
  finish(wrong: string | null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.abandonAll();
    if (this.plan.resets) resetAtClose(this.fd);
    close(this.fd);
    this.host.finished(this, wrong);
  }
}
