/**
 * When one socket is reported: at its level, at an edge, and once (EPOLLONESHOT).
 *
 *     deno run --allow-ffi examples/inside/edge.ts
 * @module
 */
import { Epoll, EPOLLET, EPOLLIN, EPOLLONESHOT, EPOLLOUT, recv, send } from "../../mod.ts";
import { socketPair } from "./kernel.ts";

const KINDS = [["level", 0], ["edge", EPOLLET], ["oneshot", EPOLLONESHOT]] as const;
const bytes = new Uint8Array(1 << 20);

/** Three sockets that the same happens to, each in a set of its own. */
const watched = KINDS.map(([, flag]) => {
  const [near, far] = socketPair();
  const epoll = new Epoll();
  epoll.register(near, EPOLLIN | flag);
  return { near, far, epoll, flag };
});

/** Does the same to all three, and prints what the next wait reports of each. */
function step(what: string, act: (each: (typeof watched)[number]) => void): void {
  watched.forEach(act);
  const told = watched.map(({ epoll }) => {
    const [[, events] = [0, 0]] = epoll.poll(0);
    return [events & EPOLLIN ? "IN" : "", events & EPOLLOUT ? "OUT" : ""].join(" ").trim() || "-";
  });
  console.log([what.padEnd(30), ...told.map((each) => each.padEnd(8))].join("").trimEnd());
}

console.log(["".padEnd(30), ...KINDS.map(([name]) => name.padEnd(8))].join("").trimEnd());
step("nothing has happened", () => {});
step("2 bytes arrive", ({ far }) => send(far, bytes, 2, false));
step("nothing more", () => {});
step("1 byte is read, 1 is left", ({ near }) => recv(near, bytes.subarray(0, 1)));
step("1 byte arrives, 1 is unread", ({ far }) => send(far, bytes, 1, false));
step("MOD with the same mask", ({ epoll, near, flag }) => epoll.modify(near, EPOLLIN | flag));
step("2 packets arrive, then 1 wait", ({ far }) => [1, 1].forEach((n) => send(far, bytes, n, false)));
step("the next wait", () => {});
step("MOD to IN and OUT", ({ epoll, near, flag }) => epoll.modify(near, EPOLLIN | EPOLLOUT | flag));
step("the next wait", () => {});
step("sent until EAGAIN", ({ near }) => {
  while (send(near, bytes, bytes.length, false) > 0);
});
step("the peer reads 1 byte", ({ far }) => recv(far, bytes.subarray(0, 1)));
step("the peer reads everything", ({ far }) => {
  while (recv(far, bytes) > 0);
});
