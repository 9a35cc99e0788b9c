/**
 * Which calls are made to fail, how, and together with which others.
 * @module
 */
import type { PollerName } from "../../server/loop/poller.ts";
import { CLOSING, type ErrnoName, type Fault, SERVING, WAITING } from "./errnos.ts";

/** Faults that one round of clients meets. */
export interface Round {
  readonly poller: PollerName;
  readonly faults: readonly Fault[];
}

/**
 * That nothing is there, or fits, is a lie where something does. An edge is told once: what goes by it is right to wait
 * for the next one, which would come if it were true.
 */
function pollerFor(errno: ErrnoName): PollerName {
  return errno === "EAGAIN" ? "epoll-level" : "epoll-edge";
}

/** The queue of events is made anew after reading it failed. */
function withCause(fault: Fault): Fault[] {
  return fault.call === "inotify_init1" ? [{ call: "read", errno: "EIO", when: 1 }, fault] : [fault];
}

/** Each error of each call by itself, in the call's first, second, … turn. */
export function* singleRounds(whens: readonly number[]): Generator<Round> {
  for (const [call, errnos] of Object.entries(SERVING)) {
    for (const errno of errnos) {
      for (const when of whens) {
        yield { poller: pollerFor(errno), faults: withCause({ call, errno, when }) };
      }
    }
  }
}

/** All errors of all calls, in as few rounds as there are errors of one call: in each every call fails once. */
export function* manyAtOnce(): Generator<Round> {
  const calls = Object.entries(SERVING) as [string, readonly ErrnoName[]][];
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

/** Errors that no client notices, one after the other: EINTR, and all those of a wait that is made again. */
export function unnoticedRounds(): Round[] {
  const each = (call: string, errnos: readonly ErrnoName[]): Fault[] =>
    errnos.map((errno, i) => ({ call, errno, when: i + 1 }));
  const { epoll_wait, poll, select, write } = WAITING;
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
  ];
}
