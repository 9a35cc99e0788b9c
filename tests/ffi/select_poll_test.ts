/**
 * `Poll` of ffi/select/select.ts on real descriptors. Its waits on other threads are in select_async_test.ts.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as C from "../../ffi/libc/multiplexer_constants.ts";
import { SystemError } from "../../ffi/libc/errno.ts";
import { eventfdClear, eventfdSignal } from "../../ffi/libc/multiplexers.ts";
import { recvUrgent, shutdownWrite } from "../../ffi/socket/socket.ts";
import { Poll } from "../../ffi/select/select.ts";
import { Descriptors, read, sendUrgent, until, write } from "../support/descriptors.ts";
import { awaited } from "../support/waiting.ts";
import { signalThisThread } from "../support/signal.ts";

const { POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDHUP } = C;

/** Returns the events of `fd`, once all of `wanted` are reported. */
function eventsWith(poll: Poll, fd: number, wanted: number): number | undefined {
  const events = () => poll.poll(20).find(([number]) => number === fd)?.[1];
  return until(events, (revents) => ((revents ?? 0) & wanted) === wanted);
}

Deno.test("Poll: data that is not read is reported again in every wait", () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const { reader, writer } = fds.pipe();
  poll.register(reader, POLLIN);
  assertEquals(poll.poll(0), []);
  write(writer, "hello");
  for (let i = 0; i < 3; i++) assertEquals(poll.poll(1000), [[reader, POLLIN]]);
  assertEquals(read(reader), "hello");
  assertEquals(poll.poll(5), []);
});

Deno.test("Poll: without a mask it asks for reading, writing and exceptional conditions", () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const { server, client } = fds.tcp();
  poll.register(server);
  assertEquals(poll.poll(1000), [[server, POLLOUT]]);
  write(client, "x");
  assertEquals(eventsWith(poll, server, POLLIN), POLLIN | POLLOUT);
  assertEquals(read(server), "x");
  sendUrgent(client);
  assertEquals((eventsWith(poll, server, POLLPRI) ?? 0) & ~POLLIN, POLLPRI | POLLOUT);
  assertEquals(until(() => recvUrgent(server), (status) => status === 1), 1);
  assertEquals(poll.poll(5), [[server, POLLOUT]]);
});

Deno.test("Poll: registering again replaces the events, and keeps the place in the list", () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const all = [fds.eventfd(), fds.eventfd(), fds.eventfd()];
  for (const fd of all) poll.register(fd, POLLIN);
  assertEquals(poll.poll(0), []);
  poll.register(all[1]!, POLLOUT);
  assertEquals(poll.poll(0), [[all[1], POLLOUT]]);
  poll.modify(all[0]!, POLLOUT);
  eventfdSignal(all[2]!);
  assertEquals(poll.poll(0), [[all[0], POLLOUT], [all[1], POLLOUT], [all[2], POLLIN]]);
  poll.unregister(all[1]!);
  assertEquals(poll.poll(0), [[all[0], POLLOUT], [all[2], POLLIN]]);
  poll.modify(all[0]!, 0);
  assertEquals(poll.poll(0), [[all[2], POLLIN]]);
});

Deno.test("Poll: ends of peers, hang-ups, errors and closed descriptors are distinguished, asked for or not", () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const half = fds.tcp();
  poll.register(half.server, POLLRDHUP);
  shutdownWrite(half.client);
  assertEquals(eventsWith(poll, half.server, POLLRDHUP), POLLRDHUP);
  shutdownWrite(half.server);
  assertEquals(eventsWith(poll, half.server, POLLHUP), POLLRDHUP | POLLHUP, "both halves");
  poll.unregister(half.server);

  const written = fds.pipe();
  const unread = fds.pipe();
  const closed = fds.eventfd();
  for (const fd of [written.reader, unread.writer, closed]) poll.register(fd, 0);
  assertEquals(poll.poll(0), []);
  fds.close(written.writer);
  fds.close(unread.reader);
  fds.close(closed);
  const expected = [[written.reader, POLLHUP], [unread.writer, POLLERR], [closed, POLLNVAL]];
  for (let i = 0; i < 2; i++) assertEquals<number[][]>(poll.poll(1000), expected);
  poll.unregister(closed);
  assertEquals(poll.poll(0).length, 2);
});

Deno.test("Poll: normal data has names of its own", () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const { server, client } = fds.tcp();
  poll.register(server, C.POLLRDNORM | C.POLLWRNORM);
  assertEquals(poll.poll(1000), [[server, C.POLLWRNORM]]);
  write(client, "x");
  assertEquals(eventsWith(poll, server, C.POLLRDNORM), C.POLLRDNORM | C.POLLWRNORM);
});

Deno.test("Poll: an error names its reason", () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const fd = fds.eventfd();
  const unknown = assertThrows(() => poll.modify(fd, POLLIN), SystemError);
  assertEquals(
    unknown.message,
    `Cannot change the watch of descriptor ${fd}: ENOENT (no such file or directory)`,
  );
  for (let i = 0; i < 2; i++) {
    const error = assertThrows(() => poll.unregister(fd), SystemError);
    assertEquals(
      [error.code, error.message],
      ["ENOENT", `Cannot end the watch of descriptor ${fd}: ENOENT (no such file or directory)`],
    );
    poll.register(fd, POLLIN);
    poll.unregister(fd);
  }
  assertThrows(() => poll.register(-1), RangeError, "A file descriptor cannot be -1");
  assertThrows(() => poll.unregister(-1), RangeError);
  assertThrows(() => poll.register(0.5), TypeError);
  for (const mask of [-1, 0x10000]) assertThrows(() => poll.register(fd, mask), RangeError, "16 bits");
  assertThrows(() => poll.register(fd, 0.5), TypeError);
  assertThrows(() => poll.modify(fd, -1), RangeError);
  assertThrows(() => poll.poll(NaN), TypeError, "A timeout is a number, not NaN");
  assertEquals(poll.poll(0), [], "nothing was registered");
});

Deno.test("Poll: objects with fileno() are accepted", () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const fd = fds.eventfd();
  const object = { fileno: () => fd };
  poll.register(object, POLLIN);
  poll.modify(object, POLLOUT);
  assertEquals(poll.poll(1000), [[fd, POLLOUT]]);
  poll.unregister(object);
  assertEquals(poll.poll(0), []);
});

Deno.test("Poll: a timeout is in milliseconds, and a wait takes all of it", () => {
  using fds = new Descriptors();
  const poll = new Poll();
  for (let i = 0; i < 2; i++) {
    for (const timeoutMs of [0, 0.1, 30, 250.5]) {
      const startMs = performance.now();
      assertEquals(poll.poll(timeoutMs), []);
      assert(performance.now() - startMs >= timeoutMs, `${timeoutMs} ms`);
    }
    poll.register(fds.eventfd(), POLLIN); // a wait on an empty list takes its time, too
  }
});

Deno.test("Poll: a wait without a timeout lasts until a descriptor is ready, in every spelling", async () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const { reader, writer } = fds.pipe();
  poll.register(reader, POLLIN);
  for (const timeoutMs of [undefined, null, -1, Infinity, 1e12]) {
    const command = `sleep 0.05; printf x > /proc/${Deno.pid}/fd/${writer}`;
    const child = new Deno.Command("sh", { args: ["-c", command] }).spawn();
    assertEquals(poll.poll(timeoutMs), [[reader, POLLIN]], `${timeoutMs}`);
    assertEquals(read(reader), "x");
    await child.status;
  }
});

Deno.test("Poll: a signal does not end a wait", async () => {
  const poll = new Poll();
  const heard = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGUSR1", heard.resolve);
  try {
    const child = signalThisThread();
    const startMs = performance.now();
    assertEquals(poll.poll(600), []);
    assert(performance.now() - startMs >= 600);
    await child.status;
    await awaited(heard.promise, "the signal");
  } finally {
    Deno.removeSignalListener("SIGUSR1", heard.resolve);
  }
});

Deno.test("Poll: each ready descriptor of 2,000 is reported, in the order of registration", () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const all = Array.from({ length: 2000 }, () => fds.eventfd());
  for (const fd of all) poll.register(fd, POLLIN);
  const written = all.filter((_fd, i) => i % 7 === 3);
  for (const fd of written) eventfdSignal(fd);
  assertEquals(poll.poll(1000), written.map((fd) => [fd, POLLIN]));
  for (const fd of written) eventfdClear(fd);
  assertEquals(poll.poll(0), []);
  for (const fd of all) eventfdSignal(fd);
  assertEquals(poll.poll(1000).length, 2000);
  for (const fd of all) poll.unregister(fd);
  assertEquals(poll.poll(0), []);
});
