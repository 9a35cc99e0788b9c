/**
 * The event masks of poll(2), which io_uring has, too.
 * @module
 */
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
} from "../../../ffi/libc/multiplexer_constants.ts";
import { Interest, Readiness } from "../poller.ts";

/** Returns the mask that asks for `interest`. */
export function toEvents(interest: Interest): number {
  return (interest & Interest.READABLE ? POLLIN | POLLRDHUP : 0) |
    (interest & Interest.WRITABLE ? POLLOUT : 0) |
    (interest & Interest.EXCEPTIONAL ? POLLPRI : 0);
}

/** Returns what the mask `revents` reports. */
export function toReadiness(revents: number): Readiness {
  return (revents & POLLIN ? Readiness.READABLE : 0) |
    (revents & POLLOUT ? Readiness.WRITABLE : 0) |
    (revents & POLLPRI ? Readiness.EXCEPTIONAL : 0) |
    (revents & (POLLHUP | POLLRDHUP) ? Readiness.HANGUP : 0) |
    (revents & (POLLERR | POLLNVAL) ? Readiness.ERROR : 0);
}
