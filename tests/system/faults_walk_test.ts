/**
 * Makes every call that a connection makes on its socket fail, with each error, in each scenario, with level and edge
 * trigger. The client gets the response or its beginning, the connection ends when the client does, its resources are
 * released once, no exception is logged, and nothing spins.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN, errnoName } from "../../ffi/libc/errno.ts";
import { Readiness } from "../../server/loop/poller.ts";
import { type Scenario, SCENARIOS, type Stage } from "../faults/scenarios.ts";
import { FATAL, FURTHER_CALLS_MAX, HARMLESS, tamper } from "../faults/walk.ts";
import { calm } from "../support/exchanges.ts";
import type { ScriptedSocket } from "../support/scripted.ts";

interface Result {
  readonly text: string;
  readonly calls: number;
}

/**
 * Plays a scenario to the client's end. Each arrival is reported once, like an edge. It is reported again only after
 * a false claim that nothing is there, or fits.
 */
async function play(
  scenario: Scenario,
  trigger: "level" | "edge",
  prepare: (socket: ScriptedSocket) => { calls: number },
  errno = 0,
): Promise<Result> {
  const stage: Stage = scenario.open(trigger);
  using scripted = stage.scripted;
  scripted.host.clock.update(0); // its date is in all responses
  const counter = prepare(scripted.socket);
  const ready = async (readiness: Readiness) => {
    scripted.wake(readiness);
    await calm(scripted);
    for (let i = 0; errno === EAGAIN && i < 2; i++) {
      scripted.wake(readiness | Readiness.WRITABLE);
      await calm(scripted);
    }
  };
  for (const arrival of scenario.arrivals) {
    if (scripted.state === "closed") break;
    scripted.socket.incoming.push(new TextEncoder().encode(arrival));
    await ready(Readiness.READABLE);
  }
  scripted.socket.incoming.push("end");
  await ready(Readiness.READABLE | Readiness.HANGUP);
  assertEquals([scripted.state, scripted.closedCount], ["closed", 1]);
  assertEquals(scripted.errors, []);
  assertEquals(stage.held(), 0, "something is held, or was given back twice");
  return { text: scripted.socket.text, calls: counter.calls };
}

for (const scenario of SCENARIOS) {
  for (const trigger of ["level", "edge"] as const) {
    Deno.test(`${scenario.name}: any call on the socket may fail, with any error (${trigger})`, async () => {
      const whole = await play(scenario, trigger, (socket) => tamper(socket, 0, 0));
      assert(whole.text.length > 0);
      for (const errno of [...HARMLESS, ...FATAL]) {
        for (let when = 1; when <= whole.calls; when++) {
          const what = `call ${when} of ${whole.calls}: ${errnoName(errno)}`;
          let result: Result;
          try {
            result = await play(scenario, trigger, (socket) => tamper(socket, when, errno), errno);
          } catch (error) {
            throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
          }
          const { text, calls } = result;
          assert(whole.text.startsWith(text), `${what}: ${JSON.stringify(text)}`);
          if (HARMLESS.includes(errno)) assertEquals(text, whole.text, what);
          assert(calls <= whole.calls + FURTHER_CALLS_MAX, `${what}: ${calls} calls`);
        }
      }
    });

    Deno.test(`${scenario.name}: one byte at a time (${trigger})`, async () => {
      const whole = await play(scenario, trigger, (socket) => tamper(socket, 0, 0));
      const bytes = await play(scenario, trigger, (socket) => {
        socket.capacity = 1;
        return tamper(socket, 0, 0);
      });
      assertEquals(bytes.text, whole.text);
      assert(bytes.calls <= whole.calls + whole.text.length, `${bytes.calls} calls`);
    });
  }
}
