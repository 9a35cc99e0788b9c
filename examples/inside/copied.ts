/**
 * What one wait copies between the program and the kernel, and that they share no memory for it.
 *
 *     deno run --allow-ffi examples/inside/copied.ts
 * @module
 */
import { Epoll, EPOLLIN, errnoName, POLLIN, send } from "../../mod.ts";
import { errno, libc, socketPair } from "./kernel.ts";

const MOST = 10_000;
const pairs = Array.from({ length: MOST / 2 }, socketPair);
const byte = new Uint8Array(65);
const epoll = new Epoll();
for (const fd of pairs.flat()) epoll.register(fd, EPOLLIN);
const wait = (array: Uint8Array<ArrayBuffer> | null) => libc.epoll_wait(epoll.fileno(), array, MOST, 0);
const line = (what: string, ...result: unknown[]) => console.log(what.padEnd(46), ...result);

/** Returns how many bytes of `array` the kernel writes in `call`, whatever they were before. */
function written(array: Uint8Array, call: () => number): number {
  const places = new Set<number>();
  for (const before of [0x00, 0xff]) {
    array.fill(before);
    call();
    for (const [i, after] of array.entries()) if (after !== before) places.add(i);
  }
  return places.size;
}

const array = new Uint8Array(MOST * 16);
for (const ready of [1, 2, 3]) {
  send(pairs[ready]![1], byte, 1, false);
  line(`epoll_wait, ${ready} of 10,000 ready: bytes written`, written(array, () => wait(array)));
}

const asked = new DataView(new ArrayBuffer(MOST * 8));
for (const [i, fd] of pairs.flat().entries()) {
  asked.setInt32(8 * i, fd, true);
  asked.setInt16(8 * i + 4, POLLIN, true);
  asked.setInt16(8 * i + 6, -1, true); // where the kernel writes the answer
}
libc.poll(new Uint8Array(asked.buffer), BigInt(MOST), 0);
const answers = pairs.flat().filter((_, i) => asked.getInt16(8 * i + 6, true) !== -1).length;
line("poll, 3 of 10,000 ready: bytes read", asked.byteLength);
line("poll, 3 of 10,000 ready: bytes written", 2 * answers);

const PROT_READ = 1;
const MAP_SHARED = 1;
const mapped = libc.mmap(0n, 4096n, PROT_READ, MAP_SHARED, epoll.fileno(), 0n);
line("mmap of the epoll's descriptor", mapped === -1n ? errnoName(errno()) : "mapped");
line("epoll_wait without an array", wait(null), errnoName(errno()));
line("epoll_wait with an array", wait(array));
line("epoll_wait with another array", wait(new Uint8Array(MOST * 16)));
