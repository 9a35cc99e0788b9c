/**
 * A line between a browser and a server: it delays both directions, and limits what comes from the server. Little waits
 * before it, as before a router with a short queue. With a long one, a server would have sent everything before it is asked
 * for what is urgent, and nothing could be seen of its order.
 * @module
 */
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { RawClient } from "./raw_client.ts";
import { sleep } from "./sleep.ts";

/** The bytes that travel together. At 8 Mbit/s they take 4 ms. */
const PART_BYTES = 4096;
/** Time that the line may make up for, because timers are late. */
const LATE_MS = 10;
/** The receive buffer to ask for. Linux doubles it, and tells the server a window of that size at most: a round trip. */
const QUEUE_BYTES = 25_000;
/** The segments of Ethernet. Those of the loopback interface are larger than the queue. */
const SEGMENT_BYTES = 1448;

/** How slow a line is. */
export interface Line {
  readonly roundTripMs: number;
  readonly bytesPerSecond: number;
}

/** Connections to a port of its own are led to `port`, over one line that they share. `await using` ends it. */
export class SlowLine implements AsyncDisposable {
  readonly port: number;
  readonly #target: number;
  readonly #line: Line;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #clients: Deno.TcpConn[] = [];
  readonly #work: Promise<void>[] = [];
  #hasEnded = false;
  /** When the line has sent what it was given. */
  #freeMs = 0;

  constructor(target: number, line: Line) {
    this.#target = target;
    this.#line = line;
    this.port = this.#listener.addr.port;
    this.#work.push(this.#accept());
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      client.setNoDelay();
      this.#clients.push(client);
      this.#work.push(this.#lead(client));
    }
  }

  async #lead(client: Deno.TcpConn): Promise<void> {
    using server = await RawClient.connect(this.#target, QUEUE_BYTES, 1, SEGMENT_BYTES);
    await Promise.all([this.#ask(client, server), this.#answer(server, client)]);
  }

  /** Moves what the client sends. */
  async #ask(client: Deno.TcpConn, server: RawClient): Promise<void> {
    const way = new Way(this.#line.roundTripMs / 2);
    try {
      for (;;) {
        const buffer = new Uint8Array(65_536);
        const count = await client.read(buffer);
        if (count === null) break;
        way.follow(() => server.send(buffer.subarray(0, count)));
      }
    } catch { // the client has ended
    }
    await way.end(() => Promise.resolve(server.endInput()));
  }

  /** Moves what the server sends. It is not received faster than the line takes it. */
  async #answer(server: RawClient, client: Deno.TcpConn): Promise<void> {
    const way = new Way(this.#line.roundTripMs / 2);
    for (;;) {
      const buffer = new Uint8Array(PART_BYTES);
      const count = server.tryReceive(buffer);
      if (count === -EAGAIN && !this.#hasEnded) {
        await sleep(1);
        continue;
      }
      if (count <= 0) break;
      const nowMs = performance.now();
      this.#freeMs = Math.max(this.#freeMs, nowMs - LATE_MS) + count / this.#line.bytesPerSecond * 1000;
      await sleep(Math.max(0, this.#freeMs - nowMs));
      way.follow(async () => {
        for (let at = 0; at < count;) at += await client.write(buffer.subarray(at, count));
      });
    }
    await way.end(() => client.closeWrite());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hasEnded = true;
    this.#listener.close();
    for (const client of this.#clients) {
      try {
        client.close();
      } catch { // it is closed
      }
    }
    await Promise.all(this.#work);
  }
}

/** One direction: what is given to it arrives after `delayMs`, in order. */
class Way {
  readonly #delayMs: number;
  #last: Promise<void> = Promise.resolve();

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  follow(arrive: () => Promise<void>): void {
    const arrivesMs = performance.now() + this.#delayMs;
    const before = this.#last;
    this.#last = (async () => {
      await before;
      await sleep(Math.max(0, arrivesMs - performance.now()));
      await arrive();
    })();
    this.#last.catch(() => {}); // the other side has ended
  }

  /** Waits until everything has arrived, and `close` has followed it, or the other side has ended. */
  async end(close: () => Promise<void>): Promise<void> {
    this.follow(close);
    try {
      await this.#last;
    } catch { // the other side has ended
    }
  }
}
