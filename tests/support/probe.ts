/**
 * A source with callbacks of a test, and a reactor with such sources, on every poller.
 * @module
 */
import { assertEquals } from "@std/assert";
import { eventfdClear, eventfdCreate, eventfdSignal } from "../../ffi/libc/multiplexers.ts";
import { Interest, Readiness } from "../../server/loop/poller.ts";
import { createPoller } from "../../server/loop/pollers/mod.ts";
import { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";
import "./descriptors.ts";
import { USABLE_POLLERS } from "./uring.ts";

/**
 * The callbacks of a probe. `ready` is called only for a real reason: the eventfd was signalled, or `again` was
 * called.
 */
export interface ProbeCallbacks {
  ready?(probe: Probe, readiness: Readiness): void;
  turn?(probe: Probe): void;
  deadline?(probe: Probe): void;
  closed?(probe: Probe): void;
}

/** A source on an eventfd. */
export class Probe extends Source {
  readonly #on: ProbeCallbacks;
  /** The number of wake-ups, with or without a reason. */
  wakeUps = 0;

  constructor(on: ProbeCallbacks) {
    super(eventfdCreate());
    this.#on = on;
  }

  /** Makes the eventfd readable. */
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

/** A reactor, and the errors that it reported. */
export class Bench {
  readonly reactor: Reactor;
  readonly errors: [error: unknown, source: Source | null][] = [];

  constructor(name: (typeof USABLE_POLLERS)[number]) {
    this.reactor = new Reactor(createPoller(name), (error, source) => this.errors.push([error, source]));
  }

  /** Adds a new probe. The first edge, that an eventfd is writable, has passed already. */
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

/** Registers a test for each poller. `body` gets a new reactor, which is ended afterwards if it is still running. */
export function testOnAll(
  sentence: string,
  body: (bench: Bench, isNaive: boolean) => void | Promise<void>,
): void {
  for (const name of USABLE_POLLERS) {
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
