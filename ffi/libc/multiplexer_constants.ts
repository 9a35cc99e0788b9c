/**
 * The C constants of epoll, poll, select and eventfd, under their C names, with the values of the Linux kernel's user API.
 *
 * Source: `linux/eventpoll.h`, `asm-generic/poll.h`, `linux/eventfd.h`. `tests/ffi/ffi_constants_test.ts` compares them with a
 * C compiler's.
 * @module
 */

// epoll_ctl(2): flags of an event mask
/** Data can be read, or a client can be accepted. */
export const EPOLLIN = 0x001;
/** An exceptional condition, such as urgent data on a TCP socket. */
export const EPOLLPRI = 0x002;
/** Data can be written, or a connection was established. */
export const EPOLLOUT = 0x004;
/** An error, or a pipe whose reading end is closed. Reported even if it was not requested. */
export const EPOLLERR = 0x008;
/** Both halves of a connection are closed, or the writing end of a pipe is. Reported even if it was not requested. */
export const EPOLLHUP = 0x010;
/** Ordinary data can be read. For sockets the same as EPOLLIN. */
export const EPOLLRDNORM = 0x040;
/** Priority data can be read. Linux hardly uses it. */
export const EPOLLRDBAND = 0x080;
/** Ordinary data can be written. For sockets the same as EPOLLOUT. */
export const EPOLLWRNORM = 0x100;
/** Priority data can be written. */
export const EPOLLWRBAND = 0x200;
/** Ignored by Linux. It exists because poll(2) has POLLMSG. */
export const EPOLLMSG = 0x400;
/** The peer of a stream socket has closed its writing half. */
export const EPOLLRDHUP = 0x2000;
/** Wakes at least one, not all, of the epoll instances that watch the same file. Only `register` accepts it. */
export const EPOLLEXCLUSIVE = 0x10000000;
/** Keeps the system from suspending until the event was handled. Ignored without CAP_BLOCK_SUSPEND. */
export const EPOLLWAKEUP = 0x20000000;
/** Reports one event, and then nothing until `modify` enables the descriptor again. */
export const EPOLLONESHOT = 0x40000000;
/** Edge-triggered: reports each change once. Without it, an event is reported for as long as the condition lasts. */
export const EPOLLET = 0x80000000;
// epoll_create1(2), epoll_ctl(2): arguments
/** Closes the epoll descriptor in programs that the process starts. */
export const EPOLL_CLOEXEC = 0x80000;
/** Starts watching a descriptor. */
export const EPOLL_CTL_ADD = 1;
/** Stops watching a descriptor. */
export const EPOLL_CTL_DEL = 2;
/** Changes the event mask of a descriptor. */
export const EPOLL_CTL_MOD = 3;

// poll(2)
/** Data can be read, or a client can be accepted. */
export const POLLIN = 0x001;
/** An exceptional condition, such as urgent data on a TCP socket. */
export const POLLPRI = 0x002;
/** Data can be written, or a connection was established. */
export const POLLOUT = 0x004;
/** An error, or a pipe whose reading end is closed. Reported even if it was not requested. */
export const POLLERR = 0x008;
/** Both halves of a connection are closed, or the writing end of a pipe is. Reported even if it was not requested. */
export const POLLHUP = 0x010;
/** The descriptor is not open. Reported even if it was not requested. */
export const POLLNVAL = 0x020;
/** Ordinary data can be read. For sockets the same as POLLIN. */
export const POLLRDNORM = 0x040;
/** Priority data can be read. Linux hardly uses it. */
export const POLLRDBAND = 0x080;
/** Ordinary data can be written. For sockets the same as POLLOUT. */
export const POLLWRNORM = 0x100;
/** Priority data can be written. */
export const POLLWRBAND = 0x200;
/** Ignored by Linux. */
export const POLLMSG = 0x400;
/** The peer of a stream socket has closed its writing half. */
export const POLLRDHUP = 0x2000;

// select(2)
/** The number of descriptors that an fd_set of the C library holds: 0 to 1023. */
export const FD_SETSIZE = 1024;

// eventfd(2)
export const EFD_CLOEXEC = 0x80000;
export const EFD_NONBLOCK = 0x800;
