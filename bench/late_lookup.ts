/**
 * When does an operation look its descriptor up? IORING_OP_SHUTDOWN does so on another thread, after the call that
 * submits it has returned. If the descriptor was closed by then, its number may belong to another file.
 *
 *   deno run --allow-ffi bench/late_lookup.ts
 * @module
 */
import { AF_UNIX, SHUT_WR, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from "../ffi/libc/constants.ts";
import { EBADF, orThrow } from "../ffi/libc/errno.ts";
import { libc, loadLibc, result } from "../ffi/libc/libc.ts";
import { IO_URING_CQE, IO_URING_SQE } from "../ffi/libc/structs.ts";
import { close, recv } from "../ffi/socket/socket.ts";
import { Ring } from "../ffi/uring/ring.ts";

const SHUTDOWN = 34;
const CLOSE = 19;
const ROUNDS = 2000;

/** What has become of the shutdowns. */
export interface Shutdowns {
  readonly rounds: number;
  /** Those that have ended another socket, to which the number belonged by then. */
  others: number;
  /** Those that found no file (EBADF). */
  none: number;
}

const pairBytes = new Uint8Array(128);
const pairWords = new Int32Array(pairBytes.buffer);

function socketPair(): readonly [mine: number, peer: number] {
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  orThrow(result(libc.socketpair(AF_UNIX, type, 0, pairBytes)), "make two sockets", "socketpair");
  return [pairWords[0]!, pairWords[1]!];
}

/** Submits a shutdown and a close of one socket in one call, and gives its number to another socket at once. */
export function lateShutdowns(): Shutdowns {
  loadLibc();
  const ring = new Ring({ entries: 8, completions: 16, permitted: null });
  const found: Shutdowns = { rounds: ROUNDS, others: 0, none: 0 };
  const byte = new Uint8Array(128);
  for (let round = 0; round < ROUNDS; round++) {
    const [first, firstPeer] = socketPair();
    const [second, secondPeer] = socketPair();
    ring.entries[ring.prepare(SHUTDOWN, first, 1, 0) + IO_URING_SQE.len / 4] = SHUT_WR;
    ring.prepare(CLOSE, first, 2, 0);
    ring.submit();
    libc.dup3(second, first, 0);
    for (let completions = 0; completions < 2;) {
      ring.enter(1, -1);
      const count = ring.count(); // once: another thread may add to it
      for (let i = 0; i < count; i++) {
        const at = ring.completionAt(i);
        if (ring.words[at] === 1 && ring.words[at + IO_URING_CQE.res / 4] === -EBADF) found.none++;
      }
      completions += count;
      ring.advance(count);
    }
    if (recv(secondPeer, byte) === 0) found.others++; // the end of its input
    for (const fd of [first, firstPeer, second, secondPeer]) close(fd);
  }
  ring.close();
  return found;
}

if (import.meta.main) {
  const { rounds, others, none } = lateShutdowns();
  console.log(`${rounds} shutdowns before a close: ${others} ended another socket, ${none} found no file`);
}
