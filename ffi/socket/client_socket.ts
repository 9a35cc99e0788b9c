/**
 * The other end of a connection: this process is the client, and waits.
 * Source: connect(2), poll(2).
 * @module
 */
import {
  AF_INET,
  AF_INET6,
  POLLIN,
  POLLOUT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../libc/constants.ts";
import { EINPROGRESS, EINVAL } from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import { poll } from "../libc/multiplexers.ts";
import { sockaddr, writeSockaddr } from "./socket_address.ts";
import { POLLFD } from "../libc/structs.ts";

/**
 * Begins to connect to an IPv4 or IPv6 address: a descriptor, which does not block, or −errno. Once it is writable the
 * first `send` tells whether it is connected.
 */
export function connectTcp(host: string, port: number): number {
  loadLibc();
  const family = host.includes(":") ? AF_INET6 : AF_INET;
  const fd = result(libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd < 0) return fd;
  const length = writeSockaddr(host, port);
  const status = length === 0 ? -EINVAL : result(libc.connect(fd, sockaddr, length));
  if (status >= 0 || status === -EINPROGRESS) return fd;
  libc.close(fd);
  return status;
}

const pollfd = new Uint8Array(128);
const pollfdView = new DataView(pollfd.buffer);

/** Waits until there is something to receive, or the end: 1, 0 after `timeoutMs`, −errno. Nothing else runs meanwhile. */
export function awaitReadable(fd: number, timeoutMs: number): number {
  return awaitEvents(fd, POLLIN, timeoutMs);
}

/** The same until something can be sent, or the connection has failed. */
export function awaitWritable(fd: number, timeoutMs: number): number {
  return awaitEvents(fd, POLLOUT, timeoutMs);
}

function awaitEvents(fd: number, events: number, timeoutMs: number): number {
  pollfdView.setInt32(POLLFD.fd, fd, true);
  pollfdView.setInt16(POLLFD.events, events, true);
  return poll(pollfd, 1, Math.max(Math.ceil(timeoutMs), 0));
}
