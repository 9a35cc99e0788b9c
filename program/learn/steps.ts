/**
 * The steps of the lesson: which server runs in each, and the command to try. Their texts are in `english.ts` and
 * `chinese.ts`.
 * @module
 */

/** Where the server of a step is found. */
export interface Place {
  /** The port of the server, on 127.0.0.1. */
  readonly port: number;
  /** The port of its live page. */
  readonly adminPort: number;
}

/** A step. */
export interface Step {
  /** The poller, by its name; one that this program or this kernel does not have is replaced by the usual one. */
  readonly poller: string;
  /** What is served: the pages of the lesson, or what arrives. */
  readonly serves: "pages" | "echo";
  readonly isCoroutine?: boolean;
  /** The time for a request's head in milliseconds; by default that of every server. */
  readonly headTimeoutMs?: number;
  /** Returns the command to try, for a shell. */
  command(port: number): string;
}

const SHOWN_SECONDS = 3;

function url(port: number, path = "/"): string {
  return `http://127.0.0.1:${port}${path}`;
}

function twoRequests(port: number): string {
  return `curl -s ${url(port)} ${url(port)}`;
}

/** Opens `count` connections, each with the text `sent` on it, and then does `then`. */
function many(port: number, count: number, sent: string, then: string): string {
  const open = `for i in {1..${count}}; do exec {c}<>/dev/tcp/127.0.0.1/${port}; printf "${sent}" >&$c; done`;
  return `bash -c '${open}; ${then}'`;
}

function beside(port: number): string {
  return many(port, 50, "GET", `curl -s ${url(port)}; sleep ${SHOWN_SECONDS}`);
}

function echoed(port: number): string {
  return `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}; dd if=/dev/zero bs=50000 count=1 status=none >&3; timeout 1 cat <&3 | wc -c'`;
}

/** The steps in their order. */
export const STEPS: readonly Step[] = [
  { poller: "epoll-edge", serves: "pages", command: twoRequests },
  { poller: "naive", serves: "pages", command: (port) => `curl -s ${url(port)}` },
  { poller: "select", serves: "pages", command: beside },
  { poller: "poll", serves: "pages", command: beside },
  { poller: "epoll-level", serves: "echo", command: echoed },
  { poller: "epoll-edge", serves: "echo", command: echoed },
  {
    poller: "epoll-edge",
    serves: "pages",
    isCoroutine: true,
    command: (port) => `bash -c 'curl -s ${url(port, "/slow")} & sleep 0.3; curl -s ${url(port)}; wait'`,
  },
  {
    poller: "epoll-edge",
    serves: "pages",
    command: (port) =>
      `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}; printf "GET /large HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" >&3; sleep ${SHOWN_SECONDS}'`,
  },
  {
    poller: "epoll-edge",
    serves: "pages",
    headTimeoutMs: 5000,
    command: (port) =>
      many(port, 200, "GET / HTTP/1.1\\r\\n", `curl -s ${url(port)}; timeout 10 head -n 1 <&$c`),
  },
  { poller: "io-uring", serves: "pages", command: twoRequests },
];
