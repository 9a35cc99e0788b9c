/**
 * Sockets, errno, and the process, through the C library. Files are in ffi_file_test.ts.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { F_GETFD, RLIMIT_NOFILE } from "../../ffi/libc/constants.ts";
import {
  EAGAIN,
  EBADF,
  ECONNRESET,
  EINVAL,
  ENOENT,
  EPIPE,
  errnoName,
  orThrow,
  SystemError,
} from "../../ffi/libc/errno.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString, libc, result } from "../../ffi/libc/libc.ts";
import { eventfdClear, eventfdSignal, isOpen, poll } from "../../ffi/libc/multiplexers.ts";
import {
  environmentVariable,
  ignoreSigpipe,
  processId,
  raiseDescriptorLimit,
} from "../../ffi/process/process.ts";
import * as socket from "../../ffi/socket/socket.ts";
import { RLIMIT } from "../../ffi/libc/structs.ts";
import { Descriptors, drain, openDescriptors, until, write } from "../support/descriptors.ts";
import { REPOSITORY } from "../support/program.ts";

const ENOTCONN = 107;
const ENOTSOCK = 88;
const buffer = new Uint8Array(256);
const hello = Uint8Array.from(new TextEncoder().encode("hello"));

/** Listens on `host`. Returns null, with a message, when the machine does not support that, such as IPv6. */
function listenOn(fds: Descriptors, host: string): number | null {
  try {
    return fds.keep(socket.listenTcp(host, 0, 16));
  } catch (error) {
    if (host === "127.0.0.1" || !(error instanceof SystemError)) throw error;
    console.log(`SKIPPED: ${error.message}`);
    return null;
  }
}

/** Accepts a client of `listening`, once there is one. */
function acceptOne(fds: Descriptors, listening: number): number {
  return fds.keep(until(() => socket.accept(listening), (fd) => fd !== -EAGAIN));
}

/** Receives, once there are bytes. */
function receive(fd: number): string | number {
  const count = until(() => socket.recv(fd, buffer), (value) => value !== -EAGAIN);
  return count > 0 ? new TextDecoder().decode(buffer.subarray(0, count)) : count;
}

// The addresses to listen on, and the addresses by which they are reached.
for (
  const [host, over] of [["127.0.0.1", "127.0.0.1"], ["::1", "::1"], ["::", "127.0.0.1"], [
    "::",
    "::1",
  ]] as const
) {
  Deno.test(`a socket that listens on ${host} is reached over ${over}, in both directions`, async () => {
    using fds = new Descriptors();
    const listening = listenOn(fds, host);
    if (listening === null) return;
    const { address, port } = socket.localAddress(listening);
    assertEquals(address, host);
    assert(port > 0 && port < 65536);
    assertEquals(socket.accept(listening), -EAGAIN, "there is no client yet");
    const client = await Deno.connect({ hostname: over, port });
    try {
      const server = acceptOne(fds, listening);
      assertEquals(socket.localAddress(server), { address: over, port }, "an IPv4 client is told as IPv4");
      assertEquals(socket.recv(server, buffer), -EAGAIN, "accepted sockets do not block");
      await client.write(hello);
      assertEquals(receive(server), "hello");
      assertEquals(socket.send(server, hello, 4, true), 4);
      assertEquals(socket.send(server, hello, 5, false), 5);
      assertEquals(socket.shutdownWrite(server), 0);
      assertEquals(await new Response(client.readable).text(), "hellhello");
    } finally {
      try {
        client.close();
      } catch {
        // the runtime has closed it after its end
      }
    }
  });
}

Deno.test("addresses are formatted as in a URL, and names are not addresses", () => {
  assertEquals(socket.formatAddress({ address: "127.0.0.1", port: 80 }), "127.0.0.1:80");
  assertEquals(socket.formatAddress({ address: "::1", port: 80 }), "[::1]:80");
  for (const host of ["127.0.0.1", "0.0.0.0", "::", "::1", "::ffff:1.2.3.4", "fe80::1"]) {
    assert(socket.isIpAddress(host), host);
  }
  for (const host of ["", "localhost", "127.0.0", "1.2.3.4.5", ":", "127.0.0.1\0", "[::1]", "::1%lo"]) {
    assert(!socket.isIpAddress(host), host);
  }
});

Deno.test("an error while listening names the address, the reason and the call", () => {
  using fds = new Descriptors();
  const { port } = socket.localAddress(fds.keep(socket.listenTcp("127.0.0.1", 0, 1)));
  const before = openDescriptors();
  const inUse = assertThrows(() => socket.listenTcp("127.0.0.1", port, 1), SystemError);
  assertEquals(inUse.message, `Cannot listen on 127.0.0.1:${port}: EADDRINUSE (address already in use)`);
  assertEquals([inUse.name, inUse.code, errnoName(inUse.errno)], ["SystemError", "EADDRINUSE", "EADDRINUSE"]);
  assertMatch(inUse.call, /^(bind|listen)$/);
  // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
  const notOurs = assertThrows(() => socket.listenTcp("192.0.2.1", 0, 1), SystemError);
  assertEquals(
    notOurs.message,
    "Cannot listen on 192.0.2.1:0: EADDRNOTAVAIL (address not available on this machine)",
  );
  assertEquals(notOurs.call, "bind");
  assertThrows(() => socket.listenTcp("localhost", 0, 1), RangeError, "localhost is no IPv4 or IPv6 address");
  assertThrows(() => socket.localAddress(-1), SystemError, "EBADF (bad file descriptor)");
  assertEquals(openDescriptors(), before, "a failure leaves no descriptor behind");
});

Deno.test("the calls that serve a request return −errno", () => {
  using fds = new Descriptors();
  const closed = 1_000_000; // a number that no other file gets meanwhile
  assertEquals(
    [
      socket.accept(closed),
      socket.recv(closed, buffer),
      socket.send(closed, hello, 5, false),
      socket.sendfile(closed, closed, 0, 1),
      socket.shutdownWrite(closed),
      socket.close(closed),
    ],
    [-EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF],
  );
  const eventfd = fds.eventfd();
  assertEquals([socket.recv(eventfd, buffer), socket.accept(eventfd)], [-ENOTSOCK, -ENOTSOCK]);
  const listening = fds.keep(socket.listenTcp("127.0.0.1", 0, 1));
  assertEquals([socket.accept(listening), socket.recv(listening, buffer)], [-EAGAIN, -ENOTCONN]);
  const { server } = fds.tcp();
  assertEquals(socket.accept(server), -EINVAL, "it does not listen");
});

Deno.test("the end of a peer and a reset are distinguished, and neither kills the process", () => {
  ignoreSigpipe();
  using fds = new Descriptors();
  const ending = fds.tcp();
  write(ending.client, "last words");
  assertEquals(socket.shutdownWrite(ending.client), 0);
  assertEquals([receive(ending.server), receive(ending.server), receive(ending.server)], [
    "last words",
    0,
    0,
  ]);
  assertEquals(socket.send(ending.server, hello, 5, false), 5, "the other half is open");
  assertEquals(receive(ending.client), "hello");

  const resetting = fds.tcp();
  write(resetting.server, "never read");
  fds.close(resetting.client);
  assertEquals(receive(resetting.server), -ECONNRESET);
  for (let i = 0; i < 3; i++) assertEquals(socket.send(resetting.server, hello, 5, false), -EPIPE);
  const root = fds.keep(openDirectory(REPOSITORY));
  const file = fds.keep(openBeneathByWalking(root, cString("deno.json")));
  assertEquals(
    socket.sendfile(resetting.server, file, 0, 10),
    -EPIPE,
    "sendfile(2) has no flag against SIGPIPE",
  );
});

Deno.test("a full socket is reported, and takes the rest later", () => {
  using fds = new Descriptors();
  const { server, client } = fds.tcp();
  const much = new Uint8Array(1 << 20);
  let sent = 0;
  let count = 0;
  while ((count = socket.send(server, much, much.length, false)) >= 0) sent += count;
  assertEquals(count, -EAGAIN);
  assert(sent > 0);
  const takesMore = () => {
    drain(client);
    return socket.send(server, much, much.length, false);
  };
  assert(until(takesMore, (value) => value !== -EAGAIN) > 0);
});

Deno.test("errno is right after each of 10,000 calls that fail in turn, between promises and new garbage too", async () => {
  using fds = new Descriptors();
  const { server } = fds.tcp();
  const eventfd = fds.eventfd();
  const missing = cString("/no/such/file");
  const failing: readonly (readonly [number, () => number])[] = [
    [EBADF, () => socket.recv(-1, buffer)],
    [EAGAIN, () => socket.recv(server, buffer)],
    [ENOTSOCK, () => socket.recv(eventfd, buffer)],
    [ENOENT, () => result(libc.openat(-100, missing, 0, 0))],
    [EINVAL, () => socket.accept(server)],
    [EAGAIN, () => eventfdClear(eventfd)],
  ];
  const wrong: string[] = [];
  let calls = 0;
  const failOnce = () => {
    const [errno, call] = failing[calls++ % failing.length]!;
    const value = call();
    if (value !== -errno) wrong.push(`call ${calls}: ${value} instead of ${-errno}`);
  };
  while (calls < 10_000) {
    failOnce();
    if (calls % 100 === 0) await Deno.stat("/no/such/file").catch(() => {}); // sets errno on another thread
    if (calls % 500 === 0) new Array(100_000).fill({});
  }
  assertEquals(wrong.slice(0, 5), []);
  assertEquals(result(7), 7, "a success is not an error");
});

Deno.test("set-up code throws for a failed call, and passes on the result of another", () => {
  assertEquals(orThrow(3, "do it", "call"), 3);
  const error = assertThrows(() => orThrow(-ENOENT, "open root ./html", "openat"), SystemError);
  assertEquals(error.message, "Cannot open root ./html: ENOENT (no such file or directory)");
  assertEquals([error.call, error.errno, error.code], ["openat", ENOENT, "ENOENT"]);
});

Deno.test("an eventfd is readable from its signal until it is cleared, however often it is signalled", () => {
  using fds = new Descriptors();
  const fd = fds.eventfd();
  assertEquals(eventfdClear(fd), -EAGAIN);
  for (let i = 0; i < 3; i++) assertEquals(eventfdSignal(fd), 8);
  assertEquals([eventfdClear(fd), eventfdClear(fd)], [8, -EAGAIN]);
  assert(isOpen(fd) && !isOpen(-1));
});

Deno.test("a program that is started inherits no descriptor", () => {
  using fds = new Descriptors();
  const { server } = fds.tcp();
  const all = [fds.eventfd(), server, fds.keep(socket.listenTcp("127.0.0.1", 0, 1))];
  for (const fd of all) assertEquals(libc.fcntl(fd, F_GETFD, 0), 1, "FD_CLOEXEC");
});

Deno.test("a failed poll returns −errno", () => {
  assertEquals(poll(new Uint8Array(128), 0xffff_ffff, 0), -EINVAL); // more than the limit on descriptors
});

Deno.test("environment variables are read by the C library", () => {
  Deno.env.set("EPOLLET_TEST_VARIABLE", "grün = 1");
  try {
    assertEquals(environmentVariable("EPOLLET_TEST_VARIABLE"), "grün = 1");
    Deno.env.set("EPOLLET_TEST_VARIABLE", "");
    assertEquals(environmentVariable("EPOLLET_TEST_VARIABLE"), "");
  } finally {
    Deno.env.delete("EPOLLET_TEST_VARIABLE");
  }
  assertEquals(environmentVariable("EPOLLET_TEST_VARIABLE"), undefined);
});

Deno.test("the process's id is the runtime's", () => {
  assertEquals(processId(), Deno.pid);
});

Deno.test("the limit on descriptors is raised to the system's maximum", () => {
  const bytes = new Uint8Array(128);
  const view = new DataView(bytes.buffer);
  assertEquals(libc.getrlimit(RLIMIT_NOFILE, bytes), 0);
  const hard = view.getBigUint64(RLIMIT.max, true);
  view.setBigUint64(RLIMIT.cur, hard - 1n, true);
  assertEquals(libc.setrlimit(RLIMIT_NOFILE, bytes), 0);
  for (let i = 0; i < 2; i++) assertEquals(raiseDescriptorLimit(), Number(hard));
  assertEquals(libc.getrlimit(RLIMIT_NOFILE, bytes), 0);
  assertEquals(view.getBigUint64(RLIMIT.cur, true), hard);
});
