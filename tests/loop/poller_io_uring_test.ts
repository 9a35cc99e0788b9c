/**
 * The poller `io-uring`: what it does that others need not. A request keeps its file open, changes are submitted in
 * batches, and completions may be late or lost. What it has in common with the others is in poller_contract_test.ts.
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { EAGAIN, SystemError } from "../../ffi/libc/errno.ts";
import { eventfdClear, eventfdSignal } from "../../ffi/libc/multiplexers.ts";
import { accept, close, listenTcp, localAddress } from "../../ffi/socket/socket.ts";
import { Interest, Readiness, ReadyList } from "../../server/loop/poller.ts";
import { IoUringPoller } from "../../server/loop/pollers/io_uring.ts";
import { Interposer } from "../faults/interposer.ts";
import { Descriptors, read, until } from "../support/descriptors.ts";
import { URING_ABSENCE } from "../support/uring.ts";

const { READABLE, WRITABLE } = Interest;
const ready = new ReadyList();

/** Returns the descriptors and bits that one wait reports. */
function waited(poller: IoUringPoller, timeoutMs = 0, list = ready): [fd: number, bits: number][] {
  const count = poller.wait(list, timeoutMs);
  return Array.from({ length: count }, (_, i) => [list.fds[i]!, list.bits[i]!]);
}

/** Reads until something has come: the text, 0 at the end, or −errno. */
function readSoon(fd: number): string | number {
  return until(() => read(fd), (got) => got !== -EAGAIN);
}

function uringTest(
  sentence: string,
  body: (poller: IoUringPoller, fds: Descriptors) => void | Promise<void>,
): void {
  Deno.test({
    name: `io-uring: ${sentence}`,
    ignore: URING_ABSENCE !== null,
    fn: async () => {
      using fds = new Descriptors();
      const poller = new IoUringPoller();
      try {
        await body(poller, fds);
      } finally {
        poller.close();
      }
    },
  });
}

uringTest("the peer of a removed and closed connection gets the end with the next wait", (poller, fds) => {
  const { server, client } = fds.tcp();
  poller.add(server, READABLE);
  assertEquals(waited(poller), []);
  assertEquals(poller.remove(server), 0);
  fds.close(server);
  assertEquals(read(client), -EAGAIN, "the request still keeps the connection open");
  assertEquals(waited(poller), []);
  assertEquals(readSoon(client), 0);
});

uringTest("the peer gets the end also if no wait follows, once other code runs", async (poller, fds) => {
  const { server, client } = fds.tcp();
  poller.add(server, READABLE);
  assertEquals(waited(poller), []);
  poller.remove(server);
  fds.close(server);
  await null;
  assertEquals(readSoon(client), 0);
});

uringTest("the peer gets the end before the poller parks", async (poller, fds) => {
  const { server, client } = fds.tcp();
  poller.add(server, READABLE);
  assertEquals(waited(poller), []);
  poller.remove(server);
  fds.close(server);
  const waker = fds.eventfd();
  poller.add(waker, READABLE);
  const parked = poller.park(ready, 30_000);
  assertEquals(readSoon(client), 0);
  eventfdSignal(waker);
  assertEquals([await parked, ready.fds[0]], [1, waker]);
});

uringTest("a port is free once its listener was removed and closed", (poller) => {
  const listening = listenTcp("127.0.0.1", 0, 1, { deferAccept: false });
  const { port } = localAddress(listening);
  poller.add(listening, READABLE);
  assertEquals(waited(poller), []);
  poller.remove(listening);
  close(listening);
  assertEquals(waited(poller), []);
  const again = listenTcp("127.0.0.1", port, 1, { deferAccept: false });
  assertEquals(accept(again), -EAGAIN);
  close(again);
});

uringTest("closing the poller leaves no file open, watched or not", (_poller, fds) => {
  const { server, client } = fds.tcp();
  const poller = new IoUringPoller();
  poller.add(server, READABLE);
  assertEquals(waited(poller), []);
  fds.close(server);
  assertEquals(read(client), -EAGAIN);
  poller.close();
  assertEquals(readSoon(client), 0);
});

uringTest("a late completion is not reported for the next descriptor with that number", (poller, fds) => {
  const short = new ReadyList(1);
  const [first, second, quiet] = [fds.eventfd(), fds.eventfd(), fds.eventfd()];
  for (const fd of [first, second]) {
    poller.add(fd, READABLE);
    eventfdSignal(fd);
  }
  assertEquals(waited(poller, 1000, short).length, 1, "the other completion is in the queue");
  for (const fd of [first, second]) {
    poller.remove(fd);
    fds.close(fd);
    assertEquals(fds.duplicate(quiet, fd), fd, "the number was free");
    assertEquals(poller.add(fd, READABLE), 0);
  }
  for (let i = 0; i < 3; i++) assertEquals(waited(poller, 5), []);
  eventfdSignal(quiet);
  assertEquals(waited(poller, 1000).length, 2);
});

uringTest(
  "a descriptor that is not open is reported as an error, once, and refused if the number is high",
  (poller, fds) => {
    const fd = fds.eventfd();
    fds.close(fd);
    assertEquals(poller.add(fd, READABLE), 0);
    assertEquals(waited(poller, 1000), [[fd, Readiness.ERROR]]);
    assertEquals(waited(poller, 5), []);
    assertEquals(poller.remove(fd), 0);
    assertEquals(poller.add(fds.eventfd(), READABLE), 0, "the number is free again");
  },
);

uringTest("a turn with any number of changes makes one system call", (poller, fds) => {
  using calls = new Interposer();
  const all = Array.from({ length: 100 }, () => fds.eventfd());
  calls.expect([]);
  for (const fd of all) poller.add(fd, READABLE);
  eventfdSignal(all[0]!);
  assertEquals(waited(poller, 1000), [[all[0]!, Readiness.READABLE]]);
  assertEquals(calls.countOf("io_uring_enter"), 1);
  eventfdClear(all[0]!);
  for (const fd of all) poller.modify(fd, WRITABLE);
  assertEquals(poller.wait(ready, 1000), ready.capacity);
  assertEquals(calls.countOf("io_uring_enter"), 2);
});

uringTest("the completions of cancelled requests do not end a wait", (poller, fds) => {
  const fd = fds.eventfd();
  for (let i = 0; i < 3; i++) {
    poller.add(fd, READABLE);
    assertEquals(waited(poller), []);
    poller.remove(fd);
    const startMs = performance.now();
    assertEquals(waited(poller, 40), []);
    assert(performance.now() - startMs >= 39);
  }
});

uringTest("more descriptors than the queues are long are all watched, and all reported", (poller, fds) => {
  const all = Array.from({ length: 5000 }, () => fds.eventfd());
  for (const fd of all) assertEquals(poller.add(fd, READABLE), 0);
  assertEquals(waited(poller), []);
  for (const fd of all) eventfdSignal(fd);
  const found = new Set<number>();
  for (let waits = 0; waits < 200; waits++) for (const [fd] of waited(poller)) found.add(fd);
  assertEquals(found.size, all.length, "completions beyond the queue's length are kept by the kernel");
  for (const fd of all) assertEquals(poller.remove(fd), 0);
  assertEquals(waited(poller), []);
});

uringTest("without memory for requests nothing is lost, and the ends are caught up on", (poller, fds) => {
  const { server, client } = fds.tcp();
  poller.add(server, READABLE);
  assertEquals(waited(poller), []);
  const all = Array.from({ length: 300 }, () => fds.eventfd());
  const watched: number[] = [];
  {
    using calls = new Interposer();
    calls.expect(
      Array.from({ length: 100 }, (_, i) => ({ call: "io_uring_enter", errno: "EAGAIN", when: i + 1 })),
    );
    assertEquals(waited(poller, 10), []);
    for (const fd of all) {
      const status = poller.add(fd, READABLE);
      if (status === 0) watched.push(fd);
      else assertEquals([status, watched.length], [-EAGAIN, 256], "the queue is full");
    }
    poller.remove(server);
    fds.close(server);
    assertEquals(waited(poller, 10), []);
    assertEquals(read(client), -EAGAIN);
  }
  for (let waits = 0; waits < 2; waits++) assertEquals(waited(poller), []);
  assertEquals(readSoon(client), 0);
  for (const fd of watched) eventfdSignal(fd);
  const found = new Set<number>();
  for (let waits = 0; waits < 20; waits++) for (const [fd] of waited(poller)) found.add(fd);
  assertEquals(found.size, watched.length);
});

uringTest("after the kernel has lost completions, all that is ready is reported anew", (poller, fds) => {
  const [signalled, quiet] = [fds.eventfd(), fds.eventfd()];
  for (const fd of [signalled, quiet]) poller.add(fd, READABLE);
  eventfdSignal(signalled);
  assertEquals(waited(poller, 1000), [[signalled, Readiness.READABLE]]);
  assertEquals(waited(poller, 5), [], "told once");
  {
    using calls = new Interposer();
    calls.expect([{ call: "io_uring_enter", errno: "EBADR", when: 1 }]);
    assertEquals(waited(poller), []);
    assertEquals(calls.injected, 1);
  }
  assertEquals(waited(poller, 1000), [[signalled, Readiness.READABLE]]);
});

uringTest(
  "a kernel that knows fewer flags gets a second attempt, and one that is too old is named",
  async (_poller, fds) => {
    using calls = new Interposer();
    const refused = (when: number) => ({ call: "io_uring_setup", errno: "EINVAL", when }) as const;
    calls.expect([refused(1), refused(2)]);
    const error = assertThrows(() => new IoUringPoller(), SystemError);
    assertEquals([error.code, error.call], ["ENOSYS", "io_uring_setup"]);
    assertStringIncludes(error.message, "Linux 5.13 or newer is needed; choose another poller");
    calls.expect([refused(1)]);
    const poller = new IoUringPoller();
    assertEquals(calls.injected, 1);
    const fd = fds.eventfd();
    poller.add(fd, READABLE);
    for (let i = 0; i < 3; i++) {
      const parked = poller.park(ready, 30_000);
      eventfdSignal(fd);
      assertEquals([await parked, ready.fds[0]], [1, fd]);
      eventfdClear(fd);
    }
    poller.close();
  },
);
