/**
 * `select` of ffi/select/select.ts on real descriptors.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { SystemError } from "../../ffi/libc/errno.ts";
import { eventfdSignal, isOpen } from "../../ffi/libc/multiplexers.ts";
import { recvUrgent } from "../../ffi/socket/socket.ts";
import { Epoll, type HasFileno, select } from "../../ffi/select/select.ts";
import { Descriptors, fill, read, sendUrgent, until, write } from "../support/descriptors.ts";
import { awaited } from "../support/waiting.ts";
import { signalThisThread } from "../support/signal.ts";

Deno.test("select: readable, writable and exceptional descriptors are distinguished", () => {
  using fds = new Descriptors();
  const { server, client } = fds.tcp();
  assertEquals(select([server], [], [server], 0), [[], [], []]);
  assertEquals(select([server], [server], [server], 1), [[], [server], []]);
  write(client, "x");
  assertEquals(select([server], [], [server], 5), [[server], [], []]);
  assertEquals(select([server, client], [client, server], [server], 5), [[server], [client, server], []]);
  assertEquals(read(server), "x");
  sendUrgent(client);
  assertEquals(select([], [], [server, client], 5), [[], [], [server]]);
  assertEquals(until(() => recvUrgent(server), (status) => status === 1), 1);
  assertEquals(select([server], [], [server], 0.005), [[], [], []]);
  fill(client);
  assertEquals(select([], [client], [], 0.005), [[], [], []], "no room");
});

Deno.test("select: data that is not read is reported again, and the end of a peer is readable", () => {
  using fds = new Descriptors();
  const { reader, writer } = fds.pipe();
  write(writer, "hello");
  for (let i = 0; i < 3; i++) assertEquals(select([reader], [], [], 1), [[reader], [], []]);
  assertEquals(read(reader), "hello");
  assertEquals(select([reader], [], [], 0.005), [[], [], []]);
  fds.close(writer);
  assertEquals(select([reader], [], [], 1), [[reader], [], []]);
  assertEquals(read(reader), 0);
});

Deno.test("select: the given objects are returned, in order, as often as they were given", () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const [first, second] = [fds.eventfd(), fds.eventfd()];
  eventfdSignal(first);
  class File implements HasFileno {
    calls = 0;
    constructor(readonly fd: number) {}
    fileno(): number {
      this.calls++;
      return this.fd;
    }
  }
  const files = [new File(second), new File(first), new File(first)];
  const [readable, writable, exceptional] = select([epoll, ...files, first], new Set(files), [second], 1);
  assert(readable[0] === files[1]);
  assertEquals(readable, [files[1]!, files[2]!, first]);
  assert(writable[0] === files[0]);
  assertEquals([writable.length, exceptional.length], [3, 0]);
  assertEquals(files.map((file) => file.calls), [2, 2, 2], "once for each list");
});

Deno.test("select: fileno() may itself select", () => {
  using fds = new Descriptors();
  const [first, second] = [fds.eventfd(), fds.eventfd()];
  eventfdSignal(second);
  const nosy = {
    fileno: () => {
      select([second], [second], [], 0);
      return first;
    },
  };
  assertEquals(select([second, nosy], [], [nosy], 1), [[second], [], []]);
});

Deno.test("select: 1023 is the largest descriptor that fits, and larger ones are refused before the kernel sees them", () => {
  using fds = new Descriptors();
  const low = fds.eventfd();
  eventfdSignal(low);
  if (isOpen(1023)) console.log("SKIPPED: 1023 is in use");
  else {
    const last = fds.duplicate(low, 1023);
    assertEquals(select([last, low], [last], [last], 1), [[last, low], [last], []]);
    const words = [31, 32, 63, 64, 1022].map((number) => fds.duplicate(low, number)).filter((fd) =>
      fd < 1024
    );
    assertEquals(select(words, [], [], 1), [words, [], []]);
  }
  const above = fds.duplicate(low, 1024);
  for (const fd of [above, 1024, 5000, 0x7fff_ffff]) {
    const message = `select takes descriptors below 1024, not ${fd}`;
    assertThrows(() => select([fd], [], [], 0), RangeError, message);
    assertThrows(() => select([low], [low, fd], [], 0), RangeError, message);
    assertThrows(() => select([], [], [{ fileno: () => fd }], 0), RangeError, message);
  }
  assertThrows(() => select([-1], [], [], 0), RangeError, "A file descriptor cannot be -1");
  assertThrows(() => select([], [2 ** 40], [], 0), RangeError);
  assertThrows(() => select([], [], [NaN], 0), TypeError, "A file descriptor is an integer, not NaN");
  assertEquals(select([low], [low], [low], 1), [[low], [low], []], "it goes on as before");
});

Deno.test("select: a closed descriptor is named", () => {
  using fds = new Descriptors();
  const [open, closed] = [fds.eventfd(), fds.eventfd()];
  fds.close(closed);
  for (const lists of [[[open, closed], [], []], [[], [closed], [open]], [[open], [open], [closed]]]) {
    const error = assertThrows(() => select(lists[0]!, lists[1]!, lists[2]!, 0), SystemError);
    assertEquals(error.message, `Cannot select on descriptor ${closed}: EBADF (bad file descriptor)`);
    assertEquals([error.code, error.call], ["EBADF", "select"]);
  }
});

Deno.test("select: a timeout is in seconds, and a wait takes all of it, with three empty lists too", () => {
  using fds = new Descriptors();
  for (const list of [[], [fds.eventfd()]]) {
    for (const timeout of [0, 0.00005, 0.03, 0.25]) {
      const startMs = performance.now();
      assertEquals(select(list, [], list, timeout), [[], [], []]);
      assert(performance.now() - startMs >= timeout * 1000, `${timeout} s`);
    }
  }
  const shortest = Math.min(...[1, 2, 3, 4, 5].map(() => {
    const startMs = performance.now();
    for (let i = 0; i < 10; i++) select([], [], [], 0.0001);
    return performance.now() - startMs;
  }));
  assert(shortest >= 1, `ten waits of 100 µs took ${shortest} ms`);
  for (const timeout of [-1, -0.000001, -Infinity]) {
    assertThrows(() => select([], [], [], timeout), RangeError, `A timeout cannot be ${timeout}`);
  }
  assertThrows(() => select([], [], [], NaN), TypeError);
});

Deno.test("select: a wait without a timeout lasts until a descriptor is ready, in every spelling", async () => {
  using fds = new Descriptors();
  const { reader, writer } = fds.pipe();
  for (const timeout of [undefined, null, Infinity, 1e12]) {
    const command = `sleep 0.05; printf x > /proc/${Deno.pid}/fd/${writer}`;
    const child = new Deno.Command("sh", { args: ["-c", command] }).spawn();
    assertEquals(select([reader], [], [], timeout), [[reader], [], []], `${timeout}`);
    assertEquals(read(reader), "x");
    await child.status;
  }
});

Deno.test("select: a signal does not end a wait", async () => {
  const heard = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGUSR1", heard.resolve);
  try {
    const child = signalThisThread();
    const startMs = performance.now();
    assertEquals(select([], [], [], 0.6), [[], [], []]);
    assert(performance.now() - startMs >= 600);
    await child.status;
    await awaited(heard.promise, "the signal");
  } finally {
    Deno.removeSignalListener("SIGUSR1", heard.resolve);
  }
});

Deno.test("select: as many descriptors as fit are served at once", () => {
  using fds = new Descriptors();
  const all = Array.from({ length: 900 }, () => fds.eventfd()).filter((fd) => fd < 1024);
  const written = all.filter((_fd, i) => i % 7 === 3);
  for (const fd of written) eventfdSignal(fd);
  assertEquals(select(all, all, all, 1), [written, all, []]);
});
