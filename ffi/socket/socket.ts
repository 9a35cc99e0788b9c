/**
 * Stream sockets. All of them are non-blocking and close-on-exec.
 *
 * Functions that set up throw {@linkcode SystemError}; the others return ≥ 0 or −errno.
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

// Small typed arrays may live on the V8 heap and move; one large buffer holds all that the kernel writes to.
const scratch = new ArrayBuffer(256);
const optionBytes = new Uint8Array(scratch, 136, 4);
const optionWord = new Int32Array(scratch, 136, 1);
const PORT_MAX = 65535;
/** An int of C. */
const BACKLOG_MAX = 0x7fff_ffff;
/** Seconds of silence before TCP asks whether the peer is still there, between two such questions, and how many. */
const KEEPALIVE_IDLE_SECONDS = 60;
const KEEPALIVE_INTERVAL_SECONDS = 15;
const KEEPALIVE_PROBES = 4;
/**
 * What waits in a socket for its peer to take it. To a peer whose window is tiny the kernel sends, and keeps, tiny
 * pieces: half a megabyte of them takes it 2.5 ms, and memory that is many times as large.
 */
const UNSENT_BYTES_MAX = 128 * 1024;

const offsetBytes = new Uint8Array(scratch, 144, 8);
const offsetWords = new Uint32Array(scratch, 144, 2);
/** `struct linger`: on, for no time. */
const lingerBytes = new Uint8Array(Int32Array.of(1, 0).buffer);
const urgentByte = new Uint8Array(scratch, 224, 1);

/** Sets an option that is a number: 0 or −errno. */
export function setOption(fd: number, level: number, option: number, value: number): number {
  optionWord[0] = value;
  return result(libc.setsockopt(fd, level, option, optionBytes, 4));
}

/** What {@linkcode listenTcp} may be told beside the address. */
export interface ListenOptions {
  /**
   * A client that has sent nothing yet is not shown to `accept`, for about a second (TCP_DEFER_ACCEPT). True unless
   * told otherwise; servers that speak first, or print who came, want false.
   */
  readonly deferAccept?: boolean;
  /** `::` takes clients of IPv6 alone, which leaves the port to another socket for those of IPv4. Default false. */
  readonly isV6Only?: boolean;
}

/**
 * A listening TCP socket on `host` (an IPv4 or IPv6 address; `::` takes IPv4 clients too) and `port` (0: the
 * kernel chooses).
 * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
 * @throws {TypeError | RangeError} for a host, port or backlog that is none
 */
export function listenTcp(host: string, port: number, backlog: number, options: ListenOptions = {}): number {
  return listenTcpTogether(host, port, backlog, options, 1)[0]!;
}

/**
 * `copies` sockets that listen on one address, each with a queue of its own: the kernel gives each client to one of them
 * (SO_REUSEPORT). Port 0 is one port for all of them. Nobody else has the address, not even who asks for SO_REUSEPORT,
 * too: the first one is bound without that.
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
    for (const fd of fds) orThrow(result(libc.listen(fd, backlog)), intent, "listen");
    return fds;
  } catch (error) {
    for (const fd of fds) libc.close(fd);
    throw error;
  }
}

/** C would take another port, or another host, for what these are not. */
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
 * Sets on a socket that listens, or is to, what those that it accepts inherit, which saves calls for each of them:
 * TCP_NODELAY, how much may wait to be sent, and that TCP asks after two minutes whether a silent peer is still there (a
 * machine that was switched off says nothing). −errno when it takes no TCP_NODELAY.
 */
export function prepareTcp(fd: number, { deferAccept = true }: ListenOptions): number {
  const status = setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (status < 0) return status;
  // The kernel may refuse these, which is no reason not to listen.
  setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS);
  setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS);
  setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
  setOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX);
  if (deferAccept) setOption(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
  return 0;
}

/** Bytes that were given to `send` and that the peer has not acknowledged, by SIOCOUTQ; or −errno. */
export function unacknowledged(fd: number): number {
  const status = result(libc.ioctl(fd, SIOCOUTQ, optionBytes));
  return status < 0 ? status : optionWord[0]!;
}

/**
 * Closing will end the connection by a reset, and the kernel forgets what it still had to send: else it keeps that, for
 * minutes, for a peer that takes nothing. 0 or −errno.
 */
export function resetOnClose(fd: number): number {
  return result(libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, lingerBytes, lingerBytes.length));
}

/** From now on as much may wait in this socket as its buffer holds; see {@linkcode listenTcp}. 0 or −errno. */
export function liftUnsentLimit(fd: number): number {
  return setOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, -1);
}

/** One client of a listening socket: its descriptor, or −errno (−EAGAIN when none waits). */
export function accept(fd: number): number {
  return result(libc.accept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

/** Receives into the whole of `buffer`: bytes received, 0 when the peer ended, −errno. */
export function recv(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
  return result(libc.recv(fd, buffer, buffer.length, 0));
}

/**
 * Takes TCP's urgent byte out of the stream: 1 when there was one, −EINVAL when there is none (or it was taken
 * already), −EAGAIN when it is announced but has not arrived, other −errno.
 */
export function recvUrgent(fd: number): number {
  return result(libc.recv(fd, urgentByte, 1, MSG_OOB));
}

/** The same, and what was received stays to be received again: MSG_PEEK. */
export function peek(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
  return result(libc.recv(fd, buffer, buffer.length, MSG_PEEK));
}

/** Sends the first `length` bytes of `bytes`; `more` says that further bytes follow at once (MSG_MORE). */
export function send(fd: number, bytes: Uint8Array<ArrayBuffer>, length: number, more: boolean): number {
  return result(libc.send(fd, bytes, length, more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL));
}

/**
 * Sends up to `length` bytes (below 2^31) of the file `file` from `offset` (any size up to 2^53); the file's own
 * position does not move. 0 means that the file ends before `offset`. Relies on SIGPIPE being ignored.
 */
export function sendfile(fd: number, file: number, offset: number, length: number): number {
  offsetWords[0] = offset % 0x1_0000_0000;
  offsetWords[1] = Math.floor(offset / 0x1_0000_0000);
  return result(libc.sendfile(fd, file, offsetBytes, length));
}

/** Ends our half of the connection: the peer reads what was sent, and then the end. */
export function shutdownWrite(fd: number): number {
  return result(libc.shutdown(fd, SHUT_WR));
}

/** Closes a descriptor. On Linux it is closed even where close(2) reports an error. */
export function close(fd: number): number {
  return result(libc.close(fd));
}
