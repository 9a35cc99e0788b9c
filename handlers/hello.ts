/**
 * The EPOLLOUT example: a web server with one page. It collects a request up to the blank line, prints the request,
 * waits until the socket is writable, answers, and closes.
 * @module
 */
import type { Coroutine } from "../server/coroutine/coroutine.ts";
import { concat } from "../server/http/bytes.ts";
import { encodeUtf8, LF } from "../server/http/characters.ts";
import { formatHttpDate } from "../server/http/date.ts";
import { HEAD_BYTES_MAX, HEAD_TIMEOUT_MS } from "../server/limits.ts";
import type { Protocol } from "../server/protocols/bytes/session.ts";
import { escapeControls, type Print } from "./print_text.ts";

const CR = 0x0d;
const TEXT = "Hello, world!";

/** The part of a request head that a client has sent so far. */
class Head {
  #bytes = new Uint8Array(0);

  /** Appends `bytes`. Returns true once there is a blank line: `\n\n` or `\n\r\n`. */
  add(bytes: Uint8Array): boolean {
    const from = Math.max(this.#bytes.length - 3, 0); // the blank line may have begun before
    const joined = this.#bytes = concat([this.#bytes, bytes]);
    for (let i = joined.indexOf(LF, from); i >= 0; i = joined.indexOf(LF, i + 1)) {
      const isBlank = joined[i + 1] === LF || (joined[i + 1] === CR && joined[i + 2] === LF);
      if (!isBlank) continue;
      this.#bytes = joined.subarray(0, i);
      return true;
    }
    return false;
  }

  /** True when the bytes so far are more than a head may have. */
  get isTooLong(): boolean {
    return this.#bytes.length > HEAD_BYTES_MAX;
  }

  /** The head without its blank line, with control characters escaped. */
  get text(): string {
    return escapeControls(new TextDecoder().decode(this.#bytes).replaceAll("\r\n", "\n").replace(/\r$/, ""));
  }
}

function response(): Uint8Array {
  return encodeUtf8(
    `HTTP/1.0 200 OK\r\nDate: ${
      formatHttpDate(Math.floor(Date.now() / 1000))
    }\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${TEXT.length}\r\n\r\n${TEXT}`,
  );
}

function log(head: Head, print: Print): void {
  print(`${"-".repeat(40)}\n${head.text}`);
}

/** Returns the protocol with callbacks. `print` gets each request. */
export function hello(print: Print): Protocol {
  return (peer) => {
    const head = new Head();
    return {
      timeoutMs: HEAD_TIMEOUT_MS,
      received: (bytes) => {
        if (head.add(bytes)) {
          log(head, print);
          peer.end(response());
        } else if (head.isTooLong) peer.end();
      },
    };
  };
}

/** Does the same as {@linkcode hello}, as a coroutine. */
export function helloCoroutine(print: Print): Coroutine {
  return async (socket) => {
    const head = new Head();
    socket.timeoutMs = HEAD_TIMEOUT_MS;
    for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
      if (head.add(bytes)) {
        log(head, print);
        return void await socket.write(response());
      }
      if (head.isTooLong) return;
    }
  };
}
