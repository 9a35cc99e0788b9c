/**
 * The mistake: `accept` fails for lack of descriptors, and the loop asks again at once.
 *
 *     deno run --allow-ffi examples/mistakes/emfile_spin.ts [mended]
 * @module
 */
import { accept, close, Epoll, EPOLLIN, errnoName, listenTcp, localAddress, send } from "../../mod.ts";
import { Client, conclude, encode, isMended } from "./scene.ts";

/** `RLIMIT_NOFILE`: the number of descriptors that a process may have open. */
const { symbols: libc } = Deno.dlopen("libc.so.6", {
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
});
const RLIMIT_NOFILE = 7;
const TURNS_MAX = 1000;
const QUIET_SECONDS = 0.3;
const BUSY = encode("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n");

const listener = listenTcp("127.0.0.1", 0, 128, { deferAccept: false });
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);

/** Wrong: the client stays in the queue, so the listening socket stays readable. */
function acceptOnly(): number {
  return accept(listener);
}

/** A descriptor that is kept for its number. */
let reserve = new Epoll();

/** Mended: gives the reserve away for a moment, so that the client can be told, and leaves the queue. */
function acceptOrReject(): number {
  const fd = accept(listener);
  if (fd >= 0) return fd;
  reserve.close();
  const rejected = accept(listener);
  send(rejected, BUSY, BUSY.length, false);
  close(rejected);
  reserve = new Epoll();
  return fd;
}

const client = new Client(localAddress(listener).port);
const limit = new BigUint64Array(16).fill(BigInt(client.fd + 1)); // soft and hard limit: no number is left
libc.setrlimit(RLIMIT_NOFILE, new Uint8Array(limit.buffer));

let turns = 0;
while (turns < TURNS_MAX && epoll.poll(QUIET_SECONDS).length > 0) {
  const fd = isMended ? acceptOrReject() : acceptOnly();
  if (turns++ === 0) console.log(`server: accept returns ${errnoName(-fd)}`);
}
console.log(`server: the loop has woken ${turns === 1 ? "once" : `${turns} times`}, and accepted no client`);
console.log(`client: got ${JSON.stringify(client.receiveText().split("\r\n")[0])}`);
conclude(
  turns < TURNS_MAX,
  "the client was told, and the loop sleeps",
  "the loop never sleeps: it takes a whole processor for nothing",
);
