/**
 * Addresses on which a server can listen: their notation, the sockets that are opened, and the errors.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { AF_UNIX, IPPROTO_TCP, SOCK_CLOEXEC } from "../../ffi/libc/constants.ts";
import { EAGAIN, SystemError } from "../../ffi/libc/errno.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { accept, close, listenTcp, localAddress, peerAddress, peerNetwork } from "../../ffi/socket/socket.ts";
import { sockaddr, writeUnixSockaddr } from "../../ffi/socket/socket_address.ts";
import { listenUnix } from "../../ffi/socket/unix_socket.ts";
import { Expected } from "../../server/usage_error.ts";
import { formatListenAddress, type ListenAddress, readListenAddress } from "../../server/listen/address.ts";
import { closeListeners, openListeners } from "../../server/listen/open.ts";
import { Descriptors, openDescriptors, until } from "../support/descriptors.ts";
import { Site } from "../support/program.ts";

const SOCK_DGRAM = 2;
const TCP_INFO = 11;
/** In struct tcp_info of a listening socket, tcpi_sacked is the backlog (net/ipv4/tcp.c: tcp_get_info). */
const SACKED_OFFSET = 28;

function tcp(host: string, port: number): ListenAddress {
  return { kind: "tcp", host, port };
}

function unix(path: string): ListenAddress {
  return { kind: "unix", path };
}

function backlogOf(fd: number): number {
  const info = new Uint8Array(256);
  const length = new Uint8Array(Uint32Array.of(info.length).buffer);
  assertEquals(libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, length), 0);
  return new DataView(info.buffer).getUint32(SACKED_OFFSET, true);
}

/** Returns the message of the SystemError that listening throws, and checks that nothing is left open. */
function errorOf(...addresses: ListenAddress[]): string {
  const before = openDescriptors();
  const { message } = assertThrows(() => openListeners(addresses), SystemError);
  assertEquals(openDescriptors(), before, message);
  return message;
}

Deno.test("an address is read as it is written, and a bad one is refused", () => {
  const cases: [text: string, address: ListenAddress, written?: string][] = [
    ["8080", tcp("0.0.0.0", 8080), "0.0.0.0:8080"],
    ["127.0.0.1:80", tcp("127.0.0.1", 80)],
    ["localhost:80", tcp("127.0.0.1", 80), "127.0.0.1:80"],
    ["*:80", tcp("::", 80), "[::]:80"],
    ["[::1]:0", tcp("::1", 0)],
    ["[fe80::1]:65535", tcp("fe80::1", 65535)],
    ["unix:/run/epollet.sock", unix("/run/epollet.sock")],
    ["https://127.0.0.1:443", { kind: "tcp", host: "127.0.0.1", port: 443, scheme: "https" }],
    ["http://*:80", { kind: "tcp", host: "::", port: 80, scheme: "http" }, "http://[::]:80"],
    ["unix:a.sock", unix("a.sock")],
    ["unix:@epollet", unix("@epollet")],
    [`unix:/${"x".repeat(106)}`, unix(`/${"x".repeat(106)}`)],
  ];
  for (const [text, address, written = text] of cases) {
    assertEquals(readListenAddress(text), address, text);
    assertEquals(formatListenAddress(address), written);
  }
  const wrong = [
    "",
    ":80",
    "x",
    "65536",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:x",
    "::1:80",
    "[127.0.0.1]:80",
  ];
  wrong.push(
    "[::1]",
    "example.org:80",
    "unix:",
    "unix:@",
    "unix:a\0b",
    "ftp://127.0.0.1:80",
    "https://unix:a",
    "1:2:3",
    "-1",
  );
  for (const text of wrong) assertThrows(() => readListenAddress(text), Expected);
  const long = assertThrows(() => readListenAddress(`unix:/${"ü".repeat(54)}`), Expected);
  assertStringIncludes(long.message, "at most 107 bytes for a UNIX socket (it has 109)");
});

Deno.test("several sockets of one address have one port, a queue each, and no other process gets the port", () => {
  using fds = new Descriptors();
  const lists = openListeners([tcp("127.0.0.1", 0), tcp("::1", 0)], { backlog: 70 }, 3);
  try {
    assertEquals(lists.map((list) => list.map(({ isShared }) => isShared)), Array(3).fill([false, false]));
    assertEquals(new Set(lists.map((list) => list.map(({ name }) => name).join())).size, 1, "one port each");
    assertEquals(new Set(lists.flat().map(({ fd }) => fd)).size, 6);
    const { address: { port }, name } = lists[0]![0]!;
    for (const [first] of lists) {
      assertEquals([localAddress(first!.fd).port, backlogOf(first!.fd)], [port, 70]);
    }
    // The kernel assigns each client by a hash of its address. With 40 clients, each socket gets some.
    const open = lists.map((list) => list[0]!.fd);
    const counts = open.map(() => 0);
    for (let i = 0; i < 40; i++) libc.send(fds.connect(port), Uint8Array.of(1), 1, 0x4000);
    const acceptAll = () => {
      open.forEach((fd, i) => {
        for (let client = accept(fd); client >= 0; client = accept(fd)) {
          counts[i]!++;
          close(client);
        }
      });
      return counts.reduce((sum, count) => sum + count);
    };
    assertEquals(until(acceptAll, (sum) => sum === 40), 40);
    assert(counts.every((count) => count > 0), counts.join());
    for (const copies of [1, 2]) {
      const error = assertThrows(() => openListeners([tcp("127.0.0.1", port)], {}, copies), SystemError);
      assertEquals(error.message, `Cannot listen on ${name}: EADDRINUSE (address already in use)`);
    }
  } finally {
    closeListeners(lists.flat());
  }
});

Deno.test(":: accepts IPv4 and IPv6, and leaves IPv4 to another socket that is named", () => {
  const both = openListeners([tcp("::", 0)])[0]![0]!;
  const { port } = both.address;
  assertStringIncludes(errorOf(tcp("0.0.0.0", port)), "EADDRINUSE");
  closeListeners([both]);
  const old = openListeners([tcp("0.0.0.0", port)])[0]!;
  assertStringIncludes(errorOf(tcp("::", port)), "EADDRINUSE");
  const added = openListeners([tcp("::", port)], {}, 1, [tcp("0.0.0.0", port)])[0]![0]!;
  closeListeners([...old, added]);
  for (const host of ["0.0.0.0", "127.0.0.1"]) {
    using fds = new Descriptors();
    const sockets = openListeners([tcp("::", port), tcp(host, port)], { deferAccept: false })[0]!;
    assertEquals(sockets.map(({ name }) => name), [`[::]:${port}`, `${host}:${port}`]);
    fds.connect(port);
    fds.keep(until(() => accept(sockets[1]!.fd), (fd) => fd !== -EAGAIN));
    assertEquals(accept(sockets[0]!.fd), -EAGAIN);
    closeListeners(sockets);
  }
});

Deno.test("when one of several addresses fails, nothing stays open, and no file is left", () => {
  using site = new Site();
  const path = site.path("a.sock");
  using fds = new Descriptors();
  const { port } = localAddress(fds.keep(listenTcp("127.0.0.1", 0, 1)));
  const message = errorOf(tcp("127.0.0.1", 0), unix(path), tcp("127.0.0.1", port));
  assertEquals(message, `Cannot listen on 127.0.0.1:${port}: EADDRINUSE (address already in use)`);
  assertEquals(Array.from(Deno.readDirSync(site.root)), []);
});

Deno.test("a UNIX socket has its mode, whatever the umask, which does not change", () => {
  using site = new Site();
  const before = Deno.umask();
  try {
    for (const umask of [0, 0o22, 0o777]) {
      for (const mode of [0o660, 0o600, 0o666, 0o777, 0]) {
        Deno.umask(umask);
        const path = site.path(`${umask}-${mode}.sock`);
        const socket = openListeners([unix(path)], { mode })[0]![0]!;
        assertEquals(Deno.umask(), umask);
        assertEquals((Deno.lstatSync(path).mode! & 0o777).toString(8), mode.toString(8));
        assertEquals(socket.name, `unix:${path}`);
        closeListeners([socket]);
        assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
      }
    }
  } finally {
    Deno.umask(before);
  }
});

Deno.test("a stale UNIX socket is replaced; a live one, and any other file, stays", () => {
  using site = new Site({ "file": "content", "folder/x": "" });
  using fds = new Descriptors();
  const path = site.path("a.sock");
  close(listenUnix(path, 1)); // its file stays
  const socket = openListeners([unix(path)])[0]![0]!;
  const first = Deno.lstatSync(path).ino;
  const busy = "EADDRINUSE (address already in use)";
  const live =
    `Cannot listen on unix:${path}: ${busy}: another server listens there: end it, or choose another path`;
  assertEquals(errorOf(unix(path)), live);
  assertEquals(Deno.lstatSync(path).ino, first);
  closeListeners([socket]);
  const full = fds.keep(listenUnix(path, 0));
  // Further clients wait in the queue, which is full.
  for (let i = 0; i < 3; i++) assertEquals(errorOf(unix(path)), live);
  fds.close(full);
  Deno.symlinkSync(path, site.path("link"));
  for (const name of ["file", "folder", "link"]) {
    const expected = `Cannot listen on unix:${
      site.path(name)
    }: ${busy}: something that is no socket is there, and stays`;
    assertEquals(errorOf(unix(site.path(name))), expected);
  }
  assertEquals(Deno.readTextFileSync(site.path("file")), "content");
  assert(Deno.lstatSync(site.path("link")).isSymlink);
  const datagrams = fds.keep(libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  assertEquals(libc.bind(datagrams, sockaddr, writeUnixSockaddr(site.path("datagrams"))), 0);
  assertMatch(
    errorOf(unix(site.path("datagrams"))),
    /a socket of another kind is there: choose another path$/,
  );
  assertMatch(errorOf(unix(site.path("missing/a.sock"))), /: ENOENT \(no such file or directory\)$/);
});

Deno.test("closing a UNIX socket removes its file, but not the file of another server", () => {
  using site = new Site();
  const path = site.path("a.sock");
  const old = openListeners([unix(path)])[0]!;
  Deno.removeSync(path);
  const other = openListeners([unix(path)])[0]!;
  closeListeners(old);
  assert(Deno.lstatSync(path).isSocket);
  closeListeners(other);
  assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
});

Deno.test("clients of UNIX sockets have no address and no network; an abstract name works, too", async () => {
  using site = new Site();
  using fds = new Descriptors();
  const name = `@epollet-test-${Deno.pid}`;
  const lists = openListeners([unix(site.path("a.sock")), unix(name)], {}, 2);
  assertEquals(lists[0], lists[1], "they are shared");
  assertEquals(lists[0]!.map(({ isShared, name }) => [isShared, name]), [
    [true, `unix:${site.path("a.sock")}`],
    [true, `unix:${name}`],
  ]);
  const paths = [site.path("a.sock"), `\0${name.slice(1)}`];
  for (const [i, { fd }] of lists[0]!.entries()) {
    using _client = await Deno.connect({ transport: "unix", path: paths[i]! });
    const server = fds.keep(until(() => accept(fd), (fd) => fd !== -EAGAIN));
    assertEquals(peerAddress(server), { address: "unix:", port: 0 });
    assertEquals(peerNetwork(server), null);
    assertEquals(localAddress(server).address, lists[0]![i]!.name);
  }
  assertMatch(errorOf(unix(name)), /EADDRINUSE \(address already in use\)$/);
  closeListeners(lists.flat());
});
