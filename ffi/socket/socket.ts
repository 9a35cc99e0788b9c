/**
 * Non-blocking, close-on-exec stream sockets.
 *
 * Set-up functions throw {@linkcode SystemError}; the others return ≥ 0 or −errno.
 *
 * Source: socket(2), socket(7), ip(7), ipv6(7), tcp(7), accept4(2), recv(2), send(2), sendfile(2), shutdown(2),
 * getpeername(2).
 * @module
 */
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  MSG_MORE,
  MSG_NOSIGNAL,
  MSG_OOB,
  MSG_PEEK,
  SHUT_WR,
  SIOCOUTQ,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_DEFER_ACCEPT,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
  TCP_NOTSENT_LOWAT,
} from "../libc/constants.ts";
import { orThrow } from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import { formatAddress, localAddress, sockaddr, writeSockaddr } from "./socket_address.ts";

export {
  formatAddress,
  isIpAddress,
  localAddress,
  peerAddress,
  peerNetwork,
  type SocketAddress,
} from "./socket_address.ts";

// V8 may move typed arrays of 64 bytes or less, so the buffers that the kernel writes to are parts of a large one.
const scratch = new ArrayBuffer(256);
const optionBytes = new Uint8Array(scratch, 136, 4);
const optionWord = new Int32Array(scratch, 136, 1);
const PORT_MAX = 65535;
/** The greatest int of C. */
const BACKLOG_MAX = 0x7fff_ffff;
/** tcp(7): seconds without data before the first keep-alive probe, seconds between probes, number of probes. */
const KEEPALIVE_IDLE_SECONDS = 60;
const KEEPALIVE_INTERVAL_SECONDS = 15;
const KEEPALIVE_PROBES = 4;
/**
 * The limit of unsent bytes above which a socket is not writable (TCP_NOTSENT_LOWAT). To a peer with a tiny window the
 * kernel sends, and keeps, tiny segments. Half a megabyte of them costs 2.5 ms, and many times its size in memory.
 */
const UNSENT_BYTES_MAX = 128 * 1024;

const offsetBytes = new Uint8Array(scratch, 144, 8);
const offsetWords = new Uint32Array(scratch, 144, 2);
/** struct linger: enabled, with a timeout of 0 seconds. */
const lingerBytes = new Uint8Array(Int32Array.of(1, 0).buffer);
const urgentByte = new Uint8Array(scratch, 224, 1);

/** Sets an integer option: 0 or −errno. */
export function setOption(fd: number, level: number, option: number, value: number): number {
  optionWord[0] = value;
  return result(libc.setsockopt(fd, level, option, optionBytes, 4));
}

/** The settings of {@linkcode listenTcp} beside the address. */
export interface ListenOptions {
  /**
   * Whether `accept` returns a client only after it has sent data, or after about a second (TCP_DEFER_ACCEPT). Default
   * true. A server that speaks first, or logs each connection, needs false.
   */
  readonly deferAccept?: boolean;
  /**
   * Whether `::` accepts IPv6 clients only (IPV6_V6ONLY), which leaves the port free for an IPv4 socket. Default false.
   */
  readonly isV6Only?: boolean;
}

/**
 * Returns a listening TCP socket on `host`, an IPv4 or IPv6 address. `::` also accepts IPv4 clients. For `port` 0 the
 * kernel chooses a port. `backlog` is the length of the queue of clients that wait for `accept`.
 * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
 * @throws {TypeError | RangeError} for an invalid host, port or backlog
 */
export function listenTcp(host: string, port: number, backlog: number, options: ListenOptions = {}): number {
  return listenTcpTogether(host, port, backlog, options, 1)[0]!;
}

/**
 * Returns `copies` sockets that listen on one address, each with a queue of its own. The kernel gives each client to
 * one of them (SO_REUSEPORT). For port 0 all have the same port. The first socket is bound without SO_REUSEPORT, so no
 * other process can listen on the address, not even with SO_REUSEPORT.
 * @throws {SystemError} as {@linkcode listenTcp}
 */
export function listenTcpTogether(
  host: string,
  port: number,
  backlog: number,
  options: ListenOptions,
  copies: number,
): number[] {
  loadLibc();
  checkListening(host, port, backlog);
  const intent = `listen on ${formatAddress({ address: host, port })}`;
  const share = (fd: number) =>
    orThrow(setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1), intent, "setsockopt SO_REUSEPORT");
  const fds = [openTcp(host, intent, options)];
  try {
    bindTcp(fds[0]!, host, port, intent);
    const chosen = copies > 1 && port === 0 ? localAddress(fds[0]!).port : port;
    if (copies > 1) share(fds[0]!);
    while (fds.length < copies) {
      const fd = openTcp(host, intent, options);
      fds.push(fd);
      share(fd);
      bindTcp(fd, host, chosen, intent);
    }
    for (const fd of fds) orThrow(result(libc.listen(fd, backlog + 0)), intent, "listen"); // Deno refuses −0
    return fds;
  } catch (error) {
    for (const fd of fds) libc.close(fd);
    throw error;
  }
}

/** Checks the arguments, because C would truncate or misread invalid ones and listen on another address. */
function checkListening(host: unknown, port: unknown, backlog: unknown): void {
  if (typeof host !== "string") {
    throw new TypeError(`A host to listen on must be a string, not ${typeof host}`);
  }
  const isPort = Number.isInteger(port) && port as number >= 0 && port as number <= PORT_MAX;
  if (!isPort) throw new RangeError(`${String(port)} is no port: 0 to ${PORT_MAX}`);
  if (!Number.isInteger(backlog) || backlog as number < 0 || backlog as number > BACKLOG_MAX) {
    throw new RangeError(`${String(backlog)} is no backlog: 0 to ${BACKLOG_MAX}`);
  }
}

function openTcp(host: string, intent: string, { isV6Only = false, ...options }: ListenOptions): number {
  const family = host.includes(":") ? AF_INET6 : AF_INET;
  const fd = orThrow(
    result(libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
    intent,
    "socket",
  );
  try {
    orThrow(setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1), intent, "setsockopt SO_REUSEADDR");
    orThrow(prepareTcp(fd, options), intent, "setsockopt TCP_NODELAY");
    if (family === AF_INET6) {
      orThrow(setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, isV6Only ? 1 : 0), intent, "setsockopt IPV6_V6ONLY");
    }
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function bindTcp(fd: number, host: string, port: number, intent: string): void {
  const length = writeSockaddr(host, port);
  if (length === 0) throw new RangeError(`${host} is no IPv4 or IPv6 address`);
  orThrow(result(libc.bind(fd, sockaddr, length)), intent, "bind");
}

/**
 * Sets the options that accepted sockets inherit, which saves calls for each client: TCP_NODELAY, the limit of unsent
 * bytes, and keep-alive. With keep-alive, TCP ends a connection whose peer has been unreachable for two minutes, such
 * as a machine that was switched off. Returns 0, or −errno if TCP_NODELAY is refused.
 */
export function prepareTcp(fd: number, { deferAccept = true }: ListenOptions): number {
  const status = setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (status < 0) return status;
  // The kernel may refuse the other options. The socket is usable without them.
  setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS);
  setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS);
  setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
  setOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX);
  if (deferAccept) setOption(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
  return 0;
}

/** Returns the bytes that were given to `send` and are not acknowledged by the peer (SIOCOUTQ), or −errno. */
export function unacknowledged(fd: number): number {
  const status = result(libc.ioctl(fd, SIOCOUTQ, optionBytes));
  return status < 0 ? status : optionWord[0]!;
}

/**
 * Makes `close` reset the connection and discard unsent data: 0 or −errno. Without this the kernel keeps that data for
 * minutes if the peer does not read.
 */
export function resetOnClose(fd: number): number {
  return result(libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, lingerBytes, lingerBytes.length));
}

/** Changes the limit of unsent bytes that {@linkcode prepareTcp} has set: 0 or −errno. −1 removes it. */
export function limitUnsent(fd: number, bytes: number): number {
  return setOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes);
}

/** Accepts one client of a listening socket. Returns its descriptor, or −errno (−EAGAIN if no client waits). */
export function accept(fd: number): number {
  return result(libc.accept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

/**
 * Receives up to `buffer.length` bytes into `buffer`. Returns the bytes received, 0 after the peer's end, or −errno.
 */
export function recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
  return result(libc.recv(fd, buffer, buffer.length, 0));
}

/**
 * Removes TCP's urgent byte from the stream. Returns 1, or −errno: −EINVAL if there is none, or it was already removed;
 * −EAGAIN if it is announced but has not arrived.
 */
export function recvUrgent(fd: number): number {
  return result(libc.recv(fd, urgentByte, 1, MSG_OOB));
}

/** Does the same as {@linkcode recv}, but leaves the data in the socket (MSG_PEEK). */
export function peek(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
  return result(libc.recv(fd, buffer, buffer.length, MSG_PEEK));
}

/**
 * Sends the first `length` bytes of `bytes`. `more` tells the kernel that further bytes follow at once (MSG_MORE).
 * Returns the bytes sent, or −errno.
 */
export function send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number {
  return result(libc.send(fd, bytes, length, more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL));
}

/**
 * Sends up to `length` bytes (below 2³¹) of `file` from `offset` (up to 2⁵³). The file's own position does not change.
 * Returns the bytes sent, 0 if the file ends at or before `offset`, or −errno. SIGPIPE must be ignored, because
 * sendfile(2) has no MSG_NOSIGNAL.
 */
export function sendfile(fd: number, file: number, offset: number, length: number): number {
  offsetWords[0] = offset % 0x1_0000_0000;
  offsetWords[1] = Math.floor(offset / 0x1_0000_0000);
  return result(libc.sendfile(fd, file, offsetBytes, length));
}

/** Shuts down the writing half of the connection (shutdown(2)). The peer reads what was sent, then end of file. */
export function shutdownWrite(fd: number): number {
  return result(libc.shutdown(fd, SHUT_WR));
}

/** Closes a descriptor. On Linux it is closed even if close(2) reports an error. */
export function close(fd: number): number {
  return result(libc.close(fd));
}
