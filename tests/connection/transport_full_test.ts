/**
 * The end of a connection whose socket is full: all that a transport has taken arrives before it, for real sockets.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { hasKernelTls } from "../../ffi/socket/kernel_tls.ts";
import { Tls } from "../../server/transport/tls.ts";
import { noise, Random } from "../support/random.ts";
import { sleep } from "../support/sleep.ts";
import { persist, securedByKernel, TRANSPORTS } from "../support/transport_pairs.ts";
import { eventually } from "../support/waiting.ts";

/** Enough for the socket to be full in the middle of a record several times. */
const ROUNDS = 40;
const BYTES_MAX = 50_000_000;

const KERNEL = "TLS by the kernel";
const FULL = [
  ...TRANSPORTS.filter(({ name }) => name === "socket" || name === "TLS"),
  ...(hasKernelTls() ? [{ name: KERNEL, pair: securedByKernel }] : []),
];

for (const { name, pair } of FULL) {
  Deno.test(`${name}: what was taken until the socket was full arrives before the end`, async () => {
    const random = new Random();
    const bytes = noise(100_000, 1);
    let held = 0;
    for (let round = 0; round < ROUNDS; round++) {
      using end = await pair();
      const { transport, fd } = end;
      const before = end.taken().length;
      let sent = 0;
      for (let refusals = 0; refusals < 2;) { // what was sent a moment ago may have made room since
        const length = 1 + random.below(bytes.length);
        const status = transport.send(fd, bytes, length, false);
        assert(status > 0 || status === -EAGAIN, `send returned ${status}`);
        if (status > 0) sent += status;
        else {
          refusals++;
          await sleep(2);
        }
        assert(sent < BYTES_MAX, "it is never full");
      }
      if (transport instanceof Tls && (transport.sessionOf(fd)!.kernel?.heldBytes ?? 0) > 0) held++;
      const unacknowledged = transport.unacknowledged(fd);
      assert(unacknowledged > 0);
      await persist(() => {
        const status = transport.flush(fd);
        if (status < 0) end.taken();
        return status;
      });
      if (round % 2 === 0) {
        assertEquals(transport.shutdownWrite(fd), 0);
      } else {
        transport.announceEnd(fd);
        end.leave();
      }
      await eventually(() => {
        const isOver = end.hasSeenEnd();
        if (round % 2 === 0) transport.flush(fd);
        return isOver;
      }, `the end arrives, in round ${round}`);
      assertEquals(end.taken().length - before, sent, `round ${round}`);
    }
    if (name === KERNEL) {
      assert(held > 0, "the kernel never held anything, so nothing was tested");
    }
  });
}
