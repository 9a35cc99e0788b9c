/**
 * The rings of ffi/uring/ on real descriptors.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { O_CLOEXEC } from "../../ffi/libc/constants.ts";
import { POLLIN, POLLRDHUP } from "../../ffi/libc/multiplexer_constants.ts";
import { EACCES, EAGAIN, EBADF, EINVAL, ETIME } from "../../ffi/libc/errno.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { eventfdClear, eventfdSignal } from "../../ffi/libc/multiplexers.ts";
import { IO_SQRING_OFFSETS, IO_URING_CQE, IO_URING_PARAMS, IO_URING_SQE } from "../../ffi/libc/structs.ts";
import { Uring } from "../../ffi/select/uring.ts";
import * as C from "../../ffi/uring/constants.ts";
import { Ring, type RingOptions } from "../../ffi/uring/ring.ts";
import { Interposer } from "../faults/interposer.ts";
import { Descriptors, openDescriptors, write } from "../support/descriptors.ts";
import { URING_ABSENCE } from "../support/uring.ts";

const ECANCELED = 125;
const SMALL: RingOptions = { entries: 4, completions: 8, permitted: null };
const POLL_ONLY = {
  operations: [C.IORING_OP_POLL_ADD, C.IORING_OP_ASYNC_CANCEL],
  flags: C.IOSQE_CQE_SKIP_SUCCESS,
};

interface Completion {
  readonly data: readonly [low: number, high: number];
  readonly res: number;
  readonly hasMore: boolean;
}

/** Takes all completions out of the queue. */
function take(ring: Ring): Completion[] {
  const list = Array.from({ length: ring.count() }, (_, i) => {
    const at = ring.completionAt(i);
    const { words } = ring;
    const [low, high] = [words[at]!, words[at + 1]!];
    return {
      data: [low, high] as const,
      res: words[at + IO_URING_CQE.res / 4]!,
      hasMore: (words[at + IO_URING_CQE.flags / 4]! & C.IORING_CQE_F_MORE) !== 0,
    };
  });
  ring.advance(list.length);
  return list;
}

/** Prepares a poll that completes each time that `fd` becomes readable. */
function watch(ring: Ring, fd: number, high: number): void {
  const at = ring.prepare(C.IORING_OP_POLL_ADD, fd, fd, high);
  assert(at >= 0);
  ring.entries[at + IO_URING_SQE.len / 4] = C.IORING_POLL_ADD_MULTI;
  ring.entries[at + IO_URING_SQE.op_flags / 4] = POLLIN | POLLRDHUP;
}

/** Prepares the end of a poll. */
function cancel(ring: Ring, fd: number, high: number): void {
  const at = ring.prepare(C.IORING_OP_ASYNC_CANCEL, -1, -1, 0);
  ring.entries[at]! |= C.IOSQE_CQE_SKIP_SUCCESS << 8;
  ring.entries[at + IO_URING_SQE.addr / 4] = fd;
  ring.entries[at + IO_URING_SQE.addr / 4 + 1] = high;
}

function ringTest(
  sentence: string,
  options: RingOptions,
  body: (ring: Ring, fds: Descriptors) => void,
): void {
  Deno.test({
    name: `io_uring: ${sentence}`,
    ignore: URING_ABSENCE !== null,
    fn: () => {
      using fds = new Descriptors();
      const ring = new Ring(options);
      try {
        body(ring, fds);
      } finally {
        ring.close();
      }
    },
  });
}

ringTest("a request completes each time, with its user data, until it is cancelled", SMALL, (ring, fds) => {
  const fd = fds.eventfd();
  watch(ring, fd, 7);
  assertEquals(ring.waiting, 1);
  assertEquals(ring.enter(0, 0), 1);
  assertEquals([ring.waiting, ring.count()], [0, 0]);
  for (let i = 0; i < 3; i++) {
    eventfdSignal(fd);
    ring.enter(1, 1000);
    assertEquals(take(ring), [{ data: [fd, 7], res: POLLIN, hasMore: true }]);
    eventfdClear(fd);
  }
  cancel(ring, fd, 7);
  ring.enter(1, 1000);
  assertEquals(take(ring), [{ data: [fd, 7], res: -ECANCELED, hasMore: false }]);
  eventfdSignal(fd);
  assertEquals(ring.enter(1, 10), -ETIME);
  assertEquals(take(ring), []);
});

ringTest("a wait takes its timeout, in milliseconds with a fraction, and 0 does not wait", SMALL, (ring) => {
  for (const timeoutMs of [0.5, 30, 1100]) {
    const startMs = performance.now();
    assertEquals(ring.enter(1, timeoutMs), -ETIME);
    assert(performance.now() - startMs >= timeoutMs, `${timeoutMs} ms`);
  }
  assertEquals(ring.enter(1, 0), -ETIME);
  assertEquals(ring.enter(0, -1), 0);
});

ringTest("more requests than the queue is long are submitted on the way", SMALL, (ring, fds) => {
  const all = Array.from({ length: 50 }, () => fds.eventfd());
  for (const fd of all) watch(ring, fd, 1);
  assertEquals(ring.submit(), 0);
  for (const fd of all) eventfdSignal(fd);
  const found: number[] = [];
  while (found.length < all.length) {
    ring.enter(1, 1000);
    const list = take(ring);
    assert(list.length > 0 && list.length <= 8);
    found.push(...list.map(({ data }) => data[0]));
  }
  assertEquals(found.sort((a, b) => a - b), all, "completions that the queue has no room for come later");
});

/** Replaces functions of the C library until it is disposed of. */
class Replacement {
  readonly #table = libc as unknown as Record<string, unknown>;
  readonly #real: Record<string, unknown> = {};

  constructor(functions: Record<string, unknown>) {
    for (const name of Object.keys(functions)) this.#real[name] = this.#table[name];
    Object.assign(this.#table, functions);
  }

  [Symbol.dispose](): void {
    Object.assign(this.#table, this.#real);
  }
}

ringTest("a full queue is full also where its counters pass 2³¹", SMALL, () => {
  const { syscall_io_uring_setup: setUp, mmap } = libc;
  const startsAt = 0x7fff_fffe; // two requests before
  const offsets: number[] = [];
  const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(libc.__errno_location()!, 4));
  using _replaced = new Replacement({
    syscall_io_uring_setup: (number: number, entries: number, params: Uint8Array<ArrayBuffer>) => {
      const fd = setUp(number, entries, params);
      const view = new DataView(params.buffer);
      for (const end of [IO_SQRING_OFFSETS.head, IO_SQRING_OFFSETS.tail]) {
        offsets.push(view.getUint32(IO_URING_PARAMS.sq_off + end, true));
      }
      return fd;
    },
    mmap: (...args: Parameters<typeof mmap>) => {
      const address = mmap(...args);
      for (const offset of offsets.splice(0)) {
        const end = Deno.UnsafePointer.create(address + BigInt(offset))!;
        new Int32Array(Deno.UnsafePointerView.getArrayBuffer(end, 4))[0] = startsAt;
      }
      return address;
    },
    syscall_io_uring_enter: () => {
      errno[0] = EAGAIN;
      return -1;
    },
  });
  const ring = new Ring(SMALL);
  try {
    const prepared = Array.from({ length: 6 }, (_, i) => ring.prepare(C.IORING_OP_POLL_ADD, i, i, 0) >= 0);
    assertEquals(prepared, [true, true, true, true, false, false]);
    assertEquals(ring.waiting, 4);
  } finally {
    ring.close();
  }
});

ringTest(
  "lost completions are no error of Uring: it makes new requests, and waits on",
  SMALL,
  (_ring, fds) => {
    const { reader, writer } = fds.pipe();
    using uring = new Uring();
    uring.register(reader, POLLIN);
    assertEquals(uring.poll(0), []);
    using calls = new Interposer();
    calls.expect([{ call: "io_uring_enter", errno: "EBADR", when: 1 }]);
    write(writer, "x");
    assertEquals(uring.poll(5), [[reader, POLLIN]]);
    assertEquals(calls.injected, 1);
  },
);

ringTest(
  "errors come as completions, and a malformed request does not hold up the next",
  SMALL,
  (ring, fds) => {
    const fd = fds.eventfd();
    const at = ring.prepare(200, fd, 1, 1); // no such operation
    assert(at >= 0);
    watch(ring, 1_000_000, 2);
    eventfdSignal(fd);
    watch(ring, fd, 3);
    ring.enter(1, 1000);
    assertEquals(take(ring), [
      { data: [1, 1], res: -EINVAL, hasMore: false },
      { data: [1_000_000, 2], res: -EBADF, hasMore: false },
      { data: [fd, 3], res: POLLIN, hasMore: true },
    ]);
  },
);

ringTest(
  "a restricted ring refuses other operations, flags and registrations",
  { ...SMALL, permitted: POLL_ONLY },
  (ring, fds) => {
    const fd = fds.eventfd();
    ring.prepare(0, fd, 1, 1); // IORING_OP_NOP
    const at = ring.prepare(C.IORING_OP_POLL_ADD, fd, 2, 2);
    ring.entries[at]! |= 1 << 8; // IOSQE_FIXED_FILE
    ring.enter(1, 1000);
    assertEquals(take(ring).map(({ res }) => res), [-EACCES, -EACCES]);
    assertEquals(ring.register(C.IORING_REGISTER_ENABLE_RINGS, null, 0), -EACCES);
    eventfdSignal(fd);
    watch(ring, fd, 3);
    ring.enter(1, 1000);
    assertEquals(take(ring), [{ data: [fd, 3], res: POLLIN, hasMore: true }]);
  },
);

ringTest("without a restriction every operation is permitted", SMALL, (ring) => {
  ring.prepare(0, -1, 1, 1); // IORING_OP_NOP
  ring.enter(1, 1000);
  assertEquals(take(ring), [{ data: [1, 1], res: 0, hasMore: false }]);
});

Deno.test({
  name: "io_uring: a closed ring leaves neither a descriptor nor a mapping",
  ignore: URING_ABSENCE !== null,
  fn: () => {
    const mappings = () => Deno.readTextFileSync("/proc/self/maps").match(/io_uring/g)?.length ?? 0;
    new Ring(SMALL).close(); // opens what the runtime opens only once
    const before = [openDescriptors(), mappings()];
    const rings = [new Ring(SMALL), new Ring(SMALL)];
    const [, flags] = /^flags:\s*0(\d+)$/m.exec(Deno.readTextFileSync(`/proc/self/fdinfo/${rings[0]!.fd}`))!;
    assert(parseInt(flags!, 8) & O_CLOEXEC, "programs that the process starts do not inherit it");
    assertEquals(mappings(), before[1]! + 4);
    for (const ring of rings) ring.close();
    assertEquals([openDescriptors(), mappings()], before);
  },
});
