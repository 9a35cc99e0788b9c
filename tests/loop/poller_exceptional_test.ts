/**
 * Exceptional conditions in pollers, with TCP's urgent data as the example. The guarantees are those of `Poller` in
 * server/loop/poller.ts, as in poller_contract_test.ts.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EINVAL, ENOENT } from "../../ffi/libc/errno.ts";
import { recvUrgent } from "../../ffi/socket/socket.ts";
import { Interest, type Poller, Readiness, ReadyList } from "../../server/loop/poller.ts";
import { createPoller } from "../../server/loop/pollers/mod.ts";
import { Descriptors, read, sendUrgent, until, write } from "../support/descriptors.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

const { NONE, READABLE, WRITABLE, EXCEPTIONAL } = Interest;
const ready = new ReadyList();

/** Returns the bits that one wait reports for `fd`; 0 when it is not reported. */
function told(poller: Poller, fd: number, timeoutMs = 0): number {
  const count = poller.wait(ready, timeoutMs);
  let bits = 0;
  for (let i = 0; i < count; i++) if (ready.fds[i] === fd) bits |= ready.bits[i]!;
  return bits;
}

/** Returns the bits in the first wait that reports one of `bits` for `fd`; 0 when none does within seconds. */
function toldOnce(poller: Poller, fd: number, bits: number): number {
  return until(() => told(poller, fd, 20), (seen) => (seen & bits) !== 0);
}

/** Asserts that the urgent byte is there, and receives it. */
function assertTaken(fd: number): void {
  assertEquals(until(() => recvUrgent(fd), (status) => status === 1), 1);
}

for (const name of USABLE_POLLERS.filter((name) => name !== "naive")) {
  const contract = (
    sentence: string,
    body: (poller: Poller, fds: Descriptors) => void | Promise<void>,
  ) =>
    Deno.test(`${name}: ${sentence}`, async () => {
      using fds = new Descriptors();
      const poller = createPoller(name);
      try {
        await body(poller, fds);
      } finally {
        poller.close();
      }
    });

  contract("urgent data is reported when asked for, and not after it was received", (poller, fds) => {
    const { server, client } = fds.tcp();
    assertEquals(poller.add(server, EXCEPTIONAL), 0);
    assertEquals(told(poller, server, 10), 0, "nothing was sent");
    sendUrgent(client);
    assertEquals(toldOnce(poller, server, EXCEPTIONAL), Readiness.EXCEPTIONAL);
    assertTaken(server);
    assertEquals(recvUrgent(server), -EINVAL);
    for (let i = 0; i < 3; i++) assertEquals(told(poller, server, 5), 0, "it was taken");
  });

  contract("urgent data is not reported when not asked for", (poller, fds) => {
    const { server, client } = fds.tcp();
    assertEquals(poller.add(server, READABLE | WRITABLE), 0);
    sendUrgent(client);
    for (let i = 0; i < 5; i++) assertEquals(told(poller, server, 5) & EXCEPTIONAL, 0);
    assertTaken(server);
    sendUrgent(client);
    assertEquals(poller.modify(server, READABLE | EXCEPTIONAL), 0);
    assert(toldOnce(poller, server, EXCEPTIONAL) !== 0, "asked later");
    assertEquals(poller.modify(server, READABLE), 0);
    for (let i = 0; i < 5; i++) assertEquals(told(poller, server, 5) & EXCEPTIONAL, 0, "asked no more");
  });

  contract("ordinary bytes are not exceptional", (poller, fds) => {
    const { server, client } = fds.tcp();
    const other = fds.tcp();
    assertEquals(poller.add(server, EXCEPTIONAL), 0);
    assertEquals(poller.add(other.server, READABLE | EXCEPTIONAL), 0);
    write(client, "hello");
    write(other.client, "hello");
    assertEquals(toldOnce(poller, other.server, READABLE), READABLE);
    for (let i = 0; i < 3; i++) assertEquals(told(poller, server, 5), 0);
    assertEquals(read(server), "hello", "they are there all the same");
  });

  contract("urgent data and ordinary bytes are reported together", (poller, fds) => {
    const { server, client } = fds.tcp();
    write(client, "before");
    sendUrgent(client);
    assertEquals(poller.add(server, READABLE | WRITABLE | EXCEPTIONAL), 0);
    const all = READABLE | WRITABLE | EXCEPTIONAL;
    let seen = 0;
    until(() => seen |= told(poller, server, 20), (bits) => bits === all);
    assertEquals(seen, all);
    assertEquals(read(server), "before");
    assertTaken(server);
  });

  contract("asking for nothing silences urgent data, and so does removing", (poller, fds) => {
    const { server, client } = fds.tcp();
    assertEquals(poller.add(server, EXCEPTIONAL), 0);
    sendUrgent(client);
    assertEquals(toldOnce(poller, server, EXCEPTIONAL), EXCEPTIONAL);
    assertEquals(poller.modify(server, NONE), 0);
    for (let i = 0; i < 3; i++) assertEquals(poller.wait(ready, 5), 0, "silent");
    assertEquals(poller.modify(server, EXCEPTIONAL), 0);
    assertEquals(toldOnce(poller, server, EXCEPTIONAL), EXCEPTIONAL, "asked again");
    assertEquals(poller.remove(server), 0);
    for (let i = 0; i < 3; i++) assertEquals(poller.wait(ready, 5), 0, "removed");
    assertEquals(poller.modify(server, EXCEPTIONAL), -ENOENT);
  });

  if (name === "epoll-edge" || name === "io-uring") {
    contract(
      "urgent data is reported once, whether it is received or not, and the next again",
      (poller, fds) => {
        const { server, client } = fds.tcp();
        assertEquals(poller.add(server, EXCEPTIONAL), 0);
        sendUrgent(client);
        assertEquals(toldOnce(poller, server, EXCEPTIONAL), EXCEPTIONAL);
        for (let i = 0; i < 3; i++) assertEquals(told(poller, server, 5), 0, "told once already");
        assertTaken(server);
        sendUrgent(client);
        assertEquals(toldOnce(poller, server, EXCEPTIONAL), EXCEPTIONAL, "the next");
      },
    );
  } else {
    contract("urgent data is reported in every wait until it is received", (poller, fds) => {
      const { server, client } = fds.tcp();
      assertEquals(poller.add(server, EXCEPTIONAL), 0);
      sendUrgent(client);
      assertEquals(toldOnce(poller, server, EXCEPTIONAL), EXCEPTIONAL);
      for (let i = 0; i < 5; i++) assertEquals(told(poller, server), EXCEPTIONAL, "told again");
      assertTaken(server);
      assertEquals(told(poller, server, 5), 0, "taken");
    });
  }

  contract("urgent data ends a wait on another thread", async (poller, fds) => {
    const { server, client } = fds.tcp();
    assertEquals(poller.add(server, EXCEPTIONAL), 0);
    const parked = poller.park(ready, 10_000);
    sendUrgent(client);
    assertEquals(await parked, 1);
    assertEquals([ready.fds[0], ready.bits[0]], [server, EXCEPTIONAL]);
  });

  contract(
    "a descriptor that is closed while it asks for urgent data only does not hide the others",
    (poller, fds) => {
      const closed = fds.tcp();
      const open = fds.tcp();
      assertEquals([poller.add(closed.server, EXCEPTIONAL), poller.add(open.server, EXCEPTIONAL)], [0, 0]);
      fds.close(closed.server);
      sendUrgent(open.client);
      assertEquals(toldOnce(poller, open.server, EXCEPTIONAL), EXCEPTIONAL);
      assertEquals(poller.remove(closed.server), 0);
    },
  );
}

Deno.test("naive: a source that asks for exceptional conditions always gets them reported, and has to try", () => {
  using fds = new Descriptors();
  const poller = createPoller("naive");
  const { server } = fds.tcp();
  poller.add(server, EXCEPTIONAL);
  assertEquals(told(poller, server), Readiness.EXCEPTIONAL);
  assertEquals(recvUrgent(server), -EINVAL);
  poller.modify(server, READABLE);
  assertEquals(told(poller, server), Readiness.READABLE);
});

Deno.test("each interest has the bit that reports it", () => {
  for (const [name, bit] of Object.entries(Interest)) {
    assertEquals(Readiness[name as keyof typeof Interest], bit);
  }
});
