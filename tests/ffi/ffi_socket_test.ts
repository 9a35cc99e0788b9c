/**
 * Urgent data, the peer's address, and the options of listening sockets. Other calls on sockets are in ffi_test.ts.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN, EBADF, EINVAL } from "../../ffi/libc/errno.ts";
import * as socket from "../../ffi/socket/socket.ts";
import { Descriptors, read, sendUrgent, until, write } from "../support/descriptors.ts";

Deno.test("an urgent byte is received once, separately from the other bytes", () => {
  using fds = new Descriptors();
  const { server, client } = fds.tcp();
  assertEquals(socket.recvUrgent(server), -EINVAL, "there is none");
  write(client, "before");
  assertEquals(socket.recvUrgent(server), -EINVAL, "ordinary bytes are not urgent");
  sendUrgent(client);
  write(client, "after");
  assertEquals(until(() => socket.recvUrgent(server), (status) => status !== -EINVAL), 1);
  assertEquals(socket.recvUrgent(server), -EINVAL, "it was taken");
  let text = "";
  until(() => text += read(server), () => text.endsWith("after"));
  assertEquals(text.replaceAll(`${-EAGAIN}`, ""), "beforeafter");
  assertEquals(socket.recvUrgent(1_000_000), -EBADF);
});

Deno.test("each end of a connection gets the other's address, and none when there is no other end", () => {
  using fds = new Descriptors();
  const { server, client } = fds.tcp();
  assertEquals(socket.peerAddress(server), socket.localAddress(client));
  assertEquals(socket.peerAddress(client), socket.localAddress(server));
  assertEquals(socket.peerAddress(server)?.address, "127.0.0.1");
  const listening = fds.keep(socket.listenTcp("127.0.0.1", 0, 1));
  assertEquals([listening, fds.eventfd(), 1_000_000, -1].map(socket.peerAddress), [null, null, null, null]);
  write(server, "never read");
  fds.close(client); // with bytes unread: the kernel sends RST
  assertEquals(until(() => socket.peerAddress(server), (address) => address === null), null);
});

Deno.test("a silent client is accepted at once without TCP_DEFER_ACCEPT, and later with it", () => {
  for (const deferAccept of [false, true]) {
    using fds = new Descriptors();
    const listening = fds.keep(socket.listenTcp("127.0.0.1", 0, 8, { deferAccept }));
    const client = fds.connect(socket.localAddress(listening).port);
    const isThere = () => socket.peerAddress(client) !== null;
    assert(until(isThere, (isConnected) => isConnected), "connected");
    const accepted = until(() => socket.accept(listening), (fd) => fd !== -EAGAIN || deferAccept);
    if (deferAccept) {
      assertEquals(accepted, -EAGAIN);
      write(client, "x");
      fds.keep(until(() => socket.accept(listening), (fd) => fd !== -EAGAIN));
    } else {
      assertEquals(read(fds.keep(accepted)), -EAGAIN);
    }
  }
  using fds = new Descriptors();
  const listening = fds.keep(socket.listenTcp("127.0.0.1", 0, 8));
  fds.connect(socket.localAddress(listening).port);
  assertEquals(socket.accept(listening), -EAGAIN, "waiting for the first bytes is the default");
});
