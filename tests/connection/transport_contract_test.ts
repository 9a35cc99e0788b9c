/**
 * What a connection may rely on, for every transport: the socket's, a scripted one, one that does what is allowed but
 * inconvenient, and a toy with records of its own.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { concat } from "../../server/http/bytes.ts";
import { Interest } from "../../server/loop/poller.ts";
import { noise } from "../support/random.ts";
import { encode, rot13States, rot13Transport } from "../support/rot13_transport.ts";
import { Site } from "../support/site.ts";
import { sleep } from "../support/sleep.ts";
import { decode, type Pair, persist, sockets, TRANSPORTS } from "../support/transport_pairs.ts";
import { eventually } from "../support/waiting.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Sends all of `bytes`, and what is held back then. */
async function sendAll({ transport, fd }: Pair, bytes: Bytes): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const rest = bytes.slice(at);
    const sent = await persist(() => transport.send(fd, rest, rest.length, false));
    assert(sent > 0 && sent <= rest.length, `send returned ${sent}`);
    at += sent;
  }
  assertEquals(await persist(() => transport.flush(fd)), 0);
  assertEquals(transport.wants(fd) & Interest.WRITABLE, 0, "it holds nothing, and wants to write nothing");
}

for (const { name, pair } of TRANSPORTS) {
  Deno.test(`${name}: recv gives what has arrived, in order, then EAGAIN; 0 once the client has ended`, async () => {
    using end = await pair();
    const { transport, fd } = end;
    const buffer = new Uint8Array(4096);
    assertEquals([transport.recv(fd, buffer), transport.recv(fd, buffer)], [-EAGAIN, -EAGAIN]);
    const bytes = noise(10_000, 1);
    end.arrive(bytes);
    end.end();
    const received: Bytes[] = [];
    for (;;) {
      const count = await persist(() => transport.recv(fd, buffer));
      if (count === 0) break;
      assert(count > 0 && count <= buffer.length);
      received.push(buffer.slice(0, count));
    }
    assertEquals(concat(received), bytes);
    assertEquals(await persist(() => transport.recv(fd, buffer)), 0, "the end stays the end");
  });

  Deno.test(`${name}: once isDrained is true, nothing is left until more arrives`, async () => {
    for (let round = 0; round < 20; round++) {
      using end = await pair();
      const { transport, fd } = end;
      end.arrive(noise(3000, round));
      await sleep(2); // all of it is there
      const buffer = new Uint8Array(1024 << (round % 3));
      let total = 0;
      for (let isDrained = false; !isDrained;) {
        const count = transport.recv(fd, buffer);
        if (count === -EAGAIN && transport.wants(fd) === Interest.NONE) break;
        if (count === -EAGAIN) continue; // it waits for the other direction, which is ready
        total += count;
        isDrained = transport.isDrained(fd, count, buffer.length);
      }
      assertEquals(total, 3000);
    }
  });

  Deno.test(`${name}: send takes some bytes or none, and all of them arrive in order`, async () => {
    using end = await pair();
    const bytes = noise(200_000, 2);
    await sendAll(end, bytes);
    await eventually(() => end.taken().length === bytes.length, "it arrives");
    assertEquals(end.taken(), bytes);
  });

  Deno.test(`${name}: a part of a file is sent as its bytes`, async () => {
    using site = new Site({ "a.txt": "0123456789".repeat(10) });
    using end = await pair();
    const { transport, fd } = end;
    const root = openDirectory(site.root);
    const file = openBeneathByWalking(root, cString("a.txt"));
    for (let at = 5; at < 25;) at += await persist(() => transport.sendfile(fd, file, at, 25 - at));
    assertEquals(await persist(() => transport.flush(fd)), 0);
    await eventually(() => end.taken().length >= 20, "it arrives");
    assertEquals(new TextDecoder().decode(end.taken()), "56789012345678901234");
    close(file);
    close(root);
  });

  Deno.test(`${name}: the end of the writing half comes after all bytes`, async () => {
    using end = await pair();
    const { transport, fd } = end;
    await sendAll(end, noise(1000, 3));
    assertEquals(end.hasSeenEnd(), false);
    assertEquals(transport.shutdownWrite(fd), 0);
    await eventually(() => end.hasSeenEnd(), "it arrives");
    assertEquals(end.taken(), noise(1000, 3));
  });

  Deno.test(`${name}: peek leaves what it shows, and every query works before and after`, async () => {
    using end = await pair();
    const { transport, fd } = end;
    const buffer = new Uint8Array(100);
    assertEquals(transport.isReset(fd), false);
    assert(transport.unacknowledged(fd) >= 0);
    assert(transport.recvUrgent(fd) < 0, "there is no urgent byte");
    assert(transport.limitUnsent(fd, -1) <= 0);
    end.arrive(noise(50, 4));
    await sleep(2);
    const shown = transport.peek(fd, buffer);
    assert(shown > 0 || shown === -EAGAIN, "a transport may not be able to");
    let total = 0;
    while (total < 50) total += await persist(() => transport.recv(fd, buffer));
    assertEquals(total, 50);
    assert(transport.resetOnClose(fd) <= 0);
    transport.forget(fd);
    transport.forget(fd); // also one that it does not know
    assertEquals(transport.wants(fd), Interest.NONE);
  });

  Deno.test(`${name}: a reset is noticed even while input is unread`, async () => {
    using end = await pair();
    const { transport, fd, reset } = end;
    if (reset === null) return;
    end.arrive(noise(50, 5));
    reset();
    await eventually(() => transport.isReset(fd), "it arrives");
  });
}

Deno.test("ROT13: bytes that do not fit in the socket wait, and count as not acknowledged", async () => {
  using end = await sockets(rot13Transport, encode, decode);
  const { transport, fd } = end;
  const bytes = new Uint8Array(60_000).fill(0x61);
  let sent = 0;
  for (let status = 0; (status = transport.send(fd, bytes, bytes.length, false)) >= 0;) sent += status;
  assertEquals(transport.wants(fd), Interest.WRITABLE);
  assert(transport.unacknowledged(fd) > 0);
  await eventually(() => end.taken().length > 0 && transport.flush(fd) === 0, "it is sent");
  await eventually(
    () => end.taken().length === sent,
    "it arrives",
  );
  transport.forget(fd);
  assertEquals(rot13States.has(fd), false);
});
