/**
 * With TLS, too, every call that a connection makes on its socket or a file may fail, with each error, in the handshake,
 * requests, responses, new keys and the end, with level and edge trigger. The client gets the response or its beginning,
 * and no byte that it cannot decrypt; the connection ends when the client does, and nothing is held or spins.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ECONNRESET, EIO, ENOBUFS, errnoName } from "../../ffi/libc/errno.ts";
import { type Fault, SecureLine } from "../faults/secure_line.ts";
import { SECURE_SCENARIOS, type SecureScenario } from "../faults/secure_scenarios.ts";
import { FURTHER_CALLS_MAX, HARMLESS } from "../faults/walk.ts";

/** Some of the errors after which a connection ends: each handshake takes a millisecond. */
const FATAL = [ECONNRESET, ENOBUFS, EIO];
const NO_FAULT: Fault = { when: 0, errno: 0 };

interface Result {
  readonly text: string;
  readonly calls: number;
}

/**
 * Plays a scenario to the client's end. Before that, the connection has to be closed, or the client to have the `whole`
 * text: otherwise both would wait for each other until a deadline.
 */
async function play(
  scenario: SecureScenario,
  trigger: "level" | "edge",
  fault: Fault,
  whole: string | null = null,
): Promise<Result> {
  using line = new SecureLine(scenario.open, trigger, scenario.version, fault);
  const { scripted, peer, stage } = line;
  peer.advance();
  await line.exchange();
  for (const step of scenario.steps) if (!line.isClosed) await step(line);
  scripted.socket.capacity = fault.capacity ?? Infinity; // a step that was left out may have had to do that
  if (!line.isClosed) await line.exchange();
  assert(line.isClosed || whole === null || line.text === whole, "the client waits, and so does the server");
  if (!line.isClosed) await line.end();
  assertEquals([scripted.state, scripted.closedCount], ["closed", 1]);
  assertEquals(scripted.errors, []);
  assertEquals(stage.held(), 0, "something is held, or was given back twice");
  assertEquals(peer.failure, "", "the client cannot read what came");
  return { text: line.text, calls: line.counter.calls };
}

for (const scenario of SECURE_SCENARIOS) {
  for (const trigger of ["level", "edge"] as const) {
    Deno.test(`TLS, ${scenario.name}: any call on the socket may fail, with any error (${trigger})`, async () => {
      const whole = await play(scenario, trigger, NO_FAULT);
      assert(whole.text.length > 0);
      for (const errno of [...HARMLESS, ...FATAL]) {
        for (let when = 1; when <= whole.calls; when++) {
          const what = `call ${when} of ${whole.calls}: ${errnoName(errno)}`;
          let result: Result;
          try {
            result = await play(scenario, trigger, { when, errno }, whole.text);
          } catch (error) {
            throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
          }
          const { text, calls } = result;
          assert(whole.text.startsWith(text), `${what}: ${JSON.stringify(text.slice(0, 1000))}`);
          if (HARMLESS.includes(errno)) assertEquals(text, whole.text, what);
          assert(calls <= whole.calls + FURTHER_CALLS_MAX, `${what}: ${calls} calls`);
        }
      }
    });

    Deno.test(`TLS, ${scenario.name}: one byte at a time, in both directions (${trigger})`, async () => {
      const whole = await play(scenario, trigger, NO_FAULT);
      const inward = await play(scenario, trigger, { ...NO_FAULT, isBytewise: true }, whole.text);
      assertEquals(inward.text, whole.text);
      // Each piece of a held flight is copied, and a longer response would take minutes.
      const capacity = whole.text.length > 5000 ? 97 : 1;
      assertEquals((await play(scenario, trigger, { ...NO_FAULT, capacity }, whole.text)).text, whole.text);
    });
  }
}
