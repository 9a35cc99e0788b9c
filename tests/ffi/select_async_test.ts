/**
 * `Epoll.pollAsync` and `Poll.pollAsync` of ffi/select/select.ts: waits on other threads.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  POLLIN,
  POLLNVAL,
  POLLOUT,
} from "../../ffi/libc/multiplexer_constants.ts";
import { SystemError } from "../../ffi/libc/errno.ts";
import { eventfdClear, eventfdSignal, isOpen } from "../../ffi/libc/multiplexers.ts";
import { Epoll, Poll } from "../../ffi/select/select.ts";
import { Descriptors, eventually, openDescriptors } from "../support/descriptors.ts";
import { sleep } from "../support/sleep.ts";
import { DENO, REPOSITORY } from "../support/program.ts";

/** Asserts that the call is rejected with an error of this kind and message. */
async function assertRejects(
  call: () => Promise<unknown>,
  kind: new (intent: string, call: string, errno: number) => Error,
  message: string,
): Promise<void> {
  const error = await call().then(() => null, (error) => error);
  assert(error instanceof kind && error.message.includes(message), `${error}`);
}

/** Returns the milliseconds until a promise settles. */
async function duration(call: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await call();
  return performance.now() - startMs;
}

Deno.test("Epoll: while it waits on another thread, timers run, and readiness ends the wait", async () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const fd = fds.eventfd();
  epoll.register(fd, EPOLLIN);
  assertEquals(await epoll.pollAsync(0), []);
  for (const timeout of [undefined, null, -1, 1000]) {
    const waiting = epoll.pollAsync(timeout);
    await sleep(10);
    eventfdSignal(fd);
    assertEquals(await waiting, [[fd, EPOLLIN]]);
    eventfdClear(fd);
  }
  assert(await duration(() => epoll.pollAsync(0.05)) >= 49);
});

Deno.test("Epoll: registering, modifying and unregistering take effect during a wait on another thread", async () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const [first, second, silent] = [fds.eventfd(), fds.eventfd(), fds.eventfd()];
  epoll.register(silent, EPOLLIN);
  let waiting = epoll.pollAsync();
  await sleep(5);
  epoll.unregister(silent);
  eventfdSignal(silent);
  epoll.register(first, EPOLLOUT | EPOLLONESHOT);
  assertEquals(await waiting, [[first, EPOLLOUT]]);
  epoll.register(second, EPOLLIN);
  waiting = epoll.pollAsync();
  await sleep(5);
  epoll.modify(second, EPOLLOUT);
  assertEquals(await waiting, [[second, EPOLLOUT]]);
});

Deno.test("Epoll: waits at the same time have separate lists of events", async () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  const all = Array.from({ length: 200 }, () => fds.eventfd());
  for (const fd of all) epoll.register(fd, EPOLLIN);
  const waiting = [epoll.pollAsync(10), epoll.pollAsync(10, 300), epoll.pollAsync(10, 1)];
  assertEquals(epoll.poll(0), []);
  for (const fd of all) eventfdSignal(fd);
  const told = epoll.poll(1, 2000);
  assertEquals(told.map(([fd]) => fd).sort((a, b) => a - b), all);
  for (const list of await Promise.all(waiting)) {
    assert(list.length > 0);
    for (const [fd, events] of list) assert(all.includes(fd) && events === EPOLLIN, `${fd}, ${events}`);
  }
});

Deno.test("Epoll: closing ends waits on other threads at once, and the descriptor stays open until then", async () => {
  using fds = new Descriptors();
  for (const count of [1, 3]) {
    const epoll = new Epoll();
    const fd = epoll.fileno();
    const watched = fds.eventfd();
    epoll.register(watched, EPOLLIN);
    const waiting = Array.from({ length: count }, () => epoll.pollAsync());
    await sleep(10);
    epoll.close();
    epoll.close();
    assert(epoll.closed && isOpen(fd), "its number must not go to others yet");
    await assertRejects(() => epoll.pollAsync(0), Error, "This Epoll is closed");
    eventfdSignal(watched);
    for (const list of waiting) assertEquals(await list, [], "what is ready is not told any more");
    assert(!isOpen(fd));
  }
});

Deno.test("Epoll: a loop that waits until it is closed ends, and leaves nothing open", async () => {
  await new Epoll().pollAsync(0).catch(() => {}); // opens what the runtime opens only once
  using fds = new Descriptors();
  const fd = fds.eventfd();
  const before = openDescriptors() - 2; // the Epoll above is never closed: two descriptors, its own and its eventfd
  const epoll = new Epoll();
  epoll.register(fd, EPOLLIN);
  let events = 0;
  const loop = async () => {
    while (!epoll.closed) {
      for (const [number] of await epoll.pollAsync()) {
        eventfdClear(number);
        events++;
      }
    }
  };
  const running = loop();
  for (let i = 1; i <= 3; i++) {
    eventfdSignal(fd);
    await eventually(() => events === i, "the event was missed");
  }
  epoll.close();
  await running;
  assertEquals(openDescriptors(), before + 2);
});

Deno.test("Epoll: the eventfd that ends waits is never reported, not even to other users of the set", async () => {
  using fds = new Descriptors();
  const first = new Epoll();
  using outer = new Epoll();
  const second = Epoll.fromFd(first.fileno());
  const fd = fds.eventfd();
  first.register(fd, EPOLLIN);
  outer.register(first, EPOLLIN);
  const waiting = first.pollAsync();
  await sleep(5);
  first.close();
  assertEquals(second.poll(0), [], "the eventfd is readable now");
  assertEquals(await waiting, []);
});

Deno.test("Epoll: a wait on another thread that fails rejects its promise", async () => {
  using fds = new Descriptors();
  using epoll = new Epoll();
  await assertRejects(() => epoll.pollAsync(0, 0), RangeError, "maxEvents must be greater than 0, not 0");
  await assertRejects(() => epoll.pollAsync(NaN), TypeError, "A timeout is a number, not NaN");
  const before = openDescriptors();
  const none = Epoll.fromFd(fds.eventfd());
  await assertRejects(
    () => none.pollAsync(0),
    SystemError,
    "Cannot wait for events: EINVAL (invalid argument)",
  );
  assertEquals(openDescriptors(), before + 1, "its eventfd was closed");
  assertEquals(await epoll.pollAsync(0), []);
});

Deno.test("Poll: while it waits on another thread, timers run, and readiness ends the wait", async () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const fd = fds.eventfd();
  poll.register(fd, POLLIN);
  assertEquals(await poll.pollAsync(0), []);
  for (const timeoutMs of [undefined, null, -1, 1_000_000]) {
    const waiting = poll.pollAsync(timeoutMs);
    await sleep(10);
    eventfdSignal(fd);
    assertEquals(await waiting, [[fd, POLLIN]]);
    eventfdClear(fd);
  }
  assert(await duration(() => poll.pollAsync(50)) >= 49);
});

Deno.test("Poll: changes during a wait on another thread take effect in the next wait", async () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const [first, second] = [fds.eventfd(), fds.eventfd()];
  poll.register(first, POLLIN);
  const waiting = poll.pollAsync(10_000);
  const other = poll.pollAsync(20);
  await sleep(5);
  poll.register(second, POLLOUT);
  poll.modify(first, POLLOUT);
  poll.unregister(first);
  assertEquals(poll.poll(1000), [[second, POLLOUT]]);
  assertEquals(await other, []);
  eventfdSignal(first);
  assertEquals(await waiting, [[first, POLLIN]]);
  assertEquals(await poll.pollAsync(1000), [[second, POLLOUT]]);
});

Deno.test("Poll: a closed descriptor is reported on another thread too, and so is a bad timeout", async () => {
  using fds = new Descriptors();
  const poll = new Poll();
  const fd = fds.eventfd();
  poll.register(fd, POLLIN);
  fds.close(fd);
  assertEquals(await poll.pollAsync(10_000), [[fd, POLLNVAL]]);
  await assertRejects(() => poll.pollAsync(NaN), TypeError, "A timeout is a number, not NaN");
});

Deno.test("buffers of waits on other threads are not collected before the waits end", async () => {
  const [deno, ...args] = DENO;
  if (args.length > 0) return console.log("SKIPPED: under an emulator this takes minutes");
  const program = `${REPOSITORY}tests/support/select_garbage.ts`;
  const output = await new Deno.Command(deno, {
    args: [...args, "run", "--no-check", "--no-prompt", "--v8-flags=--expose-gc", "--allow-ffi", program],
    stderr: "piped",
  }).output();
  assertEquals([output.signal, output.code], [null, 0], new TextDecoder().decode(output.stderr));
});
