/**
 * With HTTP/2, too, every call that a connection makes on its socket may fail, with each error, with level and edge trigger,
 * and over TLS. The client gets its responses or their beginnings, the connection ends when the client does, what handlers
 * hold is released, no exception is logged, and nothing spins.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN, ECONNRESET, EIO, ENOBUFS, errnoName } from "../../ffi/libc/errno.ts";
import { Readiness } from "../../server/loop/poller.ts";
import {
  HTTP2_SCENARIOS,
  type Http2Scenario,
  notBeginning,
  type Streams,
  streamsOf,
} from "../faults/http2_scenarios.ts";
import { type Fault, SecureLine } from "../faults/secure_line.ts";
import { FATAL, FURTHER_CALLS_MAX, HARMLESS, tamper } from "../faults/walk.ts";
import { calm } from "../support/exchanges.ts";

const TLS1_3 = 0x0304;
/** Some of the errors after which a connection ends: each handshake takes a millisecond. */
const FATAL_SECURE = [ECONNRESET, ENOBUFS, EIO];
const NO_FAULT: Fault = { when: 0, errno: 0 };

interface Result {
  readonly streams: Streams;
  readonly calls: number;
}

/** Plays a scenario to the client's end; `pieces` is how many bytes arrive at a time. */
async function play(
  { arrivals, open }: Http2Scenario,
  trigger: "level" | "edge",
  { when, errno, capacity = Infinity }: Fault,
  pieces = Infinity,
): Promise<Result> {
  const stage = open(trigger);
  using scripted = stage.scripted;
  scripted.host.clock.update(0); // its date is in all responses
  const { socket } = scripted;
  socket.capacity = capacity;
  const counter = tamper(socket, when, errno);
  const ready = async (readiness: Readiness) => {
    scripted.wake(readiness);
    await calm(scripted);
    for (let i = 0; errno === EAGAIN && i < 2; i++) { // after a false claim that nothing is there, or fits
      scripted.wake(readiness | Readiness.WRITABLE);
      await calm(scripted);
    }
  };
  for (const arrival of arrivals) {
    for (let at = 0; at < arrival.length && scripted.state !== "closed"; at += pieces) {
      socket.incoming.push(arrival.slice(at, Math.min(at + pieces, arrival.length)));
      await ready(Readiness.READABLE);
    }
  }
  if (scripted.state !== "closed") {
    socket.incoming.push("end");
    await ready(Readiness.READABLE | Readiness.HANGUP);
  }
  assertEquals([scripted.state, scripted.closedCount], ["closed", 1]);
  assertEquals(scripted.errors, []);
  assertEquals(stage.held(), 0, "something is held, or was given back twice");
  return { streams: streamsOf(socket.text), calls: counter.calls };
}

/** Plays a scenario over TLS. */
async function playSecure(
  { arrivals, open }: Http2Scenario,
  trigger: "level" | "edge",
  fault: Fault,
): Promise<Result> {
  using line = new SecureLine(open, trigger, TLS1_3, fault);
  line.peer.advance();
  await line.exchange();
  for (const arrival of arrivals) if (!line.isClosed) await line.say(arrival);
  if (!line.isClosed) await line.exchange();
  if (!line.isClosed) await line.end();
  const { scripted, stage, peer } = line;
  assertEquals([scripted.state, scripted.closedCount], ["closed", 1]);
  assertEquals(scripted.errors, []);
  assertEquals(stage.held(), 0, "something is held, or was given back twice");
  assertEquals(peer.failure, "", "the client cannot read what came");
  return { streams: streamsOf(line.text), calls: line.counter.calls };
}

for (const isSecure of [false, true]) {
  for (const scenario of HTTP2_SCENARIOS) {
    for (const trigger of ["level", "edge"] as const) {
      const name = `HTTP/2${isSecure ? " over TLS" : ""}, ${scenario.name}`;
      const run = (fault: Fault) =>
        isSecure ? playSecure(scenario, trigger, fault) : play(scenario, trigger, fault);

      Deno.test(`${name}: any call may fail, with any error (${trigger})`, async () => {
        const whole = await run(NO_FAULT);
        assert(whole.streams.size > 2);
        for (const errno of [...HARMLESS, ...(isSecure ? FATAL_SECURE : FATAL)]) {
          for (let when = 1; when <= whole.calls; when++) {
            const what = `call ${when} of ${whole.calls}: ${errnoName(errno)}`;
            let result: Result;
            try {
              result = await run({ when, errno });
            } catch (error) {
              throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
            }
            assertEquals(notBeginning(result.streams, whole.streams), null, what);
            if (HARMLESS.includes(errno) && !scenario.readsFile) {
              assertEquals(result.streams, whole.streams, what);
            }
            assert(result.calls <= whole.calls + FURTHER_CALLS_MAX, `${what}: ${result.calls} calls`);
          }
        }
      });

      Deno.test(`${name}: a few bytes at a time, in both directions (${trigger})`, async () => {
        const whole = await run(NO_FAULT);
        if (isSecure) {
          assertEquals((await run({ ...NO_FAULT, isBytewise: true })).streams, whole.streams);
          assertEquals((await run({ ...NO_FAULT, capacity: 97 })).streams, whole.streams);
        } else {
          assertEquals((await play(scenario, trigger, NO_FAULT, 1)).streams, whole.streams);
          assertEquals((await run({ ...NO_FAULT, capacity: 7 })).streams, whole.streams);
        }
      });
    }
  }
}
