/**
 * The `echo` and `upper` handlers of the program, on each poller, with and without coroutines.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  assertSameBytes,
  type Combination,
  drip,
  leaveInTheMiddle,
  manyAtOnce,
  randomBytes,
  sendInPieces,
  testMatrix,
} from "../support/matrix.ts";
import { Random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { sleep } from "../support/sleep.ts";
import { Wire } from "../support/wire.ts";

const LARGE_BYTES = 3_000_000;
const HALF_CLOSED_BYTES = 300_000;
const SLOWLY_READ_BYTES = 1_500_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Transform = (bytes: Uint8Array) => Uint8Array;

const upperCase: Transform = (bytes) =>
  bytes.map((byte) => byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);

/** Reads as many bytes as were sent, or until the end. */
async function readBytes(wire: Wire, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let received = 0; received < length;) {
    const part = await wire.some();
    if (part === null) return bytes.subarray(0, received);
    bytes.set(part, received);
    received += part.length;
  }
  return bytes;
}

async function checkLarge({ port }: Combination, transform: Transform): Promise<void> {
  const random = new Random();
  const bytes = randomBytes(random, LARGE_BYTES);
  using wire = await Wire.connect(port);
  const sending = sendInPieces(wire, bytes, random);
  assertSameBytes(await readBytes(wire, bytes.length), transform(bytes), "in random pieces");
  await sending;
}

async function checkText({ port }: Combination, transform: Transform): Promise<void> {
  const text = encoder.encode("Aa zZ {`@[ äöü ßé 请输入正确的url \0\r\n\x7f ☃🎈");
  using wire = await Wire.connect(port);
  await drip(wire, text);
  assertEquals(decoder.decode(await readBytes(wire, text.length)), decoder.decode(transform(text)));
}

async function checkHalfClose({ port }: Combination, transform: Transform): Promise<void> {
  const bytes = randomBytes(new Random(), HALF_CLOSED_BYTES);
  using wire = await Wire.connect(port);
  const answer = wire.readToEnd();
  await wire.send(bytes);
  await wire.endInput();
  assertSameBytes(await answer, transform(bytes), "after a half-close");
  using silent = await Wire.connect(port);
  await silent.endInput();
  assert(await silent.isClosed());
}

async function checkSlowReader({ port }: Combination, transform: Transform): Promise<void> {
  const bytes = randomBytes(new Random(), SLOWLY_READ_BYTES);
  using client = await RawClient.connect(port, 20_000);
  const sending = client.send(bytes).then(() => client.endInput());
  await sleep(50);
  const answer = new Uint8Array(bytes.length + 1);
  let received = 0;
  for (let most = 1; received < answer.length; most = Math.min(most * 2, 30_000)) {
    const count = await client.receive(answer.subarray(received, received + most));
    if (count === 0) break;
    received += count;
  }
  assertSameBytes(answer.subarray(0, received), transform(bytes), "to a slow reader");
  await sending;
}

async function checkMany({ port }: Combination, transform: Transform): Promise<void> {
  await manyAtOnce(port, async (wire, i) => {
    for (const round of [1, 2]) {
      const text = encoder.encode(`client ${i}, round ${round}: ${"xyz".repeat(i)}`);
      await wire.send(text);
      assertSameBytes(await readBytes(wire, text.length), transform(text), `client ${i}`);
    }
  });
}

async function checkAll(combination: Combination, transform: Transform): Promise<void> {
  const { port } = combination;
  using witness = await Wire.connect(port);
  const witnessed = async (text: string) => {
    await witness.send(text);
    const wanted = transform(encoder.encode(text));
    assertEquals(decoder.decode(await readBytes(witness, wanted.length)), decoder.decode(wanted));
  };
  await witnessed("before");
  await checkText(combination, transform);
  await checkHalfClose(combination, transform);
  await Promise.all([checkLarge(combination, transform), checkSlowReader(combination, transform)]);
  await leaveInTheMiddle(port, randomBytes(new Random(), 200_000));
  await witnessed("after those who left");
  await checkMany(combination, transform);
  await witnessed("after the many");
}

testMatrix("echo", async (combination) => {
  await checkAll(combination, (bytes) => bytes);
  // An urgent byte does not concern the echo: it is not in the stream, and ends nothing.
  using client = await RawClient.connect(combination.port);
  await client.send("before");
  client.sendUrgent();
  await client.send(" and after");
  const echoed = new Uint8Array(16);
  assertEquals(await client.receive(echoed), 16);
  assertEquals(decoder.decode(echoed), "before and after");
});

testMatrix("upper", async (combination) => {
  await checkAll(combination, upperCase);
  using other = await Wire.connect(combination.port);
  await other.send("before ");
  assertEquals(decoder.decode(await readBytes(other, 7)), "BEFORE ");
  for (const text of ["", "some text", "x".repeat(100_000)]) {
    using client = await RawClient.connect(combination.port);
    const sending = client.send(text);
    const echoed = new Uint8Array(text.length);
    await client.receive(echoed);
    assertEquals(decoder.decode(echoed), text.toUpperCase());
    await sending;
    client.sendUrgent();
    await client.end();
  }
  { // the urgent byte follows so many bytes that it has arrived long before its position is read
    using client = await RawClient.connect(combination.port);
    client.trySend(new Uint8Array(100_000));
    client.sendUrgent();
    await client.end();
  }
  await other.send("and after");
  assertEquals(decoder.decode(await readBytes(other, 9)), "AND AFTER");
});
