/**
 * Tests of every poller, with and without coroutines, with the same clients.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { HandlerName } from "../../handlers/names.ts";
import type { PollerName } from "../../server/loop/poller.ts";
import { Program, programCommand, REPOSITORY } from "./program.ts";
import { Random, SEED } from "./random.ts";
import { RawClient } from "./raw_client.ts";
import { sleep } from "./sleep.ts";
import { get, Wire } from "./wire.ts";
import { USABLE_POLLERS } from "./uring.ts";

const PROGRAMS_AT_ONCE = 2;
export const CLIENTS_AT_ONCE = 500;

/** The arguments of a check. */
export interface Combination {
  readonly program: Program;
  readonly port: number;
  readonly poller: PollerName;
  readonly isCoroutine: boolean;
}

/**
 * Registers the tests of a handler: on each poller, with and without coroutines, runs `check` and then ends the
 * server in order.
 */
export function testMatrix(
  handler: HandlerName,
  check: (combination: Combination) => Promise<void>,
  cwd: string = REPOSITORY,
): void {
  Deno.test(`${handler} on every poller, by callbacks and by coroutines`, async () => {
    const rows = USABLE_POLLERS.flatMap((poller) =>
      [false, true].map((isCoroutine) => [poller, isCoroutine] as const)
    );
    const work = async () => {
      for (let row = rows.shift(); row !== undefined; row = rows.shift()) {
        await runRow(handler, row, check, cwd);
      }
    };
    // All are awaited, so that no failure affects the next test.
    const ends = await Promise.allSettled(Array.from({ length: PROGRAMS_AT_ONCE }, work));
    const failures = ends.flatMap((end) => end.status === "rejected" ? [end.reason] : []);
    if (failures.length > 0) throw failures[0];
  });
}

async function runRow(
  handler: HandlerName,
  [poller, isCoroutine]: readonly [PollerName, boolean],
  check: (combination: Combination) => Promise<void>,
  cwd: string,
): Promise<void> {
  const flags = ["--poller", poller, ...(isCoroutine ? ["--coroutine"] : []), "--handler", handler];
  try {
    await using program = await Program.startCommand(programCommand(["--port", "0", ...flags]), cwd);
    const { port } = program;
    const greeting = handler === "static"
      ? `http服务器使用的port:${port}\nServing ./html at http://127.0.0.1:${port}/\n`
      : `Serving ${handler} at 127.0.0.1:${port}\n`;
    assertEquals(program.greeting, greeting);
    // Connected before the others; accepted now, or it would be reset at the end.
    using idle = await Wire.connect(port);
    await check({ program, port, poller, isCoroutine });
    if (handler === "static") { // a silent client may be accepted only after a second (TCP_DEFER_ACCEPT)
      await idle.send(get("/"));
      await idle.expect();
    }
    program.kill("SIGTERM");
    assert(await idle.isClosed());
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
  } catch (error) {
    const message = error instanceof Error ? error.stack ?? error.message : String(error);
    throw new Error(`${flags.join(" ")} (EPOLLET_SEED=${SEED}): ${message}`, { cause: error });
  }
}

/** Returns random bytes, the same for the same seed. */
export function randomBytes(random: Random, length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.below(2 ** 32);
  return new Uint8Array(words.buffer, 0, length);
}

/** Compares bytes without listing megabytes when they differ. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  for (let i = 0; i < Math.min(actual.length, expected.length); i++) {
    if (actual[i] !== expected[i]) throw new Error(`${what}: byte ${i} is ${actual[i]}, not ${expected[i]}`);
  }
  assertEquals(actual.length, expected.length, `${what}: the length`);
}

/** Sends the bytes in pieces of random sizes. */
export async function sendInPieces(wire: Wire, bytes: Uint8Array, random: Random): Promise<void> {
  for (let start = 0; start < bytes.length;) {
    const length = 1 + random.below(random.pick([10, 1000, 100_000]));
    await wire.send(bytes.subarray(start, start + length));
    start += length;
  }
}

/** Sends the bytes one by one, each in its own packet if possible. */
export async function drip(wire: Wire, bytes: Uint8Array): Promise<void> {
  (wire.connection as Deno.TcpConn).setNoDelay(true);
  for (let i = 0; i < bytes.length; i++) {
    await wire.send(bytes.subarray(i, i + 1));
    if (i % 5 === 0) await sleep(1);
  }
}

/** Connects clients that send `request` and leave before the end of the response, by a reset or with unread bytes. */
export async function leaveInTheMiddle(port: number, request: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let i = 0; i < 8; i++) {
    const client = await RawClient.connect(port, i % 2 === 0 ? 4096 : undefined);
    client.trySend(request);
    if (i % 4 >= 2) await sleep(5);
    if (i % 2 === 0) client.reset();
    else client[Symbol.dispose]();
  }
}

/** Connects `count` clients before the first of them calls `talk`. */
export async function manyAtOnce(
  port: number,
  talk: (wire: Wire, i: number) => Promise<void>,
): Promise<void> {
  const wires = await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, () => Wire.connect(port)));
  try {
    await Promise.all(wires.map(talk));
  } finally {
    for (const wire of wires) wire[Symbol.dispose]();
  }
}
