/**
 * What a supervisor and its workers tell each other: lines of JSON, through a pair of sockets.
 *
 * That the other process has ended shows as the end of the channel, whatever ended it: nobody has to look for processes
 * that are no more.
 * @module
 */
import { EAGAIN, EINTR } from "../../ffi/libc/errno.ts";
import { recv, send } from "../../ffi/socket/socket.ts";
import {
  CHANNEL_BYTES_PER_TURN_MAX,
  CHANNEL_MESSAGE_BYTES_MAX,
  CHANNEL_RECEIVE_BYTES,
} from "../../server/limits.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NEWLINE = 10;

/** Who listens at one end. Both are called in the loop. */
export interface ChannelListener<T> {
  received(message: T): void;
  /** The other process has ended, or says what nobody understands: the channel is closed. */
  ended(): void;
}

/** Puts lines together out of pieces. */
export class LineReader {
  readonly #decoder = new TextDecoder();
  /** `#rest[0, #length)` is a line whose end is still to come. It grows by doubling: many pieces cost no more than few. */
  #rest: Bytes = new Uint8Array(CHANNEL_RECEIVE_BYTES);
  #length = 0;

  /** The lines that `bytes` complete; null when one is too long. */
  take(bytes: Uint8Array): string[] | null {
    const lines: string[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.#keep(bytes.subarray(start, end));
      lines.push(this.#decoder.decode(this.#rest.subarray(0, this.#length)));
      this.#length = 0;
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
    return this.#length > CHANNEL_MESSAGE_BYTES_MAX ? null : lines;
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#rest.length) {
      const larger = new Uint8Array(Math.max(2 * this.#rest.length, needed));
      larger.set(this.#rest.subarray(0, this.#length));
      this.#rest = larger;
    }
    this.#rest.set(bytes, this.#length);
    this.#length = needed;
  }
}

/** One end, for a process that has a loop. It owns its descriptor. */
export class Channel<Received, Sent> extends Source {
  readonly #reactor: Reactor;
  readonly #listener: ChannelListener<Received>;
  readonly #lines = new LineReader();
  readonly #buffer: Bytes = new Uint8Array(CHANNEL_RECEIVE_BYTES);
  #queue: Bytes[] = [];

  /** @throws {SystemError} when the poller does not take it */
  constructor(fd: number, reactor: Reactor, listener: ChannelListener<Received>) {
    super(fd);
    this.#reactor = reactor;
    this.#listener = listener;
  }

  /** Begins to listen. −errno: the poller does not take it. */
  open(): number {
    const status = this.#reactor.register(this, Interest.READABLE);
    if (status >= 0) this.#reactor.again(this); // something may be there already
    return status;
  }

  /** In the loop only. To a process that has ended nothing is sent. */
  send(message: Sent): void {
    if (this.retired) return;
    this.#queue.push(new TextEncoder().encode(`${JSON.stringify(message)}\n`) as Bytes);
    this.#flush();
  }

  override onReady(): void {
    this.#flush();
    for (let left = CHANNEL_BYTES_PER_TURN_MAX; !this.retired; left -= CHANNEL_RECEIVE_BYTES) {
      if (left <= 0) return this.#reactor.again(this);
      const count = recv(this.fd, this.#buffer);
      if (count === -EINTR) continue;
      if (count === -EAGAIN) return;
      const lines = count > 0 ? this.#lines.take(this.#buffer.subarray(0, count)) : null;
      if (lines === null) return this.close();
      for (const line of lines) this.#listener.received(JSON.parse(line) as Received);
    }
  }

  /** Ends it from this side. */
  close(): void {
    this.#reactor.retire(this);
  }

  /** Also when what came made no sense, and threw. */
  override onClosed(): void {
    this.#listener.ended();
  }

  #flush(): void {
    while (this.#queue.length > 0 && !this.retired) {
      const first = this.#queue[0]!;
      const sent = send(this.fd, first, first.length, false);
      if (sent === -EINTR) continue;
      if (sent < 0) break; // no room yet; or the end, which receiving will find
      if (sent === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(sent);
    }
    if (this.retired) return;
    this.#reactor.rearm(
      this,
      Interest.READABLE | (this.#queue.length > 0 ? Interest.WRITABLE : Interest.NONE),
    );
  }
}
