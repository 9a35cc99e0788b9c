/**
 * System calls that fail while a server starts: it throws an error that names the call, or does without. Nothing is
 * left open.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { SystemError } from "../../ffi/libc/errno.ts";
import { staticHandler } from "../../handlers/static.ts";
import type { PollerName } from "../../server/loop/poller.ts";
import { Server } from "../../server/server.ts";
import { CLOSING, type ErrnoName, SERVING, STARTING } from "../faults/errnos.ts";
import { descriptorsHeld } from "../faults/held.ts";
import { Interposer } from "../faults/interposer.ts";
import { Site } from "../support/program.ts";
import { USABLE_POLLERS } from "../support/uring.ts";
import { get, Wire } from "../support/wire.ts";

/** Calls with a fallback, or that only improve speed. */
const DISPENSABLE = [
  "close",
  "fstatfs",
  "getrlimit",
  "inotify_add_watch",
  "inotify_init1",
  "ioctl",
  "openat2",
  "read", // of the mount table
  "setrlimit",
  "statx",
];

const ERRNOS: Readonly<Record<string, readonly ErrnoName[]>> = { ...STARTING, ...SERVING, ...CLOSING };

interface Started {
  readonly server: Server;
  /** Ends the server, after it has served while `body` ran. */
  end(body?: () => Promise<void>): Promise<void>;
}

function start(root: string, poller: PollerName): Started {
  const handler = staticHandler({ root });
  let server: Server;
  try {
    server = new Server({ handler, hostname: "::1", port: 0, poller, onError() {} });
  } catch (error) {
    handler.close();
    throw error;
  }
  const end = async (body = () => Promise.resolve()) => {
    const running = server.run();
    await body();
    server.stop();
    await running;
    handler.close();
  };
  return { server, end };
}

for (const poller of ["epoll-edge", "io-uring"] as const) {
  Deno.test({
    name:
      `${poller}: a call that fails while the server starts is named or not needed, and nothing is left open`,
    ignore: !USABLE_POLLERS.includes(poller),
    fn: () => failEach(poller),
  });
}

async function failEach(poller: PollerName): Promise<void> {
  using site = new Site({ "a.txt": "text" });
  using calls = new Interposer();
  await start(site.root, poller).end();
  const before = descriptorsHeld(Deno.pid, site.root);
  for (const [call, errnos] of Object.entries(ERRNOS)) {
    calls.expect([]);
    const { end } = start(site.root, poller);
    const count = calls.countOf(call);
    await end();
    for (let when = 1; when <= count; when++) {
      let started = 0;
      for (const errno of errnos) {
        calls.expect([{ call, errno, when }]);
        try {
          const { server, end } = start(site.root, poller);
          calls.expect([]);
          await end(started++ === 0 ? () => assertServes(server) : undefined);
        } catch (error) {
          calls.expect([]);
          if (!(error instanceof SystemError)) throw error;
          assert(error.message.includes(errno) || error.message.includes("errno "), error.message);
        }
        const held = descriptorsHeld(Deno.pid, site.root);
        assertEquals(held, before, `left open after ${call} ${when}: ${errno}`);
      }
      assertEquals([call, when, started > 0], [call, when, isDispensable(call, when)]);
    }
  }
}

function isDispensable(call: string, when: number): boolean {
  // All but SO_REUSEADDR, TCP_NODELAY and IPV6_V6ONLY.
  const isOption = call === "setsockopt" && when > 2 && when < 9;
  const isWatching = call === "openat" && when > 1; // the first opens the root
  const isReserve = call === "eventfd" && when > 1; // the first wakes the loop
  return isOption || isWatching || isReserve || DISPENSABLE.includes(call);
}

/** Asserts that the server serves: clients do not notice a call that it does without. */
async function assertServes(server: Server): Promise<void> {
  using wire = await Wire.connect(server.address.port, "::1");
  await wire.send(get("/a.txt"));
  const response = await wire.expect();
  assertEquals([response.status, response.text], [200, "text"]);
}
