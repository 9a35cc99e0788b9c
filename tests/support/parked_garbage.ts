/**
 * A program, to be run with `--v8-flags=--expose-gc`. It parks pollers while garbage is collected and its memory
 * reused. A wait that wrote into collected memory would have damaged other data; the program then fails.
 * @module
 */
import { eventfdCreate } from "../../ffi/libc/multiplexers.ts";
import { Interest, ReadyList } from "../../server/loop/poller.ts";
import { createPoller } from "../../server/loop/pollers/mod.ts";
import { sleep } from "./sleep.ts";
import { USABLE_POLLERS } from "./uring.ts";

const { gc } = globalThis as unknown as { gc(): void };
const fd = eventfdCreate();
const ready = new ReadyList();

for (const name of USABLE_POLLERS) {
  const poller = createPoller(name);
  poller.add(fd, Interest.READABLE);
  for (let i = 0; i < 12; i++) {
    const parked = poller.park(ready, 30);
    await sleep(1); // so that the stack has no reference to the arguments
    gc();
    await sleep(5);
    const others = Array.from({ length: 2000 }, () => new Uint8Array(128).fill(0xab));
    await parked;
    const damaged = others.filter((bytes) => bytes.some((byte) => byte !== 0xab)).length;
    if (damaged > 0) {
      console.error(`${name}: ${damaged} pieces of memory were written to by the kernel`);
      Deno.exit(1);
    }
  }
}
