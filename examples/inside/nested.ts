/**
 * An epoll in the set of another: how it is reported, how deep that goes, and what is refused.
 *
 *     deno run --allow-ffi examples/inside/nested.ts
 * @module
 */
import { Epoll, EPOLLIN, recv, send } from "../../mod.ts";
import { outcome, socketPair } from "./kernel.ts";

const [near, far] = socketPair();
const byte = new Uint8Array(65);
const inner = new Epoll();
const outer = new Epoll();
inner.register(near, EPOLLIN);
outer.register(inner, EPOLLIN);
const told = (epoll: Epoll) =>
  JSON.stringify(epoll.poll(0).map(([fd]) => fd === near ? "socket" : fd === inner.fileno() ? "inner" : fd));

console.log("before:        ", "outer", told(outer), "inner", told(inner));
send(far, byte, 1, false);
console.log("a byte arrives:", "outer", told(outer), "inner", told(inner));
recv(near, byte);
console.log("it is read:    ", "outer", told(outer), "inner", told(inner));

console.log("inner watches outer, a circle:", outcome(() => inner.register(outer, EPOLLIN)));

// Each new epoll watches the one before, and the first of them a socket. Kernels name one reason or another to refuse
// the sixth: EINVAL before a fix of 2025, ELOOP since then.
const REASONS = /^(EINVAL|ELOOP)$/;
let last = new Epoll();
last.register(far, EPOLLIN);
for (let depth = 2; depth <= 6; depth++) {
  const next = new Epoll();
  console.log(
    `${depth} epolls, one in the other:`,
    outcome(() => next.register(last, EPOLLIN)).replace(REASONS, "refused"),
  );
  last = next;
}
