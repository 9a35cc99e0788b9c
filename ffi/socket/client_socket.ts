/**
 * TCP connections in which this process is the client, and waits.
 *
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
 * Starts to connect to an IPv4 or IPv6 address. Returns a non-blocking descriptor, or −errno. Once it is writable, the
 * first `send` reports whether the connection was made.
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

/**
 * Blocks until data or the end of the stream can be received. Returns 1, 0 after `timeoutMs` milliseconds, or −errno.
 * Deno's event loop does not run meanwhile.
 */
export function awaitReadable(fd: number, timeoutMs: number): number {
  return awaitEvents(fd, POLLIN, timeoutMs);
}

/** Blocks until data can be sent, or the connection has failed. Returns as {@linkcode awaitReadable} does. */
export function awaitWritable(fd: number, timeoutMs: number): number {
  return awaitEvents(fd, POLLOUT, timeoutMs);
}

function awaitEvents(fd: number, events: number, timeoutMs: number): number {
  pollfdView.setInt32(POLLFD.fd, fd, true);
  pollfdView.setInt16(POLLFD.events, events, true);
  return poll(pollfd, 1, Math.max(Math.ceil(timeoutMs), 0));
}
