/**
 * Handshakes of TLS that are cut, split or aborted at each byte, or slow, or long; with both versions, full and resumed.
 * Random changes: `deno task fuzz 60 handshakes`.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { concat } from "../../server/http/bytes.ts";
import { HANDSHAKES, HandshakeTarget, type Sent } from "../fuzz/handshakes.ts";
import type { Input } from "../fuzz/fuzz_target.ts";
import { Tampering } from "../fuzz/tampering.ts";
import { GREETING, talkTls } from "../fuzz/tls_talk.ts";
import { Site } from "../support/program.ts";
import { SEED } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { SecureProgram } from "../support/secure_program.ts";
import { TlsPeer } from "../support/tls_peer.ts";
import { fetchOnce } from "../support/tls_serving.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const POLLERS = ["epoll-edge", "epoll-level", "epoll-edge", "poll"] as const;
/** The number of connections after which descriptors are counted. */
const BATCH = 256;

/** Plays all inputs against the program with `poller`, and returns what came. */
async function playAll(
  target: HandshakeTarget,
  inputs: readonly Input[],
): Promise<{ readonly input: Input; readonly responses: number }[]> {
  const results: { input: Input; responses: number }[] = [];
  for (let at = 0; at < inputs.length; at += BATCH) {
    const batch = inputs.slice(at, at + BATCH);
    const heard = await target.play(batch, SEED, at);
    batch.forEach((input, i) =>
      results.push({ input, responses: heard[i]!.text.split(GREETING).length - 1 })
    );
  }
  return results;
}

/** Returns how many requests a client has sent whole that ends after `at` bytes. */
function requestsIn({ records, bytes }: Sent, isTls13: boolean, at: number): number {
  const ends = [...records.slice(1), bytes]; // the last records: request, (new keys,) request, close_notify
  return [ends.at(isTls13 ? -4 : -3)!, ends.at(-2)!].filter((end) => end <= at).length;
}

for (const [i, kind] of HANDSHAKES.entries()) {
  const poller = POLLERS[i]!;
  Deno.test(`TLS ${kind}: split at any byte, both requests are answered; after an end at any byte, those that came (${poller})`, async () => {
    const target = new HandshakeTarget(poller);
    try {
      const sent = await target.sent(kind);
      const inputs: Input[] = [[kind, "cuts"], [kind, "cuts;pause 1"]];
      for (let at = 1; at < sent.bytes; at++) inputs.push([kind, `cut ${at};pause 2`]);
      for (let at = 0; at < sent.bytes; at++) inputs.push([kind, `end ${at} fin`], [kind, `end ${at} rst`]);
      assert(inputs.length > 1200, `${inputs.length}`);
      for (const { input, responses } of await playAll(target, inputs)) {
        const [, at] = /^end (\d+) fin/.exec(input[1]!) ?? [];
        if (at === undefined) continue;
        assertEquals(responses, requestsIn(sent, kind.startsWith("1.3"), Number(at)), input[1]);
      }
    } finally {
      await target.close();
    }
  });
}

Deno.test("clients whose handshakes come too slowly are closed at the deadline, and others are served meanwhile", async () => {
  using site = new Site({ "index.html": GREETING });
  await using secure = await SecureProgram.start(site.root, ["--handshake-timeout", "2s"]);
  const { port, program } = secure;
  const slow = new Tampering("cuts;pause 20"); // the first message alone takes four seconds
  const scripts = Array.from({ length: 40 }, (_, i) => ({
    options: { version: i % 2 === 0 ? 0x0303 : 0x0304 },
    tampering: i % 4 === 3 ? new Tampering("") : slow,
  }));
  for (const [i, { end, text, ms }] of talkTls(port, scripts).entries()) {
    if (i % 4 === 3) {
      assertEquals(text.split(GREETING).length - 1, 2);
      assert(ms < 1800, `it waited for ${ms} ms`);
    } else {
      assert(typeof end === "number", `${end}`);
      assertEquals(text, "");
      assert(ms > 1800 && ms < 5000, `it was closed after ${ms} ms`);
    }
  }
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

/** Returns a ClientHello with `bytes` more, in records of `recordBytes` (RFC 8446 §4.1.2, §5.1). */
function longHello(bytes: number, recordBytes: number): Bytes {
  using peer = new TlsPeer({ serverName: "localhost" });
  peer.advance();
  const hello = peer.take().slice(5);
  const view = new DataView(hello.buffer);
  let at = 4 + 2 + 32; // type and length, version, random
  at += 1 + view.getUint8(at); // the session
  at += 2 + view.getUint16(at); // the suites
  at += 1 + view.getUint8(at); // the compressions
  const extension = new Uint8Array(4 + bytes);
  new DataView(extension.buffer).setUint16(0, 0xfafa); // one that is not known
  new DataView(extension.buffer).setUint16(2, bytes);
  view.setUint16(at, view.getUint16(at) + extension.length);
  const length = hello.length - 4 + extension.length;
  hello.set([length >> 16, (length >> 8) & 0xff, length & 0xff], 1);
  const message = concat([hello, extension]);
  const records: Bytes[] = [];
  for (let from = 0; from < message.length; from += recordBytes) {
    const part = message.slice(from, from + recordBytes);
    records.push(Uint8Array.of(22, 3, 1, part.length >> 8, part.length & 0xff), part);
  }
  return concat(records);
}

for (const poller of ["epoll-edge", "epoll-level"]) {
  Deno.test(`a first message of any length that TLS allows is answered, in records of any length (${poller})`, async () => {
    using site = new Site({ "index.html": GREETING });
    await using secure = await SecureProgram.start(site.root, ["--poller", poller]);
    const answer = new Uint8Array(1);
    for (const bytes of [1000, 16_000, 16_384, 20_000, 40_000, 60_000]) {
      for (const recordBytes of [100, 1000, 16_000, 16_384]) {
        for (const pieceBytes of [1e6, 5000]) {
          using client = await RawClient.connect(secure.port);
          const hello = longHello(bytes, recordBytes);
          for (let at = 0; at < hello.length; at += pieceBytes) {
            await client.send(hello.slice(at, at + pieceBytes));
          }
          const beganMs = performance.now();
          assertEquals(await client.receive(answer), 1);
          const what = `${bytes} bytes more, in records of ${recordBytes}`;
          assertEquals(answer[0], 22, `${what}: an alert`);
          assert(performance.now() - beganMs < 5000, `${what}: it was left waiting`);
        }
      }
    }
    assertEquals(await fetchOnce(secure.port, "/"), GREETING);
    secure.program.kill("SIGTERM");
    assertEquals(await secure.program.finish(), { code: 0, signal: null, stderr: "" });
  });
}
