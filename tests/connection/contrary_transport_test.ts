/**
 * Connections on a transport that waits for the other direction, gives and takes less than it could, and holds bytes
 * back: each request is answered all the same, in order, by what the poller is asked for.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { HttpResponse } from "../../server/http/response.ts";
import { Interest, Readiness } from "../../server/loop/poller.ts";
import { Bytes } from "../../server/protocols/bytes/bytes.ts";
import type { Protocol } from "../../server/protocols/bytes/session.ts";
import { ContraryTransport } from "../support/contrary_transport.ts";
import { type Random, repeat } from "../support/random.ts";
import { answer, describe, onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

/** Reports what the poller is asked for, until the connection waits for input only, and there is none. */
function run(scripted: Scripted, contrary: ContraryTransport): void {
  for (let rounds = 0;; rounds++) {
    assert(rounds < 10_000, "the connection does not come to an end");
    if (scripted.closedCount > 0) return;
    const interest = scripted.interest ?? Interest.NONE;
    const wants = contrary.wants();
    assertEquals(interest & wants, wants, "the poller is asked for what the transport wants");
    const isInputLeft = scripted.socket.incoming.length > 0;
    let readiness = Readiness.NONE;
    if (interest & Interest.READABLE && (isInputLeft || wants & Interest.READABLE)) {
      readiness |= Readiness.READABLE;
    }
    // A socket that takes everything is always writable. An edge is told once, so it has to be waited for.
    if (interest & Interest.WRITABLE) readiness |= Readiness.WRITABLE;
    const before = [isInputLeft, scripted.socket.sent.length, contrary.waits, contrary.holds, wants].join();
    if (readiness === Readiness.NONE) return;
    scripted.wake(readiness);
    const after = [
      scripted.socket.incoming.length > 0,
      scripted.socket.sent.length,
      contrary.waits,
      contrary.holds,
      contrary.wants(),
    ];
    if (before === after.join() && !isInputLeft && contrary.wants() === Interest.NONE) return;
  }
}

function scriptedOn(random: Random, trigger: "level" | "edge", protocol: Protocol | null, body: Uint8Array) {
  let contrary: ContraryTransport | null = null;
  const handler = Object.assign(
    (request: Parameters<typeof describe>[0]) =>
      request.path === "/large" ? new HttpResponse(200, [], body) : describe(request),
    { ignoresBodies: true },
  );
  const scripted = new Scripted(
    handler,
    trigger,
    true,
    protocol === null ? null : (connection) => new Bytes(connection, protocol).start(),
    (socket) => contrary = new ContraryTransport(socket, random),
  );
  return { scripted, contrary: contrary! as ContraryTransport };
}

onBoth("every request is answered on a transport that waits for the other direction", (trigger) => {
  let [waits, holds] = [0, 0];
  const body = new Uint8Array(300_000).fill(0x61);
  repeat(150, (random) => {
    const { scripted, contrary } = scriptedOn(random, trigger, null, body);
    using _ = scripted;
    let expected = "";
    for (let round = 0; round < 4; round++) {
      const paths = Array.from(
        { length: 1 + random.below(4) },
        () => random.oneIn(5) ? "/large" : `/${random.below(9)}`,
      );
      const isLast = round === 3;
      scripted.socket.incoming.push(
        ...paths.map((path, i) => {
          const closes = isLast && i === paths.length - 1;
          return new TextEncoder().encode(closes ? get(path, "Connection: close") : get(path));
        }),
      );
      expected += paths.map((path, i) =>
        answer(
          path === "/large" ? "a".repeat(body.length) : `GET ${path}`,
          isLast && i === paths.length - 1 ? "close" : "",
        )
      ).join("");
      scripted.wake(Readiness.READABLE);
      run(scripted, contrary);
      assertEquals(withoutDate(scripted.socket.text) === expected, true, `round ${round}: ${paths}`);
      assertEquals(scripted.errors, []);
    }
    assertEquals([scripted.closedCount, scripted.socket.forgotten.at(-1)], [1, scripted.fd]);
    waits += contrary.waits;
    holds += contrary.holds;
  });
  assert(waits > 1000, `it waited ${waits} times only`);
  assert(holds > 500, `it held bytes back ${holds} times only`);
});

onBoth("every byte comes back on a transport that waits for the other direction", (trigger) => {
  repeat(150, (random) => {
    const protocol: Protocol = (peer) => ({ received: (bytes) => void peer.write(bytes) });
    const { scripted, contrary } = scriptedOn(random, trigger, protocol, new Uint8Array());
    using _ = scripted;
    let expected = "";
    for (let round = 0; round < 4; round++) {
      const text = "abcdefghij".repeat(1 + random.below(3000));
      expected += text;
      scripted.socket.incoming.push(new TextEncoder().encode(text));
      scripted.wake(Readiness.READABLE);
      run(scripted, contrary);
      assertEquals(scripted.socket.text === expected, true, `round ${round}`);
    }
  });
});
