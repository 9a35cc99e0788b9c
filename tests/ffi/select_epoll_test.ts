/**
 * `Epoll` of ffi/select/select.ts on real descriptors. Its waits on other threads are in select_async_test.ts.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as C from "../../ffi/libc/multiplexer_constants.ts";
import { SystemError } from "../../ffi/libc/errno.ts";
import { eventfdClear, eventfdSignal, isOpen } from "../../ffi/libc/multiplexers.ts";
import { close, recvUrgent, shutdownWrite } from "../../ffi/socket/socket.ts";
import { Epoll } from "../../ffi/select/select.ts";
import { Descriptors, openDescriptors, read, sendUrgent, until, write } from "../support/descriptors.ts";
import { awaited } from "../support/waiting.ts";
import { signalThisThread } from "../support/signal.ts";

const { EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLET, EPOLLONESHOT } = C;

/** Returns the events of `fd` in the first wait that reports it. */
function eventsOf(epoll: Epoll, fd: number): number | undefined {
  return until(() => epoll.poll(0.02).find(([number]) => number === fd), (entry) => entry !== undefined)?.[1];
}

/** Returns the events of `fd`, once all of `wanted` are reported. */
function eventsWith(epoll: Epoll, fd: number, wanted: number): number | undefined {
  return until(() => eventsOf(epoll, fd), (events) => ((events ?? 0) & wanted) === wanted);
}

Deno.test("Epoll: data that is not read is reported in every wait, and by an edge once", () => {
  using fds = new Descriptors();
  using level = new Epoll();
  using edge = new Epoll();
  const { reader, writer } = fds.pipe();
  level.register(reader, EPOLLIN);
  edge.register(reader, EPOLLIN | EPOLLET);
  assertEquals([level.poll(0), edge.poll(0)], [[], []]);
  write(writer, "hello");
  assertEquals([level.poll(1), edge.poll(1)], [[[reader, EPOLLIN]], [[reader, EPOLLIN]]]);
  for (let i = 0; i < 3; i++) {
    assertEquals(level.poll(0.005), [[reader, EPOLLIN]], "told again");
    assertEquals(edge.poll(0.005), [], "told once");
  }
  assertEquals(read(reader, 2), "he");
  assertEquals([level.poll(0.005), edge.poll(0.005)], [[[reader, EPOLLIN]], []], "the rest");
  write(writer, "more");
  assertEquals([level.poll(1), edge.poll(1)], [[[reader, EPOLLIN]], [[reader, EPOLLIN]]], "a change");
  assertEquals(read(reader), "llomore");
  assertEquals([level.poll(0.005), edge.poll(0.005)], [[], []], "all was read");
});

Deno.test("Epoll: without a mask it asks for reading, writing and exceptional conditions", () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const { server, client } = fds.tcp();
  epoll.register(server);
  assertEquals(epoll.poll(1), [[server, EPOLLOUT]]);
  write(client, "x");
  assertEquals(eventsWith(epoll, server, EPOLLIN), EPOLLIN | EPOLLOUT);
  assertEquals(read(server), "x");
  sendUrgent(client);
  assertEquals((eventsWith(epoll, server, EPOLLPRI) ?? 0) & ~EPOLLIN, EPOLLPRI | EPOLLOUT);
});

Deno.test("Epoll: a one-shot event is reported once, and then not until it is asked for again", () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const { reader, writer } = fds.pipe();
  epoll.register(reader, EPOLLIN | EPOLLONESHOT);
  write(writer, "a");
  assertEquals(epoll.poll(1), [[reader, EPOLLIN]]);
  write(writer, "b");
  for (let i = 0; i < 3; i++) assertEquals(epoll.poll(0.005), []);
  epoll.modify(reader, EPOLLIN | EPOLLONESHOT);
  assertEquals(epoll.poll(1), [[reader, EPOLLIN]]);
  assertEquals(epoll.poll(0.005), []);
});

Deno.test("Epoll: of two sets that watch a descriptor exclusively at least one is woken", () => {
  using fds = new Descriptors();
  using one = new Epoll();
  using other = new Epoll();
  const fd = fds.eventfd();
  for (const epoll of [one, other]) epoll.register(fd, EPOLLIN | C.EPOLLEXCLUSIVE);
  eventfdSignal(fd);
  const lists = [one.poll(0.1), other.poll(0.1)].filter((list) => list.length > 0);
  assert(lists.length >= 1);
  for (const list of lists) assertEquals(list, [[fd, EPOLLIN]]);
  const error = assertThrows(() => one.modify(fd, EPOLLIN | C.EPOLLEXCLUSIVE), SystemError);
  assertEquals(error.code, "EINVAL");
  assertThrows(() => one.modify(fd, EPOLLIN), SystemError, "EINVAL");
  one.unregister(fd);
});

Deno.test("Epoll: ends of peers, hang-ups, errors and urgent data are distinguished", () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const half = fds.tcp();
  epoll.register(half.server, EPOLLRDHUP);
  assertEquals(epoll.poll(0.005), []);
  shutdownWrite(half.client);
  assertEquals(eventsOf(epoll, half.server), EPOLLRDHUP);
  shutdownWrite(half.server);
  assertEquals(eventsWith(epoll, half.server, EPOLLHUP), EPOLLRDHUP | EPOLLHUP, "both halves");
  epoll.unregister(half.server);

  const written = fds.pipe();
  epoll.register(written.reader, 0);
  fds.close(written.writer);
  assertEquals(epoll.poll(1), [[written.reader, EPOLLHUP]], "told without being asked for");
  epoll.unregister(written.reader);

  const unread = fds.pipe();
  epoll.register(unread.writer, 0);
  fds.close(unread.reader);
  assertEquals(epoll.poll(1), [[unread.writer, EPOLLERR]]);
  epoll.unregister(unread.writer);

  const urgent = fds.tcp();
  epoll.register(urgent.server, EPOLLPRI);
  write(urgent.client, "ordinary");
  sendUrgent(urgent.client);
  assertEquals(eventsOf(epoll, urgent.server), EPOLLPRI);
  assertEquals(until(() => recvUrgent(urgent.server), (status) => status === 1), 1);
  assertEquals(epoll.poll(0.005), []);
});

Deno.test("Epoll: normal data has names of its own", () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const { server, client } = fds.tcp();
  epoll.register(server, C.EPOLLRDNORM | C.EPOLLWRNORM);
  assertEquals(epoll.poll(1), [[server, C.EPOLLWRNORM]]);
  write(client, "x");
  assertEquals(eventsWith(epoll, server, C.EPOLLRDNORM), C.EPOLLRDNORM | C.EPOLLWRNORM);
});

Deno.test("Epoll: an error names the reason of the call", () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const fd = fds.eventfd();
  const refused: readonly (readonly [() => void, string])[] = [
    [
      () => epoll.modify(fd, EPOLLIN),
      "change the watch of descriptor FD: ENOENT (no such file or directory)",
    ],
    [() => epoll.unregister(fd), "end the watch of descriptor FD: ENOENT (no such file or directory)"],
    [() => epoll.register(fd, EPOLLIN), ""],
    [() => epoll.register(fd, EPOLLIN), "watch descriptor FD: EEXIST (already exists)"],
    [() => epoll.register(epoll, EPOLLIN), "watch descriptor EPOLL: EINVAL (invalid argument)"],
    [() => epoll.register(1_000_000, EPOLLIN), "watch descriptor 1000000: EBADF (bad file descriptor)"],
    [() => epoll.unregister(1_000_000), "end the watch of descriptor 1000000: EBADF (bad file descriptor)"],
  ];
  for (const [call, message] of refused) {
    if (message === "") {
      call();
      continue;
    }
    const error = assertThrows(call, SystemError);
    const expected = `Cannot ${message}`.replace("FD", `${fd}`).replace("EPOLL", `${epoll.fileno()}`);
    assertEquals([error.message, error.call], [expected, "epoll_ctl"]);
  }
  assertThrows(() => epoll.register(-1, EPOLLIN), RangeError, "A file descriptor cannot be -1");
  assertThrows(() => epoll.register(2 ** 31, EPOLLIN), RangeError);
  assertThrows(() => epoll.register(1.5, EPOLLIN), TypeError, "A file descriptor is an integer, not 1.5");
  assertThrows(() => epoll.register({ fileno: () => NaN }, EPOLLIN), TypeError);
  assertThrows(() => epoll.modify(fd, 2 ** 32), RangeError, "32 bits");
  assertThrows(() => epoll.modify(fd, 0.5), TypeError);
  for (const maxEvents of [0, -2]) assertThrows(() => epoll.poll(0, maxEvents), RangeError, `${maxEvents}`);
  assertThrows(() => epoll.poll(0, 1.5), TypeError);
  assertThrows(() => epoll.poll(NaN), TypeError, "A timeout is a number, not NaN");
  eventfdSignal(fd);
  assertEquals(epoll.poll(1), [[fd, EPOLLIN]], "it goes on as before");
});

Deno.test("Epoll: objects with fileno() are accepted, and another Epoll can be watched", () => {
  using fds = new Descriptors();
  using inner = new Epoll();
  using outer = new Epoll();
  const fd = fds.eventfd();
  const object = { fileno: () => fd };
  inner.register(object, EPOLLIN);
  outer.register(inner, EPOLLIN);
  assertEquals(outer.poll(0), []);
  eventfdSignal(fd);
  assertEquals(outer.poll(1), [[inner.fileno(), EPOLLIN]]);
  inner.modify(object, EPOLLOUT);
  assertEquals(inner.poll(1), [[fd, EPOLLOUT]]);
  inner.unregister(object);
  assertEquals([inner.poll(0), outer.poll(0)], [[], []]);
});

Deno.test("Epoll: a timeout is in seconds, and a wait takes all of it", () => {
  using epoll = new Epoll();
  for (const timeout of [0, 0.0001, 0.03, 0.25]) {
    const startMs = performance.now();
    assertEquals(epoll.poll(timeout), []);
    assert(performance.now() - startMs >= timeout * 1000, `${timeout} s`);
  }
});

Deno.test("Epoll: a wait without a timeout lasts until a descriptor is ready, in every spelling", async () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const { reader, writer } = fds.pipe();
  epoll.register(reader, EPOLLIN);
  for (const timeout of [undefined, null, -1, -0.5, Infinity, 1e12]) {
    const command = `sleep 0.05; printf x > /proc/${Deno.pid}/fd/${writer}`;
    const child = new Deno.Command("sh", { args: ["-c", command] }).spawn();
    assertEquals(epoll.poll(timeout), [[reader, EPOLLIN]], `${timeout}`);
    assertEquals(read(reader), "x");
    await child.status;
  }
});

Deno.test("Epoll: a signal does not end a wait", async () => {
  using epoll = new Epoll();
  const heard = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGUSR1", heard.resolve);
  try {
    const child = signalThisThread();
    const startMs = performance.now();
    assertEquals(epoll.poll(0.6), []);
    assert(performance.now() - startMs >= 600);
    await child.status;
    await awaited(heard.promise, "the signal");
  } finally {
    Deno.removeSignalListener("SIGUSR1", heard.resolve);
  }
});

Deno.test("Epoll: each ready descriptor of 2,000 is reported, in lists of a given maximal length", () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const all = Array.from({ length: 2000 }, () => fds.eventfd());
  for (const fd of all) epoll.register(fd, EPOLLIN | EPOLLET);
  const written = all.filter((_fd, i) => i % 7 === 3);
  for (const fd of written) eventfdSignal(fd);
  assertEquals(epoll.poll(1).sort(([a], [b]) => a - b), written.map((fd) => [fd, EPOLLIN]));
  for (const fd of written) eventfdClear(fd);
  for (const fd of all) eventfdSignal(fd);
  const lengths = [10, -1, 1, 1e9].map((maxEvents) => epoll.poll(1, maxEvents).length);
  assertEquals(lengths, [10, 1023, 1, 966], "an edge that did not fit is told by the next wait");
  for (const fd of all) epoll.modify(fd, EPOLLIN);
  const found = new Set(epoll.poll(1, 5000).map(([fd]) => fd));
  assertEquals(found.size, 2000);
  for (const fd of all) epoll.unregister(fd);
  assertEquals(epoll.poll(0), []);
});

Deno.test("Epoll: events are unsigned, and a mask may be negative, as | can make it", () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  assert((EPOLLIN | EPOLLET) < 0);
  const [first, second] = [fds.eventfd(), fds.eventfd()];
  epoll.register(first, EPOLLIN | EPOLLET);
  epoll.register(second, (EPOLLIN | EPOLLET) >>> 0);
  for (const fd of [first, second]) eventfdSignal(fd);
  assertEquals(epoll.poll(1).length, 2);
  assertEquals(epoll.poll(0), [], "both are edges");
});

Deno.test("Epoll: a closed descriptor leaves the set by itself", () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const [closed, open] = [fds.eventfd(), fds.eventfd()];
  for (const fd of [closed, open]) {
    epoll.register(fd, EPOLLIN);
    eventfdSignal(fd);
  }
  fds.close(closed);
  assertEquals(epoll.poll(1), [[open, EPOLLIN]]);
  assertThrows(() => epoll.unregister(closed), SystemError, "EBADF");
});

Deno.test("Epoll: after close() every method throws, and nothing is left open", () => {
  new Epoll().close(); // opens what the runtime opens only once
  const before = openDescriptors();
  const epoll = new Epoll();
  const fd = epoll.fileno();
  assert(isOpen(fd) && !epoll.closed);
  for (let i = 0; i < 2; i++) epoll.close();
  assert(epoll.closed && !isOpen(fd));
  const calls = [
    () => epoll.fileno(),
    () => epoll.register(0, EPOLLIN),
    () => epoll.modify(0, EPOLLIN),
    () => epoll.unregister(0),
    () => epoll.poll(0),
  ];
  for (const call of calls) {
    const error = assertThrows(call, Error, "This Epoll is closed");
    assert(error.constructor === Error);
  }
  let used: Epoll;
  {
    using disposed = new Epoll();
    used = disposed;
  }
  assert(used.closed);
  used[Symbol.dispose]();
  assertEquals(openDescriptors(), before);
});

Deno.test("Epoll: an object made from a descriptor shares the descriptor and the set", () => {
  using fds = new Descriptors();
  const first = new Epoll();
  const second = Epoll.fromFd(first.fileno());
  assertEquals([second.fileno(), second.closed], [first.fileno(), false]);
  const fd = fds.eventfd();
  first.register(fd, EPOLLIN);
  assertThrows(() => second.register(fd, EPOLLIN), SystemError, "EEXIST");
  eventfdSignal(fd);
  assertEquals(second.poll(1), [[fd, EPOLLIN]]);
  second.close();
  assertThrows(() => first.poll(0), SystemError, "Cannot wait for events: EBADF (bad file descriptor)");
  assertThrows(() => Epoll.fromFd(-1), RangeError);
  const none = Epoll.fromFd(fd);
  assertThrows(() => none.poll(0), SystemError, "Cannot wait for events: EINVAL (invalid argument)");
  assertEquals(close(first.fileno()), -9, "it was closed with the second");
});
