/**
 * examples/completion/: the handlers of bytes on io_uring, with real clients.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fill } from "../support/descriptors.ts";
import { DENO, Program, REPOSITORY } from "../support/program.ts";
import { noise, Random, SEED } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { URING_ABSENCE } from "../support/uring.ts";
import { eventually } from "../support/waiting.ts";
import { Wire } from "../support/wire.ts";

const decoder = new TextDecoder();
/** More clients than the server has memory to receive into. */
const CROWD = 600;

function start(handler: string): Promise<Program> {
  const main = `${REPOSITORY}examples/completion/main.ts`;
  return Program.startCommand([...DENO, "run", "--no-prompt", "--allow-ffi", main, "0", handler]);
}

function completionTest(sentence: string, body: () => Promise<void>): void {
  Deno.test({ name: `completion: ${sentence}`, ignore: URING_ABSENCE !== null, fn: body });
}

/** Sends `bytes` in pieces of random lengths, and ends the client's half. */
async function sendInPieces(wire: Wire, bytes: Uint8Array, random: Random): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random.below(random.oneIn(2) ? 100 : 60_000);
    await wire.send(bytes.subarray(at, at + length));
    at += length;
  }
  await wire.endInput();
}

/** The number of the server's descriptors. */
function descriptorsOf(program: Program): number {
  return Array.from(Deno.readDirSync(`/proc/${program.pid}/fd`)).length;
}

/** Fails unless the server answers a new client. */
async function assertServes(program: Program): Promise<void> {
  using wire = await Wire.connect(program.port);
  await wire.send("still there?");
  await wire.endInput();
  assertEquals(decoder.decode(await wire.readToEnd()), "still there?");
}

completionTest("several clients get back megabytes that they send in random pieces", async () => {
  await using program = await start("echo");
  await Promise.all([1, 2, 3, 4, 5].map(async (number) => {
    const bytes = noise(3_000_000, SEED + number);
    using wire = await Wire.connect(program.port);
    const sending = sendInPieces(wire, bytes, new Random(SEED + number));
    const echoed = await wire.readToEnd();
    await sending;
    assertEquals(echoed.length, bytes.length, `EPOLLET_SEED=${SEED}`);
    assert(echoed.every((byte, i) => byte === bytes[i]), `other bytes: EPOLLET_SEED=${SEED}`);
  }));
});

completionTest("a request in pieces gets one answer and the end of the connection", async () => {
  await using program = await start("hello");
  using wire = await Wire.connect(program.port);
  await wire.send("GET / HT");
  await wire.send("TP/1.0\r\nHost: x\r");
  await wire.send("\n\r\nand what comes after the head");
  const answer = decoder.decode(await wire.readToEnd());
  assertMatch(
    answer,
    /^HTTP\/1\.0 200 OK\r\nDate: [^\r]* GMT\r\nContent-Type: text\/plain\r\nContent-Length: 13\r\n\r\nHello, world!$/,
  );
  await program.printed(/GET \/ HTTP\/1\.0\nHost: x/);
});

completionTest("a client that ends before it reads gets everything, and then the end", async () => {
  await using program = await start("echo");
  const bytes = noise(1_000_000, SEED);
  using client = await RawClient.connect(program.port, 4096);
  await client.send(bytes.subarray(0, 100_000));
  client.endInput();
  const echoed = new Uint8Array(100_001);
  assertEquals(await client.receive(echoed), 100_000);
  assertEquals(echoed.subarray(0, 100_000), bytes.subarray(0, 100_000));
});

completionTest("all are answered when more send at once than there is memory for", async () => {
  await using program = await start("echo");
  const before = descriptorsOf(program);
  const wires = await Promise.all(Array.from({ length: CROWD }, () => Wire.connect(program.port)));
  try {
    await eventually(() => descriptorsOf(program) >= before + CROWD, "not all are accepted");
    program.kill("SIGSTOP");
    const text = (i: number) => `client ${i} of ${CROWD};`.repeat(20 + i % 50);
    for (const [i, wire] of wires.entries()) {
      await wire.send(text(i));
      await wire.endInput();
    }
    program.kill("SIGCONT");
    await Promise.all(
      wires.map(async (wire, i) => assertEquals(decoder.decode(await wire.readToEnd()), text(i))),
    );
    for (const wire of wires) wire[Symbol.dispose]();
    await eventually(() => descriptorsOf(program) <= before, "descriptors are left open");
  } finally {
    program.kill("SIGCONT");
    for (const wire of wires) wire[Symbol.dispose]();
  }
});

completionTest("nothing is received from a client that does not read, and it loses nothing", async () => {
  await using program = await start("echo");
  using client = await RawClient.connect(program.port);
  const bytes = noise(1 << 20, SEED);
  let sent = 0;
  // Ends when neither socket takes any more: a server that received on would let this go on, or close the connection.
  for (let refusals = 0; refusals < 1000;) {
    const count = client.trySend(bytes.subarray(sent % bytes.length));
    if (count > 0) {
      sent += count;
      refusals = 0;
      assert(sent < 64 << 20, "the server receives without end");
    } else {
      refusals++;
      await assertServes(program);
      if (refusals > 20) break;
    }
  }
  client.endInput();
  const echoed = new Uint8Array(sent + 1);
  assertEquals(await client.receive(echoed), sent);
  for (let at = 0; at < sent; at++) {
    if (echoed[at] !== bytes[at % bytes.length]) {
      throw new Error(`another byte at ${at}: EPOLLET_SEED=${SEED}`);
    }
  }
});

completionTest(
  "clients that leave by a reset, in the middle of everything, leave nothing behind",
  async () => {
    await using program = await start("echo");
    await assertServes(program);
    const before = descriptorsOf(program);
    for (let round = 0; round < 3; round++) {
      const leaving = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(program.port)));
      const staying = await Promise.all(Array.from({ length: 40 }, () => Wire.connect(program.port)));
      fill(leaving[0]!.fd); // its answers wait for the socket
      program.kill("SIGSTOP");
      for (const client of leaving.slice(1)) await client.send("an echo that is not awaited");
      for (const [i, wire] of staying.entries()) await wire.send(`round ${round}, client ${i}`);
      for (const client of leaving) client.reset();
      // Their descriptors are used again while completions for the former clients are on their way.
      const coming = Array.from({ length: 40 }, () => Wire.connect(program.port));
      program.kill("SIGCONT");
      for (const [i, wire] of (await Promise.all(coming)).entries()) {
        staying.push(wire);
        await wire.send(`round ${round}, client ${40 + i}`);
      }
      await Promise.all(staying.map(async (wire, i) => {
        await wire.endInput();
        assertEquals(decoder.decode(await wire.readToEnd()), `round ${round}, client ${i}`);
        wire[Symbol.dispose]();
      }));
    }
    await eventually(() => descriptorsOf(program) <= before, "descriptors are left open");
    await assertServes(program);
  },
);

completionTest("many connections with one request each get whole answers", async () => {
  await using program = await start("hello");
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 50 }, async () => {
      using wire = await Wire.connect(program.port);
      await wire.send("GET / HTTP/1.0\r\n\r\n");
      const answer = await wire.expect();
      assertEquals([answer.status, answer.text], [200, "Hello, world!"]);
    }));
  }
});
