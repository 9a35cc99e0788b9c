/**
 * Wrong values from programs in JavaScript, export by export of mod.ts: each is a TypeError or a RangeError that names
 * the value, and has no other effect.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import * as epollet from "../../mod.ts";
import { Interest, Reactor, Source } from "../../mod.ts";
import { serving } from "../support/in_process.ts";
import { refused } from "../support/refused.ts";
import { REPOSITORY, Site } from "../support/program.ts";
import { withServer } from "../support/serving.ts";
import { Wire } from "../support/wire.ts";

/** Any values, as JavaScript programs may pass them. */
type Any = ReturnType<typeof JSON.parse>;
const { serve, Server, staticHandler, HttpResponse } = epollet as Any;
const hello = () => HttpResponse.text("hello");

/** An object like a listening socket, with a descriptor that is not open. */
const SOCKET = { fd: 12345, name: "x", address: { address: "127.0.0.1", port: 1 }, isShared: false };

Deno.test("options of serve with wrong types are rejected by name", () => {
  const rows: [Any, RegExp][] = [
    [null, /options must be an object, not null/],
    [{ handler: "hello" }, /The handler must be a function, not string/],
    [{ handler: hello, hostname: 5 }, /hostname must be a string, not the number 5/],
    [{ handler: hello, port: 70000 }, /70000 is no port/],
    [{ handler: hello, port: "80" }, /port must be a number/],
    [{ handler: hello, port: NaN }, /NaN is no port/],
    [{ handler: hello, path: "/tmp/a\0b" }, /path must be a path, without a NUL/],
    [{ handler: hello, listen: "127.0.0.1:0" }, /listen must be a list of strings/],
    [{ handler: hello, listen: [5] }, /listen must be a list of strings/],
    [{ handler: hello, sockets: [{ ...SOCKET, fd: -1 }] }, /sockets must be a list of listening sockets/],
    [{ handler: hello, sockets: [{ fd: 12345, name: "x" }] }, /sockets must be a list of listening sockets/],
    [
      { handler: hello, sockets: [{ ...SOCKET, address: "a" }] },
      /sockets must be a list of listening socket/,
    ],
    [
      { handler: hello, sockets: [{ ...SOCKET, isShared: 0 }] },
      /sockets must be a list of listening sockets/,
    ],
    [{ handler: hello, sockets: [{ ...SOCKET, file: 1 }] }, /sockets must be a list of listening sockets/],
    [{ handler: hello, backlog: "9" }, /backlog must be a whole number from 0 to 2147483647, not a string/],
    [{ handler: hello, backlog: 2 ** 31 }, /backlog must be a whole number/],
    [
      { handler: hello, socketMode: "0666" },
      /socketMode must be a whole number from 0 to 0o777, not a string/,
    ],
    [{ handler: hello, socketMode: 0o1777 }, /socketMode must be a whole number from 0 to 0o777/],
    [
      { handler: hello, poller: "kqueue" },
      /poller must be one of naive, select, poll, epoll-level, epoll-edge/,
    ],
    [{ handler: hello, keepAlive: "no" }, /keepAlive must be true or false/],
    [
      { handler: hello, accessLog: { format: "json" } },
      /accessLog must be an object with format .* and file/,
    ],
    [{ handler: hello, accessLog: { format: "none", file: 1 } }, /accessLog must be/],
    [{ handler: hello, accessLog: { format: "json", file: "a\0b" } }, /accessLog must be/],
    [{ handler: hello, trustProxy: "loopback" }, /trustProxy must be a list of strings/],
    [{ handler: hello, proxyProtocol: 1 }, /proxyProtocol must be true or false/],
    [{ handler: hello, measureLatency: "yes" }, /measureLatency must be true or false/],
    [{ handler: hello, cache: {} }, /cache must be something with a function snapshot/],
    [{ handler: hello, onError: "console" }, /onError must be a function/],
    [{ handler: hello, onListen: 5 }, /onListen must be a function/],
    [{ handler: hello, signal: {} }, /signal must be an AbortSignal/],
    [{ handler: hello, headTimeoutMs: "5" }, /headTimeoutMs must be a number/],
    [{ handler: hello, bodyBytesMax: NaN }, /bodyBytesMax must be at least 0/],
    [{ handler: hello, requestRateMax: "100/s" }, /requestRateMax must be/],
  ];
  refused(rows.map(([options, message]) => [
    () =>
      serve(
        options === null ? null : {
          ...options.path || options.listen || options.sockets ? {} : { hostname: "127.0.0.1", port: 0 },
          ...options,
        },
      ),
    message,
  ]));
});

Deno.test("options of a static handler with wrong types are rejected by name", () => {
  using site = new Site({ "a.txt": "a" });
  const { root } = site;
  const rows: [Any, RegExp][] = [
    [undefined, /needs an object with a root/],
    [{}, /needs a root/],
    [{ root: 5 }, /root must be a path, without a NUL, or an archive, not the number 5/],
    [{ root: `${root}\0/../..` }, /root must be a path, without a NUL/],
    [{ root, index: "index.html" }, /index must be a list of strings/],
    [{ root, spa: true }, /spa must be a string, or null/],
    [{ root, errorPages: { 404: 5 } }, /errorPages must be an object of strings/],
    [{ root, etag: "md5" }, /etag must be one of hash, mtime, off/],
    [{ root, cors: "*" }, /cors must be a list of strings, or null/],
    [{ root, headers: [{ source: "/**", fields: { "X-A": "b" } }] }, /headers must be a list of rules/],
    [{ root, redirects: [{ source: "/a" }] }, /redirects must be a list of rules/],
    [{ root, rewrites: [{ source: "/a", destination: "/b" }] }, /rewrites must be a list of rules/],
    [{ root, auth: [{ source: "/**", realm: "r", users: ["a"] }] }, /auth must be a list of rules/],
    [{ root, hosts: { a: {} } }, /hosts must be a Map/],
    [{ root, hosts: new Map([["example.org", { root: 5 }]]) }, /root of example.org must be a path/],
    ...[5, "x", null, [], undefined].map((own) =>
      [{ root, hosts: new Map([["x", own]]) }, /hosts must be a Map from names of hosts/] as [Any, RegExp]
    ),
    [{ root, hosts: new Map([["Example.org", {}]]) }, /hosts must be a Map .* in lower case/],
    [{ root, hosts: new Map([["a:80", {}]]) }, /hosts must be a Map from names of hosts/],
    [{ root, hosts: new Map([[5, {}]]) }, /hosts must be a Map from names of hosts/],
    [{ root, hosts: null }, /hosts must be a Map .*, not null/],
    [{ root, allowedHosts: "app.test" }, /allowedHosts must be a list of names of hosts .*, not a string/],
    [{ root, allowedHosts: 5 }, /allowedHosts must be a list .*, not the number 5/],
    [{ root, allowedHosts: [5] }, /allowedHosts must be a list/],
    [{ root, allowedHosts: ["App.Test"] }, /allowedHosts must be a list .* in lower case/],
    [{ root, allowedHosts: ["app.test:80"] }, /allowedHosts must be a list/],
    [{ root, allowedHosts: new Set(["app.test"]) }, /allowedHosts must be a list/],
    [{ root, loopbackPorts: [18439] }, /loopbackPorts must be a function/],
    [{ root, loopbackPorts: null }, /loopbackPorts must be a function/],
    [null, /needs an object with a root/],
    [{ root, cacheSize: "64M" }, /cacheSize must be a number of bytes, not a string/],
    [{ root, validate: "always" }, /validate must be one of/],
    [{ root, onWarning: true }, /onWarning must be a function/],
  ];
  refused(rows.map(([options, message]) => [() => staticHandler(options), message]));
});

Deno.test("each option of a static handler is checked", () => {
  using site = new Site({ "a.txt": "a" });
  const sources = {
    StaticOptions: "handlers/site/sites.ts",
    SiteOptions: "handlers/site/settings/site_options.ts",
    SiteSettings: "handlers/site/settings/site_settings.ts",
  };
  const names = Object.entries(sources).flatMap(([name, source]) => {
    const text = Deno.readTextFileSync(REPOSITORY + source);
    const [options] = new RegExp(`^export interface ${name}\\b[^]*?^}`, "m").exec(text) ?? [];
    assert(options !== undefined, `${source} has no interface ${name}`);
    return [...options.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name);
  });
  assert(names.length > 20 && names.includes("loopbackPorts"), names.join());
  refused(names.map((name) => [
    () => staticHandler({ root: site.root, [name!]: Symbol("no option is one") }),
    new RegExp(`${name} must be`),
  ]));
});

Deno.test("calls on sockets take numbers of descriptors, and no more bytes than there are", () => {
  const bytes = new Uint8Array(3);
  const { send, recv, accept, close, sendfile, shutdownWrite, localAddress, peerAddress, listenTcp } =
    epollet as Any;
  refused([
    [() => send(1, bytes, 100_000, false), /The length must be a whole number from 0 to 3, not 100000/],
    [() => send(1, bytes, -1, false), /The length/],
    [() => send(1, bytes, "3", false), /The length .* not a string/],
    [() => send(1, "abc", 3, false), /What is sent must be a Uint8Array, not a string/],
    [() => send(1, [1, 2, 3], 3, false), /not an array/],
    [() => send(1, new Uint16Array(3), 3, false), /not Uint16Array/],
    [() => send(NaN, bytes, 3, false), /A file descriptor is an integer, not NaN/],
    [() => send(-1, bytes, 3, false), /A file descriptor cannot be -1/],
    [() => send(2 ** 32, bytes, 3, false), /A file descriptor cannot be/],
    [() => recv(0, { length: 5 }), /The buffer must be a Uint8Array/],
    [() => recv(0.5, bytes), /integer/],
    [() => accept(NaN), /integer/],
    [() => close(NaN), /integer/],
    [() => close(-1), /cannot be -1/],
    [() => close(2 ** 32), /cannot be/],
    [() => shutdownWrite(NaN), /integer/],
    [() => localAddress(NaN), /integer/],
    [() => peerAddress(NaN), /integer/],
    [() => sendfile(1, 0, -1, 5), /The offset/],
    [() => sendfile(1, 0, 0, 2 ** 31), /The length/],
    [() => sendfile(1, NaN, 0, 5), /integer/],
    [() => listenTcp("127.0.0.1", 70000, 5), /70000 is no port/],
    [() => listenTcp("127.0.0.1", "80", 5), /80 is no port/],
    [() => listenTcp("127.0.0.1", 0, 2 ** 32), /no backlog/],
    [() => listenTcp(5, 0, 5), /A host to listen on must be a string/],
    [() => accept(null), /A file descriptor is an integer, not null/],
    [() => accept({ fileno: () => "5" }), /A file descriptor is an integer, not a string/],
    [() => listenTcp("127.0.0.1\0.example", 0, 5), /is no IPv4 or IPv6 address/],
  ]);
});

Deno.test("the other exports reject values that they cannot use", () => {
  const { LogFile, FileBody, HttpError, ReadyList, createPoller, hashPassword, fromFetch, requestCoroutine } =
    epollet as Any;
  const close = () => {};
  refused([
    [() => new LogFile("logs/a\0b.log"), /A log file must be a path or a descriptor/],
    [() => new LogFile(""), /A log file must be/],
    [() => new LogFile(NaN), /integer/],
    [() => new LogFile({}), /A log file must be/],
    [() => new FileBody({ fd: NaN, offset: 0, length: 1, close }), /descriptor of a file/],
    [() => new FileBody({ fd: 0, offset: -1, length: 1, close }), /The offset of a file/],
    [() => new FileBody({ fd: 0, offset: 0, length: 2 ** 60, close }), /The length of a file/],
    [() => new FileBody({ fd: 0, offset: 0, length: 1 }), /The close of a file must be a function/],
    [() => new HttpError(200, "x"), /200 is no status of an error/],
    [() => new HttpResponse(200, [["X", 5]], null), /The value of X must be a string, not the number 5/],
    [
      () => new HttpResponse(200, [[{ toString: () => "X" }, "a"]], null),
      /The name of a field must be a string/,
    ],
    [() => new HttpResponse("200", [], null), /200 is no status/],
    [() => new ReadyList(1e12), /A ready list has 1 to 65536 entries/],
    [() => new ReadyList(NaN), /A ready list/],
    [() => createPoller("kqueue"), /No poller is called "kqueue"/],
    [() => hashPassword(5), /A password must be a string/],
    [() => fromFetch("x"), /A fetch handler must be a function/],
    [() => requestCoroutine({}), /A handler must be a function/],
  ]);
});

/** How many bytes of memory were added between two moments, in the heap and outside of it. */
function exceeds(after: Deno.MemoryUsage, before: Deno.MemoryUsage): number {
  return after.heapTotal + after.external - before.heapTotal - before.external;
}

Deno.test("a reactor keeps memory only for open descriptors, not for other numbers", () => {
  class Anything extends Source {
    onReady(): void {}
  }
  for (const name of epollet.POLLER_NAMES) {
    const reactor = new Reactor(epollet.createPoller(name));
    const source = new Anything(-1);
    const before = Deno.memoryUsage();
    for (const fd of [2 ** 31 - 1, 2 ** 31, 2 ** 40, NaN, 0.5, -2, "1" as Any]) {
      assert(reactor.register(source, Interest.READABLE, fd) < 0, `${name} ${fd}`);
    }
    assert(exceeds(Deno.memoryUsage(), before) < 64 * 1024 * 1024, name);
    assertThrows(() => reactor.post("task" as Any), TypeError, "A task must be a function");
    assertThrows(() => new Anything(NaN), RangeError, "NaN is no descriptor");
    reactor.close();
  }
});

Deno.test("a peer that is given something other than bytes to write ends only its own session", async () => {
  for (const value of ["12a", [1, 2], new Uint16Array(2), { length: 5 }, 5, null]) {
    const protocol = (peer: epollet.Peer) => ({ received: () => void peer.write(value as Any) });
    await withServer({ protocol }, async ({ port, errors }) => {
      using wire = await Wire.connect(port);
      await wire.send("x");
      assertEquals((await wire.readToEnd()).length, 0);
      assertEquals(errors.length, 1);
      assertMatch(errors[0]!, /What is written to a client must be a Uint8Array/);
    });
    const coroutine = async (connection: epollet.CoroutineConnection) => {
      await connection.read();
      await connection.write(value as Any);
    };
    await withServer({ coroutine }, async ({ port, errors }) => {
      using wire = await Wire.connect(port);
      await wire.send("x");
      assertEquals((await wire.readToEnd()).length, 0);
      assertMatch(errors.join(), /What is written to a client must be a Uint8Array/);
    });
  }
});

Deno.test("a protocol that returns no session closes that client, and the next one is served", async () => {
  for (const session of [undefined, null, 5, {}, { received: 5 }, { received() {}, timeoutMs: "5" }]) {
    let isFirst = true;
    const protocol = (peer: epollet.Peer) => {
      if (!isFirst) return { received: (bytes: Uint8Array) => void peer.write(bytes) };
      isFirst = false;
      return session as Any;
    };
    await withServer({ protocol }, async ({ port, errors }) => {
      using first = await Wire.connect(port);
      await first.send("x").catch(() => {});
      await first.readToEnd().catch(() => {});
      using second = await Wire.connect(port);
      await second.send("hello");
      assertEquals(new TextDecoder().decode(await second.some() ?? undefined), "hello");
      assertEquals(errors.length, 1, Deno.inspect(session));
    });
  }
});

Deno.test("a running server rejects settings with wrong types, and goes on as before", async () => {
  await using running = serving(hello);
  const server = new Server({ handler: hello, hostname: "127.0.0.1", port: 0 });
  assertThrows(() => server.reconfigure({ handler: "x" }), TypeError, "handler must be a function");
  assertThrows(() => server.reconfigure({ keepAlive: 1 }), TypeError, "keepAlive must be true or false");
  assertThrows(() => server.listenAlso({ handler: 5, sockets: [] }), TypeError, "handler must be a function");
  assertThrows(
    () => server.listenAlso({ handler: hello, sockets: [{ fd: 5 }] }),
    TypeError,
    "sockets must be",
  );
  server.stop();
  await server.run();
  assertEquals(await (await fetch(running.url)).text(), "hello");
});

Deno.test("−0 is 0 wherever a number is given to the kernel", () => {
  const { Epoll, Poll, select, send, sendfile, recv, listenTcp, close, EPOLLIN, POLLIN } = epollet;
  const listener = listenTcp("127.0.0.1", -0, -0);
  using epoll = new Epoll();
  epoll.register(listener, -0);
  assertEquals(epoll.poll(-0, 1), []);
  const poll = new Poll();
  poll.register(listener, -0);
  assertEquals(poll.poll(-0), []);
  assertEquals(select([listener], [], [], -0), [[], [], []]);
  assert(send(listener, new Uint8Array(1), -0, false) < 0 && recv(listener, new Uint8Array(1)) < 0);
  assert(sendfile(listener, listener, -0, -0) <= 0);
  for (const each of [() => epoll.modify(-0, EPOLLIN), () => poll.modify(-0, POLLIN)]) {
    assertMatch(assertThrows(each, epollet.SystemError).message, / descriptor 0: E[A-Z]+ /); // whatever it is here
  }
  close(listener);
});
