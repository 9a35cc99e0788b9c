/**
 * What the programs of this folder share: the client on the other side, a loop that ends, and the last line.
 *
 * Client and server are in one process and take turns. So each run is the same, and none lasts longer than a few
 * seconds.
 * @module
 */
import { close, type Epoll, Poll, POLLIN, recv, select, send, shutdownWrite } from "../../mod.ts";
import { SOCK_CLOEXEC, SOL_SOCKET } from "../../ffi/libc/constants.ts";
import { libc, result } from "../../ffi/libc/libc.ts";
import { connectAndWait } from "../../ffi/socket/client_socket.ts";
import { resetOnClose } from "../../ffi/socket/socket.ts";

const encoder = new TextEncoder();
/** The silence after which one side lets the other continue. */
export const QUIET_MS = 300;

/** True if the program was started with the word `mended`. */
export const isMended: boolean = Deno.args[0] === "mended";

/** A client of the server that listens on 127.0.0.1:`port`. It connects at once. */
export class Client {
  readonly fd: number;
  /** True when the server has closed the connection, and everything was received. */
  isEnded = false;
  readonly #buffer = new Uint8Array(65536);

  constructor(port: number) {
    this.fd = connectAndWait("127.0.0.1", port, 5000);
    if (this.fd < 0) throw new Error(`connect: errno ${-this.fd}`);
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    const bytes = typeof data === "string" ? encode(data) : data;
    const count = send(this.fd, bytes, bytes.length, false);
    if (count !== bytes.length) throw new Error(`send: ${count} of ${bytes.length} bytes`);
  }

  /** Receives until nothing has come for `quietMs`, or the server has closed the connection. */
  receive(quietMs: number = QUIET_MS): Uint8Array<ArrayBuffer> {
    let received = new Uint8Array(0);
    const poll = new Poll();
    poll.register(this.fd, POLLIN);
    while (!this.isEnded && poll.poll(quietMs).length > 0) {
      const count = recv(this.fd, this.#buffer);
      this.isEnded = count <= 0;
      if (this.isEnded) break;
      const joined = new Uint8Array(received.length + count);
      joined.set(received);
      joined.set(this.#buffer.subarray(0, count), received.length);
      received = joined;
    }
    return received;
  }

  /** Receives as {@linkcode receive} does, and returns the bytes as text. */
  receiveText(): string {
    return new TextDecoder().decode(this.receive());
  }

  /** Sends nothing more, and can still receive: what `nc -N` does at the end of its input. */
  endInput(): void {
    shutdownWrite(this.fd);
  }

  close(): void {
    close(this.fd);
  }

  /** Closes the connection by a reset: what the kernel does for a program that crashes with data unread. */
  reset(): void {
    resetOnClose(this.fd);
    close(this.fd);
  }
}

/** Socket option: the longest time for which `recv` sleeps, as a struct timeval. */
const SO_RCVTIMEO = 20;

/**
 * Accepts a client as accept(2) does by default: blocking. The `accept` of the library always makes a non-blocking
 * socket. `recv` on this one sleeps for a second at most, so that the program ends.
 */
export function acceptBlocking(listener: number): number {
  const fd = result(libc.accept4(listener, null, null, SOCK_CLOEXEC));
  const timeout = new Uint8Array(BigInt64Array.of(1n, 0n).buffer);
  if (fd >= 0) libc.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length);
  return fd;
}

/** Waits until the socket `fd` has something: a client to accept, data, or an end. Returns `fd`. */
export function awaitInput(fd: number): number {
  if (select([fd], [], [], 30)[0].length === 0) throw new Error(`nothing has come at descriptor ${fd}`);
  return fd;
}

/** Returns `text` in UTF-8. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>; // never shared, unlike Deno 2.4 says
}

/** The server's loop: calls `onEvent` for each event, and returns when none has come for `quietMs`. */
export function runUntilQuiet(
  epoll: Epoll,
  onEvent: (fd: number, events: number) => void,
  quietMs: number = QUIET_MS,
): void {
  for (let list = epoll.poll(quietMs / 1000); list.length > 0; list = epoll.poll(quietMs / 1000)) {
    for (const [fd, events] of list) onEvent(fd, events);
  }
}

/** Prints the last line, and ends the program: with status 0 if all is right, with 1 if the mistake has shown. */
export function conclude(isRight: boolean, right: string, wrong: string): never {
  console.log(isRight ? `right: ${right}` : `wrong: ${wrong}`);
  Deno.exit(isRight ? 0 : 1);
}

/**
 * Asks the server on `port` for a path as it is, while `serve` runs it. Prints and returns the first line of the answer.
 * Browsers and curl would remove the dots first.
 */
export function askFor(path: string, port: number, serve: () => void): string {
  const client = new Client(port);
  client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  serve();
  const [line] = client.receiveText().split("\n");
  console.log(`GET ${path}: ${line}`);
  return line!;
}
