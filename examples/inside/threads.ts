/**
 * How many of four threads one byte wakes: four threads on one set, and four sets of one socket.
 *
 *     deno run --allow-ffi examples/inside/threads.ts
 * @module
 */
import { Epoll, EPOLLET, EPOLLEXCLUSIVE, EPOLLIN, EPOLLONESHOT, send } from "../../mod.ts";
import { socketPair } from "./kernel.ts";

const byte = new Uint8Array(65);

/** Lets four threads wait for a socket, sends it a byte, and returns how many waits report it. */
async function woken(sets: number, flag: number): Promise<number> {
  const [near, far] = socketPair();
  const epolls = Array.from({ length: sets }, () => new Epoll());
  for (const epoll of epolls) epoll.register(near, EPOLLIN | flag);
  const waits = Array.from({ length: 4 }, (_, i) => epolls[i % sets]!.pollAsync(2));
  await new Promise((resolve) => setTimeout(resolve, 500)); // until all four sleep
  send(far, byte, 1, false);
  const reports = await Promise.all(waits);
  return reports.filter((events) => events.length > 0).length;
}

console.log("one set,   level    ", await woken(1, 0));
console.log("one set,   EPOLLET  ", await woken(1, EPOLLET));
console.log("one set,   ONESHOT  ", await woken(1, EPOLLONESHOT));
console.log("four sets, level    ", await woken(4, 0));
console.log("four sets, EPOLLET  ", await woken(4, EPOLLET));
console.log("four sets, EXCLUSIVE", await woken(4, EPOLLEXCLUSIVE));
