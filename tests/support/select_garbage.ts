/**
 * A program, to be run with `--v8-flags=--expose-gc`. It waits on other threads, by `Epoll` and `Poll`, while garbage
 * is collected and its memory reused. A wait that wrote into collected memory would have damaged other data; the
 * program then fails.
 * @module
 */
import { EPOLLIN, POLLIN } from "../../ffi/libc/multiplexer_constants.ts";
import { eventfdCreate, eventfdSignal } from "../../ffi/libc/multiplexers.ts";
import { Epoll, Poll } from "../../ffi/select/select.ts";
import { sleep } from "./sleep.ts";

const { gc } = globalThis as unknown as { gc(): void };
/** Waits on objects that have no other reference. */
const WAITS: readonly ((fd: number) => Promise<[number, number][]>)[] = [
  (fd) => {
    const epoll = new Epoll();
    epoll.register(fd, EPOLLIN);
    return epoll.pollAsync(10);
  },
  (fd) => {
    const poll = new Poll();
    poll.register(fd, POLLIN);
    return poll.pollAsync(10_000);
  },
];

for (const wait of WAITS) {
  for (let i = 0; i < 12; i++) {
    const fd = eventfdCreate();
    const waiting = wait(fd);
    await sleep(1); // so that the stack has no reference to the arguments
    gc();
    await sleep(5);
    // Of the same sizes as the buffers of the waits.
    const others = Array.from({ length: 500 }, (_, i) => new Uint8Array(i % 2 ? 512 : 12_276).fill(0xab));
    eventfdSignal(fd);
    const list = await waiting;
    const damaged = others.filter((bytes) => bytes.some((byte) => byte !== 0xab)).length;
    if (damaged > 0 || list.length !== 1 || list[0]![0] !== fd) {
      console.error(`${damaged} pieces of memory were written to by the kernel; ${list} was told`);
      Deno.exit(1);
    }
  }
}
