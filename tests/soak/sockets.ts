/**
 * Client sockets from many local addresses. One address would run out of ports.
 * @module
 */
import { AF_INET, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET } from "../../ffi/libc/constants.ts";
import { orThrow } from "../../ffi/libc/errno.ts";
import { libc, loadLibc, result } from "../../ffi/libc/libc.ts";
import { SOCKADDR_IN } from "../../ffi/libc/structs.ts";

const SO_RCVBUF = 8;
const SO_LINGER = 13;
const EINPROGRESS = 115;

loadLibc();

const address = new Uint8Array(128);
const addressView = new DataView(address.buffer);
const option = new Uint8Array(128);
const optionWords = new Int32Array(option.buffer);

/**
 * Starts to connect to `port` of 127.0.`third`.`fourth`. Each of these addresses has a full range of client ports.
 * `receiveBytes` is the receive buffer to ask for; 0 leaves the system's default.
 */
export function connectTo(third: number, fourth: number, port: number, receiveBytes: number): number {
  const fd = orThrow(
    result(libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
    "make a socket",
    "socket",
  );
  if (receiveBytes > 0) {
    optionWords[0] = receiveBytes;
    orThrow(result(libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, option, 4)), "set a buffer", "setsockopt");
  }
  addressView.setUint16(SOCKADDR_IN.family, AF_INET, true);
  addressView.setUint16(SOCKADDR_IN.port, port, false);
  address[SOCKADDR_IN.addr] = 127;
  address[SOCKADDR_IN.addr + 1] = 0;
  address[SOCKADDR_IN.addr + 2] = third;
  address[SOCKADDR_IN.addr + 3] = fourth;
  const status = result(libc.connect(fd, address, SOCKADDR_IN.size));
  if (status !== -EINPROGRESS) orThrow(status, "connect", "connect");
  return fd;
}

/** Makes close(2) reset the connection. */
export function resetAtClose(fd: number): void {
  optionWords[0] = 1;
  optionWords[1] = 0;
  orThrow(result(libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, option, 8)), "set the linger", "setsockopt");
}
