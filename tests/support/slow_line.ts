/**
 * A line between a browser and a server: it delays both directions, and limits what comes from the server.
 * @module
 */
import { sleep } from "./sleep.ts";

/** The bytes that travel together. At 8 Mbit/s they take 4 ms. */
const PART_BYTES = 4096;
/** Time that the line may make up for, because timers are late. */
const LATE_MS = 10;

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
  readonly #connections: Deno.TcpConn[] = [];
  readonly #work: Promise<void>[] = [];
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
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
      client.setNoDelay();
      server.setNoDelay();
      this.#connections.push(client, server);
      this.#work.push(this.#carry(client, server, false), this.#carry(server, client, true));
    }
  }

  /** Moves bytes until either side ends. What arrives is not read faster than the line sends it. */
  async #carry(from: Deno.TcpConn, to: Deno.TcpConn, isLimited: boolean): Promise<void> {
    let last: Promise<unknown> = Promise.resolve();
    try {
      for (;;) {
        const buffer = new Uint8Array(isLimited ? PART_BYTES : 65_536);
        const count = await from.read(buffer);
        if (count === null) break;
        let nowMs = performance.now();
        if (isLimited) {
          const takesMs = count / this.#line.bytesPerSecond * 1000;
          this.#freeMs = Math.max(this.#freeMs, nowMs - LATE_MS) + takesMs;
          await sleep(Math.max(0, this.#freeMs - nowMs));
          nowMs = performance.now();
        }
        const arrivesMs = nowMs + this.#line.roundTripMs / 2;
        const before = last;
        last = (async () => {
          await before;
          await sleep(Math.max(0, arrivesMs - performance.now()));
          for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
        })();
        last.catch(() => {}); // the other side has ended
      }
      await last;
      await to.closeWrite();
    } catch { // a side has ended
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) {
      try {
        connection.close();
      } catch { // it is closed
      }
    }
    await Promise.allSettled(this.#work);
    await sleep(this.#line.roundTripMs); // what is on its way has nowhere to go
  }
}
