/**
 * The plan: which calls fail, how, and in which combinations.
 * @module
 */
import type { PollerName } from "../../server/loop/poller.ts";
import { CLOSING, type ErrnoName, type Fault, SERVING, WAITING } from "./errnos.ts";

/** The faults of one round of clients. */
export interface Round {
  readonly poller: PollerName;
  readonly faults: readonly Fault[];
}

/**
 * Returns the poller for an error. Errors that claim that nothing is there are false when something is. An edge is
 * reported once, so after such an error an edge-triggered poller rightly waits for the next one.
 */
function pollerFor(errno: ErrnoName): PollerName {
  return errno === "EAGAIN" ? "epoll-level" : "epoll-edge";
}

/** Adds the fault that leads to a call: the inotify queue is created again after reading it failed. */
function withCause(fault: Fault): Fault[] {
  return fault.call === "inotify_init1" ? [{ call: "read", errno: "EIO", when: 1 }, fault] : [fault];
}

/** Yields each error of each call by itself, at its first, second, … call. */
export function* singleRounds(whens: readonly number[]): Generator<Round> {
  for (const [call, errnos] of Object.entries(SERVING)) {
    for (const errno of errnos) {
      for (const when of whens) {
        yield { poller: pollerFor(errno), faults: withCause({ call, errno, when }) };
      }
    }
  }
}

/**
 * The calls that TLS makes in another way than plain connections do: it sends of its own accord, and holds what the
 * socket does not take, and it reads files instead of having the kernel send them. So does HTTP/2.
 */
export const SECURE_CALLS: readonly string[] = [
  "recvfrom",
  "sendto",
  "shutdown",
  "epoll_ctl",
  "pread64",
  "ioctl",
];

/**
 * Yields all errors of all calls, or of those in `only`, in as few rounds as possible. In each round, every call fails
 * once.
 */
export function* manyAtOnce(only: readonly string[] | null = null): Generator<Round> {
  const all = Object.entries(SERVING) as [string, readonly ErrnoName[]][];
  const calls = all.filter(([call]) => only === null || only.includes(call));
  const depth = Math.max(...calls.map(([, errnos]) => errnos.length));
  for (let i = 0; i < depth; i++) {
    const faults = calls.filter(([, errnos]) => i < errnos.length)
      .map(([call, errnos]) => ({ call, errno: errnos[i]!, when: call === "read" ? 1 : 1 + i % 3 }));
    for (const poller of ["epoll-edge", "epoll-level"] as const) {
      const its = faults.filter(({ errno }) => pollerFor(errno) === poller);
      if (its.length > 0) yield { poller, faults: its };
    }
  }
}

/**
 * Returns the errors that no client notices, one after the other: EINTR, and the errors of a wait that is repeated.
 */
export function unnoticedRounds(): Round[] {
  const each = (call: string, errnos: readonly ErrnoName[]): Fault[] =>
    errnos.map((errno, i) => ({ call, errno, when: i + 1 }));
  const { epoll_wait, poll, select, io_uring_enter, write } = WAITING;
  const interruptible = Object.entries(SERVING).filter(([, errnos]) =>
    (errnos as readonly ErrnoName[]).includes("EINTR")
  );
  return [
    {
      poller: "epoll-edge",
      faults: interruptible.flatMap(([call]) =>
        [1, 3].map((when) => ({ call, errno: "EINTR" as const, when }))
      ),
    },
    { poller: "epoll-edge", faults: [...each("epoll_wait", epoll_wait), ...each("close", CLOSING.close)] },
    { poller: "epoll-level", faults: [...each("epoll_wait", epoll_wait), ...each("write", write)] },
    { poller: "poll", faults: each("poll", poll) },
    { poller: "select", faults: each("select", select) },
    { poller: "io-uring", faults: each("io_uring_enter", io_uring_enter) },
  ];
}
