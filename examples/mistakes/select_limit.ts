/**
 * The mistake: a descriptor above 1,023 is put into an `fd_set`.
 *
 *     deno run --allow-ffi examples/mistakes/select_limit.ts [mended]
 * @module
 */
import { FD_SETSIZE, listenTcp, localAddress, Poll, POLLIN, select } from "../../mod.ts";
import { Client, conclude, isMended } from "./scene.ts";

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
});
const F_DUPFD = 0;

/** As in C: `struct { fd_set readable; int clients; }`. The integer happens to follow the set in memory. */
const memory = new Uint8Array(256);
const clients = new Int32Array(memory.buffer, FD_SETSIZE / 8, 1);
clients[0] = 3;

/** Wrong: sets a bit, as the macro FD_SET of C does, which does not look where the set ends. */
function watch(fd: number): void {
  memory[fd >> 3]! |= 1 << (fd & 7);
}

/** Mended: asks poll(2), which takes any descriptor, where select refuses one. */
function watchAny(fd: number): void {
  try {
    select([fd], [], [], 0);
  } catch (error) {
    console.log(`select: ${error}`);
    const poll = new Poll();
    poll.register(fd, POLLIN);
    for (const [ready] of poll.poll(1000)) console.log(`poll: ${ready} is readable`);
  }
}

const listener = listenTcp("127.0.0.1", 0, 128, { deferAccept: false });
const client = new Client(localAddress(listener).port);
// The listening socket gets a second number, as if a thousand clients had come before.
const fd = libc.fcntl(listener, F_DUPFD, FD_SETSIZE + 8);
if (fd < 0) throw new Error("the limit of descriptors is too low: see ulimit -n");
console.log(`descriptor ${fd} is to be watched; clients = ${clients[0]}`);
(isMended ? watchAny : watch)(fd);
console.log(`clients = ${clients[0]}`);
client.close();
conclude(
  clients[0] === 3,
  "nothing beside the set has changed",
  "FD_SET has changed a variable beside the set",
);
