/**
 * The channel between a supervisor and a worker: lines of JSON through a pair of sockets.
 *
 * The channel closes when the other process ends, whatever the cause, so neither side has to look for ended processes.
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

/** Receives the events of one end. Both methods are called in the loop. */
export interface ChannelListener<T> {
  received(message: T): void;
  /** The channel is closed: the other process ended, or sent something that is no message. */
  ended(): void;
}

/** Joins received pieces to lines. */
export class LineReader {
  readonly #decoder = new TextDecoder();
  /** `#rest[0, #length)` is an incomplete line. The buffer grows by doubling, so many pieces cost no more than few. */
  #rest: Bytes = new Uint8Array(CHANNEL_RECEIVE_BYTES);
  #length = 0;

  /** Returns the lines that `bytes` complete; null when a line is too long. */
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

/** One end of a channel, in a process with a reactor. It owns its descriptor. */
export class Channel<Received, Sent> extends Source {
  readonly #reactor: Reactor;
  readonly #listener: ChannelListener<Received>;
  readonly #lines = new LineReader();
  readonly #buffer: Bytes = new Uint8Array(CHANNEL_RECEIVE_BYTES);
  #queue: Bytes[] = [];

  constructor(fd: number, reactor: Reactor, listener: ChannelListener<Received>) {
    super(fd);
    this.#reactor = reactor;
    this.#listener = listener;
  }

  /** Registers the channel with the poller. Returns −errno when that fails. */
  open(): number {
    const status = this.#reactor.register(this, Interest.READABLE);
    if (status >= 0) this.#reactor.again(this); // a message may have arrived before
    return status;
  }

  /** Sends `message`, unless the channel is closed. Call it in the loop only. */
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

  /** Closes this end. */
  close(): void {
    this.#reactor.retire(this);
  }

  /** Called for every end of the channel, also after a listener threw. */
  override onClosed(): void {
    this.#listener.ended();
  }

  #flush(): void {
    while (this.#queue.length > 0 && !this.retired) {
      const first = this.#queue[0]!;
      const sent = send(this.fd, first, first.length, false);
      if (sent === -EINTR) continue;
      if (sent < 0) break; // no room yet, or closed: then recv finds that
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
