/**
 * The guarantees of every poller about the readiness of real descriptors: those of `Poller` in server/loop/poller.ts.
 * The waits of pollers are in poller_wait_test.ts.
 *
 * A poller may report more than is true (`naive` always does), so each test tries the descriptor itself. What a
 * poller must not report is tested with the five that ask the kernel.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN, ECONNRESET, EEXIST, ENOENT } from "../../ffi/libc/errno.ts";
import { eventfdClear, eventfdSignal } from "../../ffi/libc/multiplexers.ts";
import { send, shutdownWrite } from "../../ffi/socket/socket.ts";
import { Interest, type Poller, Readiness, ReadyList } from "../../server/loop/poller.ts";
import { createPoller } from "../../server/loop/pollers/mod.ts";
import { Descriptors, drain, fill, read, until, write } from "../support/descriptors.ts";
import { PATIENCE_MS } from "../support/waiting.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

const { NONE, READABLE, WRITABLE } = Interest;
const BOTH = READABLE | WRITABLE;
const ready = new ReadyList();

/** Returns the bits that one wait reports for `fd`; 0 when it is not reported. */
function told(poller: Poller, fd: number, timeoutMs = 0): number {
  const count = poller.wait(ready, timeoutMs);
  let bits = 0;
  for (let i = 0; i < count; i++) if (ready.fds[i] === fd) bits |= ready.bits[i]!;
  return bits;
}

/** Waits until one of `bits` is reported for `fd`. Fails after some seconds. */
function assertTold(poller: Poller, fd: number, bits: number, what: string): void {
  const endMs = performance.now() + PATIENCE_MS;
  let seen = 0;
  while (performance.now() < endMs) {
    seen |= told(poller, fd, 20);
    if (seen & bits) return;
  }
  throw new Error(`${poller.name}: ${what} was missed: wanted one of ${bits}, was told ${seen}`);
}

/**
 * Asserts that several waits report nothing for `fd`. A poller that does not ask the kernel cannot know, and is
 * exempt.
 */
function assertSilent(poller: Poller, fd: number, what: string): void {
  for (let i = 0; i < 3 && poller.name !== "naive"; i++) {
    assertEquals(told(poller, fd, 5), 0, `${poller.name}: ${what}`);
  }
}

/** Returns the bit by which a poller reports HANGUP or ERROR: select(2) and naive have only readable and writable. */
function orReadable({ name }: Poller, bit: number): number {
  return name === "select" || name === "naive" ? BOTH : bit;
}

for (const name of USABLE_POLLERS) {
  const trigger = name === "epoll-edge" || name === "io-uring" ? "edge" : "level";

  /** Registers a test of the contract. `body` gets a new poller, and descriptors that are closed afterwards. */
  const contract = (sentence: string, body: (poller: Poller, fds: Descriptors) => void) =>
    Deno.test(`${name}: ${sentence}`, () => {
      using fds = new Descriptors();
      const poller = createPoller(name);
      try {
        body(poller, fds);
      } finally {
        poller.close();
      }
    });

  contract("it has its name, and tells its trigger", (poller) => {
    assertEquals([poller.name, poller.trigger], [name, trigger]);
  });

  contract("an eventfd, a pipe and a socket that become readable are found", (poller, fds) => {
    const eventfd = fds.eventfd();
    const pipe = fds.pipe();
    const tcp = fds.tcp();
    for (const fd of [eventfd, pipe.reader, tcp.server]) {
      assertEquals(poller.add(fd, READABLE), 0);
      assertSilent(poller, fd, "nothing was written");
      assertEquals(read(fd), -EAGAIN);
    }
    eventfdSignal(eventfd);
    assertTold(poller, eventfd, READABLE, "the eventfd");
    assertEquals(eventfdClear(eventfd), 8);
    for (const [writer, reader] of [[pipe.writer, pipe.reader], [tcp.client, tcp.server]]) {
      write(writer!, "hello");
      assertTold(poller, reader!, READABLE, "data");
      assertEquals(read(reader!), "hello");
      assertEquals(drain(reader!), -EAGAIN);
      assertSilent(poller, reader!, "all was read");
    }
  });

  contract("a socket is writable while it has room, and again when its peer made room", (poller, fds) => {
    const { server, client } = fds.tcp();
    assertEquals(poller.add(server, WRITABLE), 0);
    assertTold(poller, server, WRITABLE, "room");
    fill(server);
    if (trigger === "edge") told(poller, server, 20); // the buffer may have had room for a moment
    assertSilent(poller, server, "the socket is full");
    const makeRoom = () => {
      drain(client);
      return told(poller, server, 20) & WRITABLE;
    };
    assertEquals(until(makeRoom, (bits) => bits !== 0), WRITABLE, "new room");
    assert(send(server, new Uint8Array(10), 10, false) > 0);
  });

  contract("only requested events are reported", (poller, fds) => {
    const { server, client } = fds.tcp();
    write(client, "x");
    poller.add(server, READABLE);
    assertTold(poller, server, READABLE, "data");
    poller.modify(server, WRITABLE);
    for (let i = 0; i < 3; i++) assertEquals(told(poller, server) & READABLE, 0, "reading was not asked for");
    poller.modify(server, READABLE);
    for (let i = 0; i < 3; i++) assertEquals(told(poller, server) & WRITABLE, 0, "writing was not asked for");
    poller.modify(server, BOTH);
    assertTold(poller, server, READABLE, "data, when asked for both");
  });

  contract(
    "readiness that exists when a descriptor is added, or its events change, is reported at once",
    (poller, fds) => {
      const { server, client } = fds.tcp();
      write(client, "x");
      assertEquals(read(server), "x");
      write(client, "y");
      poller.add(server, READABLE);
      assertTold(poller, server, READABLE, "what was there before");
      poller.modify(server, BOTH);
      assertTold(poller, server, WRITABLE, "room, asked for later");
      poller.modify(server, READABLE);
      assertTold(poller, server, READABLE, "data, asked for again");
      assertEquals(read(server), "y");
    },
  );

  if (trigger === "level") {
    contract("readiness is reported in every wait until it is handled", (poller, fds) => {
      const { server, client } = fds.tcp();
      write(client, "hello");
      poller.add(server, READABLE);
      assertTold(poller, server, READABLE, "data");
      for (let i = 0; i < 5; i++) assert(told(poller, server) & READABLE, "told again");
      assertEquals(read(server), "hello");
      assertSilent(poller, server, "handled");
    });
  } else {
    contract("readiness is reported once per change, whether it is handled or not", (poller, fds) => {
      const { server, client } = fds.tcp();
      poller.add(server, READABLE);
      write(client, "hello");
      assertTold(poller, server, READABLE, "data");
      assertSilent(poller, server, "told once already");
      write(client, " again");
      assertTold(poller, server, READABLE, "more data, though the first was not read");
      assertSilent(poller, server, "told of both");
      assertEquals(read(server), "hello again");
      write(client, "!");
      assertTold(poller, server, READABLE, "data after all was read");
    });

    contract("a source that does not read until EAGAIN gets no event for the rest", (poller, fds) => {
      const { server, client } = fds.tcp();
      poller.add(server, READABLE);
      write(client, "hello");
      assertTold(poller, server, READABLE, "data");
      assertEquals(read(server, 2), "he");
      assertSilent(poller, server, "nothing changed since");
      assertEquals(read(server), "llo", "and yet there is more");
      assertEquals(read(server), -EAGAIN);
      write(client, "new");
      assertTold(poller, server, READABLE, "data after draining");
      assertEquals(read(server), "new");
    });

    const whole = name === "io-uring"
      ? "and need not repeat what has not changed"
      : "with its whole readiness";
    contract(`a descriptor watched for both reports each change, ${whole}`, (poller, fds) => {
      const { server, client } = fds.tcp();
      poller.add(server, BOTH);
      assertTold(poller, server, WRITABLE, "room, at once");
      assertSilent(poller, server, "room was told");
      write(client, "x");
      const endMs = performance.now() + PATIENCE_MS;
      let bits = 0;
      while (!(bits & READABLE) && performance.now() < endMs) bits = told(poller, server, 20);
      if (name !== "io-uring") assertEquals(bits, READABLE | WRITABLE);
      else assert(bits & READABLE);
    });
  }

  contract("a peer that ends its half is reported, with the bytes that it sent before", (poller, fds) => {
    const { server, client } = fds.tcp();
    poller.add(server, READABLE);
    write(client, "last");
    assertTold(poller, server, READABLE, "data");
    assertEquals(read(server), "last");
    assertEquals(shutdownWrite(client), 0);
    assertTold(poller, server, orReadable(poller, Readiness.HANGUP), "the end of the peer's half");
    assertEquals(read(server), 0);
    write(server, "the other half is open");
  });

  contract("a peer that closes is reported", (poller, fds) => {
    const { server, client } = fds.tcp();
    const { reader, writer } = fds.pipe();
    poller.add(server, READABLE);
    poller.add(reader, READABLE);
    fds.close(client);
    assertTold(poller, server, orReadable(poller, Readiness.HANGUP), "the closed socket");
    assertEquals(read(server), 0);
    fds.close(writer); // POLLHUP without POLLIN, which sockets never have
    assertTold(poller, reader, orReadable(poller, Readiness.HANGUP), "the closed pipe");
    assertEquals(read(reader), 0);
  });

  contract("a reset is reported to a source that asked for reading or for writing", (poller, fds) => {
    for (const interest of [READABLE, WRITABLE]) {
      const { server, client } = fds.tcp();
      poller.add(server, interest);
      write(server, "never read");
      if (trigger === "edge") told(poller, server, 20);
      fds.close(client); // with bytes unread: the kernel sends RST instead of FIN
      const bit = orReadable(poller, Readiness.ERROR);
      assertTold(poller, server, bit, "the reset");
      if (interest === READABLE) assertEquals(read(server), -ECONNRESET);
    }
    const { reader, writer } = fds.pipe();
    poller.add(writer, WRITABLE);
    if (trigger === "edge") told(poller, writer, 20);
    fds.close(reader); // POLLERR without POLLHUP
    assertTold(poller, writer, orReadable(poller, Readiness.ERROR), "the reader that is gone");
  });

  contract("asking for nothing silences data, room, hang-ups and errors", (poller, fds) => {
    const data = fds.tcp();
    const ended = fds.tcp();
    const reset = fds.tcp();
    for (const { server } of [data, ended, reset]) {
      poller.add(server, BOTH);
      assertTold(poller, server, WRITABLE, "room");
      assertEquals(poller.modify(server, NONE), 0);
      assertEquals(poller.modify(server, NONE), 0, "asking for nothing twice");
    }
    write(data.client, "x");
    fds.close(ended.client);
    write(reset.server, "never read");
    fds.close(reset.client);
    const { reader, writer } = fds.pipe();
    assertEquals(poller.add(reader, NONE), 0);
    fds.close(writer);
    for (let i = 0; i < 5; i++) assertEquals(poller.wait(ready, 5), 0, `${name} is silent`);

    for (const { server } of [data, ended, reset]) assertEquals(poller.modify(server, READABLE), 0);
    assertEquals(poller.modify(reader, READABLE), 0);
    assertTold(poller, data.server, READABLE, "data that came in the silence");
    assertEquals(read(data.server), "x");
    for (const fd of [ended.server, reader]) {
      poller.modify(fd, READABLE); // the wait above has reported the edge
      assertTold(poller, fd, orReadable(poller, Readiness.HANGUP), "a hang-up in the silence");
      assertEquals(read(fd), 0);
    }
    poller.modify(reset.server, READABLE);
    assertTold(poller, reset.server, orReadable(poller, Readiness.ERROR), "a reset in the silence");
    assertEquals(read(reset.server), -ECONNRESET);
  });

  contract("a descriptor closed under it neither makes a wait fail nor hides the others", (poller, fds) => {
    const [first, closed, silent, last] = [fds.eventfd(), fds.eventfd(), fds.eventfd(), fds.eventfd()];
    for (const fd of [first, closed, silent, last]) assertEquals(poller.add(fd, READABLE), 0);
    poller.modify(silent, NONE);
    fds.close(closed);
    fds.close(silent);
    for (const fd of [last, first, last]) {
      eventfdSignal(fd);
      assertTold(poller, fd, READABLE, "a descriptor beside the closed one");
      eventfdClear(fd);
    }
    for (const number of [closed, silent]) {
      assertEquals(poller.remove(number), 0, "forgetting the closed one");
      const again = fds.duplicate(first, number);
      assertEquals(again, number, "the number was free");
      assertEquals(poller.add(again, READABLE), 0, "watching the number anew");
      eventfdSignal(again);
      assertTold(poller, again, READABLE, "the number's new descriptor");
      eventfdClear(again);
    }
  });

  contract("a removed descriptor is not reported any more, whether it is closed or not", (poller, fds) => {
    const { server, client } = fds.tcp();
    const other = fds.eventfd();
    poller.add(server, BOTH);
    poller.add(other, READABLE);
    write(client, "x");
    assertTold(poller, server, READABLE, "data");
    assertEquals(poller.remove(server), 0);
    for (let i = 0; i < 3; i++) assertEquals(told(poller, server, 5), 0);
    assertEquals(poller.add(server, READABLE), 0);
    assertTold(poller, server, READABLE, "data, watched anew");
    assertEquals(poller.remove(server, true), 0);
    fds.close(server);
    for (let i = 0; i < 3; i++) assertEquals(told(poller, server, 5), 0);
    eventfdSignal(other);
    assertTold(poller, other, READABLE, "the one that stayed");
  });

  contract("adding twice is −EEXIST, and an unwatched descriptor is −ENOENT", (poller, fds) => {
    const fd = fds.eventfd();
    for (const interest of [READABLE, NONE]) {
      assertEquals([poller.modify(fd, READABLE), poller.remove(fd), poller.remove(fd, true)], [
        -ENOENT,
        -ENOENT,
        -ENOENT,
      ]);
      assertEquals(poller.add(fd, interest), 0);
      assertEquals(poller.add(fd, READABLE), -EEXIST);
      assertEquals(poller.add(fd, NONE), -EEXIST);
      assertEquals(poller.remove(fd), 0);
    }
    assertEquals(poller.modify(1_000_000, READABLE), -ENOENT, "a number that was never seen");
    assertEquals(poller.remove(-1), -ENOENT);
    poller.add(fd, READABLE);
    assertEquals(poller.add(fd, READABLE), -EEXIST);
    eventfdSignal(fd);
    assertTold(poller, fd, READABLE, "one whose second adding was refused");
  });
}
