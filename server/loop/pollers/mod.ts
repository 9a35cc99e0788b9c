/**
 * The six pollers by name.
 * @module
 */
import type { Poller, PollerName } from "../poller.ts";
import { EpollPoller } from "./epoll.ts";
import { IoUringPoller } from "./io_uring.ts";
import { NaivePoller } from "./naive.ts";
import { PollPoller } from "./poll.ts";
import { SelectPoller } from "./select.ts";

/** The names that {@linkcode createPoller} accepts, in the order in which tutorials introduce the models. */
export const POLLER_NAMES: readonly PollerName[] = [
  "naive",
  "select",
  "poll",
  "epoll-level",
  "epoll-edge",
  "io-uring",
];

/** The poller of a server that names none. */
export const DEFAULT_POLLER: PollerName = "epoll-edge";

/**
 * Returns a new poller.
 * @throws {TypeError} when there is no poller called `name`
 * @throws {SystemError} when the kernel refuses an epoll instance or an io_uring
 */
export function createPoller(name: PollerName): Poller {
  if (!POLLER_NAMES.includes(name)) {
    throw new TypeError(`No poller is called ${JSON.stringify(name)}: ${POLLER_NAMES.join(", ")}`);
  }
  switch (name) {
    case "naive":
      return new NaivePoller();
    case "select":
      return new SelectPoller();
    case "poll":
      return new PollPoller();
    case "epoll-level":
      return new EpollPoller("level");
    case "epoll-edge":
      return new EpollPoller("edge");
    case "io-uring":
      return new IoUringPoller();
  }
}
