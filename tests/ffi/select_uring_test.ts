/**
 * `Uring` of ffi/select/select.ts on real descriptors.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as C from "../../ffi/libc/multiplexer_constants.ts";
import { EAGAIN, SystemError } from "../../ffi/libc/errno.ts";
import { eventfdClear, eventfdSignal, isOpen } from "../../ffi/libc/multiplexers.ts";
import { recvUrgent, shutdownWrite } from "../../ffi/socket/socket.ts";
import { Epoll, Uring } from "../../ffi/select/select.ts";
import { Descriptors, openDescriptors, read, sendUrgent, until, write } from "../support/descriptors.ts";
import { signalThisThread } from "../support/signal.ts";
import { URING_ABSENCE } from "../support/uring.ts";
import { awaited } from "../support/waiting.ts";

const { POLLIN, POLLOUT, POLLPRI, POLLERR, POLLHUP, POLLRDHUP } = C;

/** Returns the events of `fd`, once all of `wanted` were reported. */
function eventsWith(uring: Uring, fd: number, wanted: number): number {
  let seen = 0;
  until(() => {
    for (const [number, revents] of uring.poll(0.02)) if (number === fd) seen |= revents;
    return seen;
  }, (seen) => (seen & wanted) === wanted);
  return seen;
}

function uringTest(sentence: string, body: (uring: Uring, fds: Descriptors) => void | Promise<void>): void {
  Deno.test({
    name: `Uring: ${sentence}`,
    ignore: URING_ABSENCE !== null,
    fn: async () => {
      using fds = new Descriptors();
      using uring = new Uring();
      await body(uring, fds);
    },
  });
}

uringTest("each change is reported once, whether it is handled or not", (uring, fds) => {
  const { reader, writer } = fds.pipe();
  uring.register(reader, POLLIN);
  assertEquals(uring.poll(0), []);
  write(writer, "hello");
  assertEquals(uring.poll(1), [[reader, POLLIN]]);
  for (let i = 0; i < 3; i++) assertEquals(uring.poll(0.005), [], "told once");
  assertEquals(read(reader, 2), "he");
  assertEquals(uring.poll(0.005), [], "the rest is no change");
  write(writer, "more");
  assertEquals(uring.poll(1), [[reader, POLLIN]], "a change");
  assertEquals(read(reader), "llomore");
  assertEquals(uring.poll(0.005), []);
});

uringTest("any number of changes between two calls hides nothing from the second one", (uring, fds) => {
  const { reader, writer } = fds.pipe();
  for (let i = 0; i < 5000; i++) {
    uring.register(writer, POLLOUT);
    uring.unregister(writer);
  }
  uring.register(reader, POLLIN);
  write(writer, "x");
  assertEquals(uring.poll(0), [[reader, POLLIN]]);
  for (let i = 0; i < 5000; i++) uring.modify(reader, i % 2 === 0 ? POLLIN : POLLIN | POLLRDHUP);
  assertEquals(uring.poll(0), [[reader, POLLIN]]);
});

uringTest("without a mask it asks for reading, writing and exceptional conditions", (uring, fds) => {
  const { server, client } = fds.tcp();
  uring.register(server);
  assertEquals(uring.poll(1), [[server, POLLOUT]]);
  write(client, "x");
  assertEquals(eventsWith(uring, server, POLLIN), POLLIN | POLLOUT);
  sendUrgent(client);
  assertEquals(eventsWith(uring, server, POLLPRI) & POLLPRI, POLLPRI);
});

uringTest("what has not changed need not be reported again with what has", (uring, fds) => {
  const { server, client } = fds.tcp();
  uring.register(server, POLLIN | POLLOUT);
  assertEquals(uring.poll(1), [[server, POLLOUT]]);
  write(client, "x");
  assertEquals(uring.poll(1).map(([fd, revents]) => [fd, revents & POLLIN]), [[server, POLLIN]]);
});

uringTest("a changed mask takes effect, and reports what exists", (uring, fds) => {
  const { server, client } = fds.tcp();
  uring.register(server, POLLOUT);
  assertEquals(uring.poll(1), [[server, POLLOUT]]);
  write(client, "x");
  assertEquals(uring.poll(0.005), [], "reading was not asked for");
  uring.modify(server, POLLIN);
  assertEquals(uring.poll(1), [[server, POLLIN]]);
  uring.modify(server, POLLIN);
  assertEquals(uring.poll(1), [[server, POLLIN]], "also by the same mask");
  uring.modify(server, 0);
  assertEquals(uring.poll(0.005), []);
});

uringTest("ends of peers, hang-ups, errors and urgent data are distinguished", (uring, fds) => {
  const half = fds.tcp();
  uring.register(half.server, POLLRDHUP);
  const unasked = fds.tcp();
  uring.register(unasked.server, 0);
  assertEquals(uring.poll(0.005), []);
  shutdownWrite(half.client);
  shutdownWrite(unasked.client);
  assertEquals(eventsWith(uring, half.server, POLLRDHUP), POLLRDHUP);
  assertEquals(uring.poll(0.005), [], "POLLRDHUP is reported only where it was asked for");
  shutdownWrite(half.server);
  assertEquals(eventsWith(uring, half.server, POLLHUP), POLLRDHUP | POLLHUP, "both halves");

  const written = fds.pipe();
  uring.register(written.reader, 0);
  fds.close(written.writer);
  assertEquals(uring.poll(1), [[written.reader, POLLHUP]], "told without being asked for");

  const unread = fds.pipe();
  uring.register(unread.writer, 0);
  fds.close(unread.reader);
  assertEquals(uring.poll(1), [[unread.writer, POLLERR]]);

  const urgent = fds.tcp();
  uring.register(urgent.server, POLLPRI);
  write(urgent.client, "ordinary");
  assertEquals(uring.poll(0.005), []);
  sendUrgent(urgent.client);
  assertEquals(eventsWith(uring, urgent.server, POLLPRI), POLLPRI);
  assertEquals(until(() => recvUrgent(urgent.server), (status) => status === 1), 1);
  assertEquals(uring.poll(0.005), []);
});

uringTest("a descriptor that is unregistered and closed ends its connection at once", (uring, fds) => {
  const { server, client } = fds.tcp();
  uring.register(server, POLLIN);
  assertEquals(uring.poll(0), []);
  uring.unregister(server);
  fds.close(server);
  assertEquals(until(() => read(client), (got) => got !== -EAGAIN), 0);
});

uringTest("a closed ring leaves no file open, without a wait", (_uring, fds) => {
  const { server, client } = fds.tcp();
  const inner = new Uring();
  inner.register(server, POLLIN);
  assertEquals(inner.poll(0), []);
  fds.close(server);
  assertEquals(read(client), -EAGAIN, "the request keeps the file open");
  inner.close();
  assertEquals(until(() => read(client), (got) => got !== -EAGAIN), 0);
});

uringTest("an event of a descriptor that was unregistered is not reported under its number", (uring, fds) => {
  const [first, second, quiet] = [fds.eventfd(), fds.eventfd(), fds.eventfd()];
  for (const fd of [first, second]) {
    uring.register(fd, POLLIN);
    eventfdSignal(fd);
  }
  assertEquals(uring.poll(1, 1).length, 1, "the other event is in the queue");
  for (const fd of [first, second]) {
    uring.unregister(fd);
    fds.close(fd);
    assertEquals(fds.duplicate(quiet, fd), fd, "the number was free");
    uring.register(fd, POLLIN);
  }
  assertEquals(uring.poll(0.005), []);
  eventfdSignal(quiet);
  assertEquals(uring.poll(1).map(([fd]) => fd).sort((a, b) => a - b), [first, second].sort((a, b) => a - b));
});

uringTest("regular files are always ready", (uring) => {
  using fds = new Descriptors();
  using file = Deno.openSync(new URL(import.meta.url));
  const entry = [...Deno.readDirSync("/proc/self/fd")].find(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`) === new URL(import.meta.url).pathname;
    } catch {
      return false; // the directory that is being read
    }
  });
  assert(file && entry !== undefined);
  const fd = fds.duplicate(Number(entry.name), 3);
  uring.register(fd, POLLIN);
  for (let i = 0; i < 3; i++) assertEquals(uring.poll(1), [[fd, POLLIN]]);
});

uringTest("an error names the reason", (uring, fds) => {
  const fd = fds.eventfd();
  const refused: readonly (readonly [() => void, string])[] = [
    [() => uring.modify(fd, POLLIN), "change the watch of descriptor FD: ENOENT (no such file or directory)"],
    [() => uring.unregister(fd), "end the watch of descriptor FD: ENOENT (no such file or directory)"],
    [() => uring.register(fd, POLLIN), ""],
    [() => uring.register(fd, POLLIN), "watch descriptor FD: EEXIST (already exists)"],
    [() => uring.register(uring, POLLIN), "watch descriptor URING: EINVAL (invalid argument)"],
    [() => uring.register(999, POLLIN), "watch descriptor 999: EBADF (bad file descriptor)"],
    [() => uring.register(1_000_000, POLLIN), "watch descriptor 1000000: EBADF (bad file descriptor)"],
    [
      () => uring.unregister(1_000_000),
      "end the watch of descriptor 1000000: ENOENT (no such file or directory)",
    ],
  ];
  for (const [call, message] of refused) {
    if (message === "") {
      call();
      continue;
    }
    const expected = `Cannot ${message}`.replace("FD", `${fd}`).replace("URING", `${uring.fileno()}`);
    assertEquals(assertThrows(call, SystemError).message, expected);
  }
  assertThrows(() => uring.register(-1, POLLIN), RangeError, "A file descriptor cannot be -1");
  assertThrows(() => uring.register(2 ** 31, POLLIN), RangeError);
  assertThrows(() => uring.register(1.5, POLLIN), TypeError, "A file descriptor is an integer, not 1.5");
  assertThrows(() => uring.register({ fileno: () => NaN }, POLLIN), TypeError);
  assertThrows(() => uring.modify(fd, 2 ** 16), RangeError, "16 bits");
  assertThrows(() => uring.modify(fd, 0.5), TypeError);
  for (const maxEvents of [0, -2]) assertThrows(() => uring.poll(0, maxEvents), RangeError, `${maxEvents}`);
  assertThrows(() => uring.poll(0, 1.5), TypeError);
  assertThrows(() => uring.poll(NaN), TypeError, "A timeout is a number, not NaN");
  eventfdSignal(fd);
  assertEquals(uring.poll(1), [[fd, POLLIN]], "it goes on as before");
});

uringTest("it can be watched by an Epoll, also while Deno's event loop runs", async (uring, fds) => {
  using epoll = new Epoll();
  const fd = fds.eventfd();
  uring.register({ fileno: () => fd }, POLLIN);
  epoll.register(uring, C.EPOLLIN);
  assertEquals([uring.poll(0), epoll.poll(0)], [[], []]);
  for (let i = 0; i < 3; i++) {
    const waiting = epoll.pollAsync(30);
    eventfdSignal(fd);
    assertEquals(await awaited(waiting, "the event"), [[uring.fileno(), C.EPOLLIN]]);
    assertEquals(uring.poll(0), [[fd, POLLIN]]);
    eventfdClear(fd);
  }
});

uringTest("a timeout is in seconds, and a wait takes all of it", (uring, fds) => {
  for (const timeout of [0, 0.0001, 0.03, 0.25]) {
    const fd = fds.eventfd();
    uring.register(fd, POLLIN);
    uring.unregister(fd); // the completion of a cancelled request does not end a wait
    const startMs = performance.now();
    assertEquals(uring.poll(timeout), []);
    assert(performance.now() - startMs >= timeout * 1000, `${timeout} s`);
  }
});

uringTest(
  "a wait without a timeout lasts until a descriptor is ready, in every spelling",
  async (uring, fds) => {
    const { reader, writer } = fds.pipe();
    uring.register(reader, POLLIN);
    for (const timeout of [undefined, null, -1, -0.5, Infinity, 1e12]) {
      const command = `sleep 0.05; printf x > /proc/${Deno.pid}/fd/${writer}`;
      const child = new Deno.Command("sh", { args: ["-c", command] }).spawn();
      assertEquals(uring.poll(timeout), [[reader, POLLIN]], `${timeout}`);
      assertEquals(read(reader), "x");
      await child.status;
    }
  },
);

uringTest("a signal does not end a wait", async (uring) => {
  const heard = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGUSR1", heard.resolve);
  try {
    const child = signalThisThread();
    const startMs = performance.now();
    assertEquals(uring.poll(0.6), []);
    assert(performance.now() - startMs >= 600);
    await child.status;
    await awaited(heard.promise, "the signal");
  } finally {
    Deno.removeSignalListener("SIGUSR1", heard.resolve);
  }
});

uringTest("each ready descriptor of 2,000 is reported, in lists of a given maximal length", (uring, fds) => {
  const all = Array.from({ length: 2000 }, () => fds.eventfd());
  for (const fd of all) uring.register(fd, POLLIN);
  assertEquals(uring.poll(0), []);
  const written = all.filter((_fd, i) => i % 7 === 3);
  for (const fd of written) eventfdSignal(fd);
  assertEquals(uring.poll(1).sort(([a], [b]) => a - b), written.map((fd) => [fd, POLLIN]));
  for (const fd of written) eventfdClear(fd);
  for (const fd of all) eventfdSignal(fd);
  const lengths = [10, -1, 1, 1e9].map((maxEvents) => uring.poll(1, maxEvents).length);
  assertEquals(lengths, [10, 1023, 1, 966]);
  for (const fd of all) uring.modify(fd, POLLIN);
  assertEquals(new Set(uring.poll(1, 5000).map(([fd]) => fd)).size, 2000);
  for (const fd of all) uring.unregister(fd);
  assertEquals(uring.poll(0), []);
});

Deno.test({
  name: "Uring: after close() every method throws, and nothing is left open",
  ignore: URING_ABSENCE !== null,
  fn: () => {
    new Uring().close(); // opens what the runtime opens only once
    const before = openDescriptors();
    const uring = new Uring();
    const fd = uring.fileno();
    assert(isOpen(fd) && !uring.closed);
    for (let i = 0; i < 2; i++) uring.close();
    assert(uring.closed && !isOpen(fd));
    for (
      const call of [
        () => uring.fileno(),
        () => uring.register(0, POLLIN),
        () => uring.modify(0, POLLIN),
        () => uring.unregister(0),
        () => uring.poll(0),
      ]
    ) {
      assert(assertThrows(call, Error, "This Uring is closed").constructor === Error);
    }
    let used: Uring;
    {
      using disposed = new Uring();
      used = disposed;
    }
    assert(used.closed);
    used[Symbol.dispose]();
    assertEquals(openDescriptors(), before);
  },
});
