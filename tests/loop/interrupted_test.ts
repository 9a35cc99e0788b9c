/**
 * Sources that are interrupted in each turn, and how many of them leave room for new events.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { eventfdCreate } from "../../ffi/libc/multiplexers.ts";
import { EVENTS_PER_TURN_MAX } from "../../server/limits.ts";
import { Interest, Readiness, type ReadyList } from "../../server/loop/poller.ts";
import { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";
import { ScriptedPoller } from "../support/scripted.ts";

class CountingPoller extends ScriptedPoller {
  waits = 0;

  override wait(ready: ReadyList): number {
    this.waits++;
    return super.wait(ready);
  }
}

/** Is interrupted in each turn, until `turns` is used up. */
class Busy extends Source {
  readonly #reactor: Reactor;
  woken = 0;
  turns = Infinity;

  constructor(reactor: Reactor) {
    super(eventfdCreate());
    this.#reactor = reactor;
  }

  override onReady(): void {
    if (++this.woken < this.turns) this.#reactor.again(this);
  }
}

Deno.test("with many interrupted sources every other turn asks the poller for no events; with few none does", () => {
  for (const count of [1, EVENTS_PER_TURN_MAX / 2 - 1, EVENTS_PER_TURN_MAX / 2, 300]) {
    const poller = new CountingPoller("edge");
    const reactor = new Reactor(poller);
    const sources = Array.from({ length: count }, () => new Busy(reactor));
    for (const source of sources) {
      assertEquals(reactor.register(source, Interest.READABLE), 0);
      reactor.again(source);
    }
    const other = new Busy(reactor);
    other.turns = 0;
    assertEquals(reactor.register(other, Interest.READABLE), 0);
    for (let turn = 0; turn < 20; turn++) {
      poller.next.push([other.fd, Readiness.READABLE]);
      reactor.turn(0);
    }
    assertEquals(poller.waits, count < EVENTS_PER_TURN_MAX / 2 ? 20 : 10, `${count} sources`);
    assert(sources.every(({ woken }) => woken === 20), "each is woken in each turn");
    assert(other.woken >= 10, "no event is lost");
    reactor.close();
  }
});
