/**
 * Runs many clients in one loop, with changes by the writer in between.
 * @module
 */
import { Buffer } from "node:buffer";
import { Epoll } from "../../ffi/select/epoll.ts";
import { close } from "../../ffi/socket/socket.ts";
import type { Random } from "../support/random.ts";
import { Client } from "./client.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { Http2Client } from "./http2_client.ts";
import type { Plan } from "./plans.ts";
import type { ClientHost, SoakClient } from "./socket_client.ts";
import { connectTo } from "./sockets.ts";
import type { Writer } from "./writer.ts";
import { sleep } from "../support/sleep.ts";

/** How often this process's own promises and timers get a turn. */
const YIELD_INTERVAL_MS = 50;
const SAMPLE_INTERVAL_MS = 100;
const WAIT_SECONDS = 0.001;
/** The most clients that wait for 408 at the same time, besides the others. */
const SILENT_MAX = 32;
/** After this many failures the run stops. */
const FAILURES_MAX = 10;
const SCRATCH_BYTES = 2 ** 18;

/** Counters of the run so far. */
export interface Counts {
  requests: number;
  connections: number;
  /** Complete responses that were compared. */
  answers: number;
  /** Bytes of their bodies. */
  bytes: number;
  /** Requests whose client left before it had the whole response. */
  left: number;
  changes: number;
}

export class Driver implements ClientHost {
  readonly epoll: Epoll = new Epoll();
  readonly random: Random;
  readonly scratch: Buffer<ArrayBuffer> = Buffer.alloc(SCRATCH_BYTES) as Buffer<ArrayBuffer>;
  now = 0;
  readonly counts: Counts = { requests: 0, connections: 0, answers: 0, bytes: 0, left: 0, changes: 0 };
  /** Responses by kind of request and status. */
  readonly byKind: Map<string, number> = new Map();
  /** Connections by behaviour. */
  readonly byBehaviour: Map<string, number> = new Map();
  readonly failures: string[] = [];
  readonly #port: number;
  readonly #writer: Writer;
  readonly #clients = new Map<number, SoakClient>();
  readonly #speaksHttp2: boolean;
  #silent = 0;
  /** Requests for which the writer has not made its changes yet. */
  #unmatched = 0;

  constructor(port: number, writer: Writer, random: Random, speaksHttp2: boolean) {
    this.#port = port;
    this.#speaksHttp2 = speaksHttp2;
    this.#writer = writer;
    this.random = random;
  }

  /**
   * Keeps `atOnce` clients connected while `goesOn` returns true, each with the next plan of `plans`. Then waits for
   * the remaining clients to end. Calls `sample` now and then.
   */
  async run(
    plans: (allowsSilent: boolean) => Plan,
    requestsPerChange: number,
    atOnce: number,
    goesOn: () => boolean,
    sample: () => void,
  ): Promise<void> {
    let yieldedMs = 0;
    let sampledMs = 0;
    while (this.failures.length < FAILURES_MAX) {
      this.now = performance.now();
      while (this.#clients.size - this.#silent < atOnce && goesOn()) {
        this.#connect(plans(this.#silent < SILENT_MAX));
      }
      if (this.#clients.size === 0) break;
      for (const [fd, events] of this.epoll.poll(WAIT_SECONDS)) this.#clients.get(fd)?.onReady(events);
      this.#wake();
      this.#change(requestsPerChange);
      if (this.now >= sampledMs + SAMPLE_INTERVAL_MS) {
        sampledMs = this.now;
        sample();
      }
      if (this.now >= yieldedMs + YIELD_INTERVAL_MS) {
        await sleep(0);
        yieldedMs = performance.now();
      }
    }
    for (const fd of this.#clients.keys()) close(fd); // after failures some are still open
    this.#clients.clear();
  }

  sent(): void {
    this.counts.requests++;
    this.#unmatched++;
  }

  judged(exchange: Exchange, answer: Answer, wrong: string | null): void {
    if (wrong !== null) {
      const request = JSON.stringify(exchange.request.toString("latin1", 0, 400));
      this.failures.push(`${exchange.kind}, request ${this.counts.requests}: ${request}\n  ${wrong}`);
    }
    this.counts.answers++;
    this.counts.bytes += answer.body.length;
    const coding = answer.fields["content-encoding"];
    const key = `${exchange.kind}: ${answer.status}${coding === undefined ? "" : ` ${coding}`}`;
    this.byKind.set(key, (this.byKind.get(key) ?? 0) + 1);
  }

  left(_exchange: Exchange): void {
    this.counts.left++;
  }

  finished(client: SoakClient, wrong: string | null): void {
    this.#clients.delete(client.fd);
    if (client.plan.waitsFor408) this.#silent--;
    if (wrong !== null) {
      this.failures.push(`connection ${this.counts.connections}, ${client.plan.behaviour}: ${wrong}`);
    }
  }

  [Symbol.dispose](): void {
    this.epoll.close();
  }

  #connect(plan: Plan): void {
    const [third, fourth] = [this.random.below(256), 1 + this.random.below(254)];
    const fd = connectTo(third, fourth, this.#port, plan.receiveBytes ?? 0);
    const client = this.#speaksHttp2 ? new Http2Client(fd, plan, this) : new Client(fd, plan, this);
    this.#clients.set(fd, client);
    if (plan.waitsFor408) this.#silent++;
    this.counts.connections++;
    this.byBehaviour.set(plan.behaviour, (this.byBehaviour.get(plan.behaviour) ?? 0) + 1);
    client.start();
  }

  #wake(): void {
    this.now = performance.now();
    for (const client of this.#clients.values()) {
      if (client.wakeMs <= this.now) client.onWake();
      else if (client.deadlineMs <= this.now) client.onOverdue();
    }
  }

  /** Lets the writer make its changes for the requests that were sent since the last call. */
  #change(requestsPerChange: number): void {
    if (requestsPerChange === Infinity) this.#unmatched = 0;
    for (; this.#unmatched >= requestsPerChange; this.#unmatched -= requestsPerChange) {
      this.#writer.step();
      this.counts.changes++;
    }
  }
}
