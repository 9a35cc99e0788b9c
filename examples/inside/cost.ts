/**
 * What a wait that finds a socket ready at once costs: by how many are watched, and by how many are ready.
 *
 *     deno run --allow-ffi examples/inside/cost.ts
 * @module
 */
import { Epoll, EPOLLIN, POLLIN, send } from "../../mod.ts";
import { libc, socketPair } from "./kernel.ts";

const MOST = 10_000;
const pairs = Array.from({ length: MOST / 2 }, socketPair);
const fds = pairs.flat();
const byte = new Uint8Array(65);
const events = new Uint8Array(MOST * 16);
const zero = new Uint8Array(128);

/** Returns the nanoseconds of a call: the least of a hundred means of some 2 ms each. */
function nanoseconds(call: () => number, found: number): string {
  let least = Infinity;
  let calls = 10;
  for (let round = 0; round <= 100; round++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) if (call() !== found) throw new Error(`not ${found}`);
    const each = (performance.now() - start) / calls;
    if (round > 0) least = Math.min(least, each); // the first is short, and warms up
    calls = Math.ceil(2 / each);
  }
  return (Math.round(least * 1e5) * 10).toLocaleString("en");
}

const row = (cells: unknown[]) =>
  console.log(cells.map((cell) => String(cell).padStart(12)).join("").trimEnd());

row(["watched", "ready", "epoll_wait", "poll", "select"]);
send(pairs[0]![1], byte, 1, false);
for (const count of [10, 100, 500, 1000, MOST]) {
  using epoll = new Epoll();
  const asked = new Int32Array(Math.max(count, 32) * 2);
  const set = new Uint8Array(128);
  for (const [i, fd] of fds.slice(0, count).entries()) {
    epoll.register(fd, EPOLLIN);
    asked.set([fd, POLLIN], 2 * i);
    if (fd < 1024) set[fd >> 3]! |= 1 << (fd & 7);
  }
  const highest = fds[count - 1]!;
  const left = new Uint8Array(128);
  const bySelect = () => (left.set(set), libc.select(highest + 1, left, null, null, zero));
  const fd = epoll.fileno();
  const list = new Uint8Array(asked.buffer);
  const byEpoll = nanoseconds(() => libc.epoll_wait(fd, events, MOST, 0), 1);
  const byPoll = nanoseconds(() => libc.poll(list, BigInt(count), 0), 1);
  row([count, 1, byEpoll, byPoll, highest < 1024 ? nanoseconds(bySelect, 1) : "-"]);
  if (count < MOST) continue;
  for (const ready of [10, 100, 1000]) {
    for (const [, far] of pairs.slice(ready / 10, ready)) send(far, byte, 1, false);
    row([count, ready, nanoseconds(() => libc.epoll_wait(fd, events, MOST, 0), ready), "", ""]);
  }
}
