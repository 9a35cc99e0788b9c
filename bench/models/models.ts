/**
 * The I/O models that are compared: this server with each poller, and small programs in C and in Python.
 * @module
 */
import { POLLER_NAMES } from "../../server/loop/pollers/mod.ts";

/** This server with callbacks or coroutines, or a program in another language. */
export type Kind = "callback" | "coroutine" | "c" | "python";

/** What bounds the number of clients. */
export type Bound = "descriptors" | "select" | "threads" | "processes";

/** One line of a table. */
export interface Model {
  /** For this server its flags, without `--poller`. */
  readonly label: string;
  readonly kind: Kind;
  /** The poller of this server, or the name of the program's file without its ending. */
  readonly program: string;
  readonly bound: Bound;
  /** True for the models that are measured with ten thousand active connections. */
  readonly isInCrowd: boolean;
}

/** Pollers with which this server is measured with ten thousand active connections. */
const CROWD_POLLERS: readonly string[] = ["epoll-edge", "io-uring"];

function ours(poller: string, kind: "callback" | "coroutine"): Model {
  return {
    label: kind === "coroutine" ? `${poller} --coroutine` : poller,
    kind,
    program: poller,
    bound: poller === "select" ? "select" : "descriptors",
    isInCrowd: CROWD_POLLERS.includes(poller),
  };
}

function inC(name: string, program: string, bound: Bound): Model {
  return { label: `${name} (C)`, kind: "c", program, bound, isInCrowd: true };
}

function inPython(name: string, program: string, isInCrowd = false): Model {
  const bound = name === "select" ? "select" : "descriptors";
  return { label: `${name} (Python)`, kind: "python", program, bound, isInCrowd };
}

/** The program in Python that needs the package of that name. */
export const GEVENT: Model = inPython("gevent", "coroutines", true);

/** All models: this server with callbacks, with coroutines, and the programs in C and in Python. */
export const MODELS: readonly Model[] = [
  ...POLLER_NAMES.map((poller) => ours(poller, "callback")),
  ...POLLER_NAMES.map((poller) => ours(poller, "coroutine")),
  inC("thread per client", "thread_per_client", "threads"),
  inC("process per client", "process_per_client", "processes"),
  inC("epoll-edge", "floor", "descriptors"),
  inPython("naive", "naive"),
  inPython("select", "select_loop"),
  inPython("poll", "poll_loop"),
  inPython("epoll-level", "epoll_level"),
  inPython("epoll-edge", "epoll_edge", true),
  GEVENT,
];
