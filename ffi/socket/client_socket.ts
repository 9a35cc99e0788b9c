/**
 * TCP connections in which this process is the client, and waits.
 *
 * Source: connect(2), poll(2).
 * @module
 */
import {
  AF_INET,
  AF_INET6,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../libc/constants.ts";
import { POLLIN, POLLOUT } from "../libc/multiplexer_constants.ts";
import { EINPROGRESS, EINTR, EINVAL, ETIMEDOUT } from "../libc/errno.ts";
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

/**
 * Connects to an IPv4 or IPv6 address, and waits for that. Returns a non-blocking descriptor, or −errno: −ETIMEDOUT
 * after `timeoutMs` milliseconds.
 */
export function connectAndWait(host: string, port: number, timeoutMs: number): number {
  const fd = connectTcp(host, port);
  if (fd < 0) return fd;
  const endMs = performance.now() + timeoutMs;
  let ready: number;
  do ready = awaitWritable(fd, endMs - performance.now()); while (ready === -EINTR);
  const error = ready === 0 ? ETIMEDOUT : ready < 0 ? -ready : errorOf(fd);
  if (error === 0) return fd;
  libc.close(fd);
  return -error;
}

const word = new Uint8Array(128);
const wordView = new DataView(word.buffer);

function errorOf(fd: number): number {
  const length = new Uint8Array(128);
  length[0] = 4;
  const status = result(libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, word, length));
  return status < 0 ? -status : wordView.getInt32(0, true);
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
