/**
 * A server that cannot start, because of its options or of the machine: afterwards it does not listen, has nothing
 * open, and can be started on the same address.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FD_SETSIZE, HttpResponse, serve } from "../../mod.ts";
import type { ServerSettings } from "../../server/server_options.ts";
import { openListeners } from "../../server/listen/open.ts";
import { localAddress } from "../../ffi/socket/socket.ts";
import { freePort } from "../support/free_port.ts";
import { Descriptors, openDescriptors } from "../support/descriptors.ts";
import { serving } from "../support/in_process.ts";
import { Site } from "../support/program.ts";

const handler = () => HttpResponse.text("hello");

/** Wrong options, and the message for each. */
function wrong(site: Site): [ServerSettings, RegExp][] {
  Deno.symlinkSync("/etc/hosts", site.path("link.log"));
  return [
    [{ trustProxy: ["nonsense"] }, /"nonsense" names no proxy/],
    [{ trustProxy: ["10.0.0.0/8", ""] }, /names no proxy/],
    [{ accessLog: { format: "json", file: site.path("absent/a.log") } }, /Cannot open .*ENOENT/],
    [{ accessLog: { format: "json", file: site.path("link.log") } }, /Cannot open .*symbolic link/],
    [
      { accessLog: { format: "json", file: site.path("a.log") }, requestRateMax: 5 as never },
      /requestRateMax/,
    ],
  ];
}

Deno.test("after a failed start nothing is open, and the corrected options listen on the same port", async () => {
  using site = new Site({});
  for (const [settings, message] of wrong(site)) {
    const port = freePort();
    const before = openDescriptors();
    for (let i = 0; i < 3; i++) {
      const error = assertThrows(() => serving(handler, { ...settings, port })) as Error;
      assertMatch(error.message, message);
    }
    assertEquals(openDescriptors(), before, String(message));
    await using running = serving(handler, { port, keepAlive: false });
    assertEquals(await (await fetch(running.url)).text(), "hello");
  }
});

Deno.test("after a failed start there is no UNIX socket, and the path is free", async () => {
  using site = new Site({});
  const path = site.path("a.sock");
  for (const [settings, message] of wrong(site).slice(0, -1)) {
    const before = openDescriptors();
    const error = assertThrows(() => serve({ handler, path, onListen() {}, ...settings })) as Error;
    assertMatch(error.message, message);
    assertEquals(openDescriptors(), before);
    assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
  }
  await using server = serve({ handler, path, onListen() {} });
  assertEquals(server.addr.path, path);
});

Deno.test("a poller that cannot add the listening socket leaves no UNIX socket behind", () => {
  using site = new Site({});
  using descriptors = new Descriptors();
  const path = site.path("a.sock");
  const first = openListeners([{ kind: "unix", path: site.path("first.sock") }])[0]![0]!;
  descriptors.keep(first.fd);
  // The largest number that select(2) can hold is taken by the loop's own descriptor, so the socket gets a larger one.
  while (descriptors.duplicate(first.fd, 0) < FD_SETSIZE - 2);
  const before = openDescriptors();
  const error = assertThrows(() => serve({ handler, path, poller: "select", onListen() {} })) as Error;
  assertMatch(error.message, /Cannot watch the listening socket/);
  assertEquals(openDescriptors(), before);
  assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
});

Deno.test("sockets that were passed in stay open when the options are wrong", async () => {
  using site = new Site({});
  const sockets = openListeners([{ kind: "tcp", host: "127.0.0.1", port: 0 }])[0]!;
  for (const [settings, message] of wrong(site)) {
    const error = assertThrows(() => serve({ handler, sockets, onListen() {}, ...settings })) as Error;
    assertMatch(error.message, message);
    assertEquals(localAddress(sockets[0]!.fd).port, sockets[0]!.address.port);
  }
  await using server = serve({ handler, sockets, onListen() {}, keepAlive: false });
  const response = await fetch(`http://127.0.0.1:${server.addr.port}`);
  assert(response.ok);
  await response.body?.cancel();
});
