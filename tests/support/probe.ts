/**
 * A source whose callbacks a test gives, and a reactor with such sources, on every poller.
 * @module
 */
import { assertEquals } from "@std/assert";
import { eventfdClear, eventfdCreate, eventfdSignal } from "../../ffi/libc/multiplexers.ts";
import { Interest, Readiness } from "../../server/loop/poller.ts";
import { createPoller, POLLER_NAMES } from "../../server/loop/pollers/mod.ts";
import { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";
import "./descriptors.ts";

/** What a probe does; `ready` is called for what is true only: its eventfd was signalled, or `again` asked for it. */
export interface ProbeCallbacks {
  ready?(probe: Probe, readiness: Readiness): void;
  turn?(probe: Probe): void;
  deadline?(probe: Probe): void;
  closed?(probe: Probe): void;
}

/** A source on an eventfd. */
export class Probe extends Source {
  readonly #on: ProbeCallbacks;
  /** How often it was woken, for nothing or not. */
  wakeUps = 0;

  constructor(on: ProbeCallbacks) {
    super(eventfdCreate());
    this.#on = on;
  }

  /** Makes it readable. */
  signal(): void {
    assertEquals(eventfdSignal(this.fd), 8);
  }

  override onReady(readiness: Readiness): void {
    this.wakeUps++;
    if (readiness === Readiness.NONE || eventfdClear(this.fd) === 8) this.#on.ready?.(this, readiness);
  }
  override onTurn(): void {
    this.#on.turn?.(this);
  }
  override onDeadline(): void {
    this.#on.deadline?.(this);
  }
  override onClosed(): void {
    this.#on.closed?.(this);
  }
}

/** A reactor and what it reported. */
export class Bench {
  readonly reactor: Reactor;
  readonly errors: [error: unknown, source: Source | null][] = [];

  constructor(name: (typeof POLLER_NAMES)[number]) {
    this.reactor = new Reactor(createPoller(name), (error, source) => this.errors.push([error, source]));
  }

  /** A new probe that is watched. What an edge tells at once, that an eventfd has room, is over already. */
  probe(on: ProbeCallbacks = {}, interest: Interest = Interest.READABLE): Probe {
    const probe = new Probe(on);
    assertEquals(this.reactor.register(probe, interest), 0);
    this.reactor.turn(0);
    return probe;
  }

  /** Runs the reactor while `body` runs. */
  async run(body: () => void | Promise<void>): Promise<void> {
    const running = this.reactor.run();
    try {
      await body();
    } finally {
      this.reactor.stop();
      await running;
    }
  }
}

/** One test for each poller: `body` gets a new reactor, which is ended afterwards unless it ended by itself. */
export function testOnAll(
  sentence: string,
  body: (bench: Bench, isNaive: boolean) => void | Promise<void>,
): void {
  for (const name of POLLER_NAMES) {
    Deno.test(`${name}: ${sentence}`, async () => {
      const bench = new Bench(name);
      let isOver = false;
      const { run } = bench;
      bench.run = (inner) => {
        isOver = true;
        return run.call(bench, inner);
      };
      try {
        await body(bench, name === "naive");
      } finally {
        if (!isOver) await bench.run(() => {});
      }
    });
  }
}
