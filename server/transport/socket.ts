/**
 * The transport of the kernel: calls on a socket, without a state of its own.
 * @module
 */
import { EAGAIN, EINTR } from "../../ffi/libc/errno.ts";
import {
  limitUnsent,
  peek,
  recv,
  recvUrgent,
  resetOnClose,
  send,
  sendfile,
  shutdownWrite,
  unacknowledged,
} from "../../ffi/socket/socket.ts";
import { Interest } from "../loop/poller.ts";
import type { Transport } from "./transport.ts";

const NOTHING = new Uint8Array(0);

/** A plain socket. */
export const socketTransport: Transport = {
  peek,
  recv,
  recvUrgent,
  send,
  sendfile,
  shutdownWrite,
  unacknowledged,
  limitUnsent,
  resetOnClose,

  /** A short read has emptied the socket, except where recv(2) stops at urgent data. */
  isDrained: (_fd, count, capacity) => count < capacity,

  /** The kernel holds nothing back that it would need a call for. */
  flush: () => 0,

  wants: () => Interest.NONE,

  /** Sends nothing, which fails on a connection that was reset. */
  isReset(fd) {
    const status = send(fd, NOTHING, 0, false);
    return status < 0 && status !== -EAGAIN && status !== -EINTR;
  },

  announceEnd() {},

  isSecure: () => false,

  forget() {},
};
