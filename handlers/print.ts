/**
 * The first examples: prints what clients send, and when they connect and leave. Nothing is sent.
 * @module
 */
import { formatAddress, type SocketAddress } from "../ffi/socket/socket.ts";
import type { Coroutine } from "../server/coroutine/coroutine.ts";
import type { Protocol } from "../server/protocols/bytes/session.ts";
import { escapeControls, type Print } from "./print_text.ts";

/** Prints what one client does. */
class Reporter {
  readonly #client: string;
  readonly #print: Print;
  // Joins characters that are split between two receives. Bytes that are not UTF-8 become U+FFFD.
  readonly #decoder = new TextDecoder();

  constructor(address: SocketAddress | null, print: Print) {
    this.#client = address === null ? "a client" : formatAddress(address);
    this.#print = print;
    print(`${this.#client} connected`);
  }

  received(bytes: Uint8Array): void {
    this.#printText(this.#decoder.decode(bytes, { stream: true }));
  }

  #printText(text: string): void {
    if (text !== "") this.#print(`${this.#client}: ${escapeControls(text)}`);
  }

  closed(): void {
    this.#printText(this.#decoder.decode()); // U+FFFD for an incomplete character at the end
    this.#print(`${this.#client} left`);
  }
}

/** Returns the protocol with callbacks. `output` gets each line. */
export function print(output: Print): Protocol {
  return (peer) => {
    const reporter = new Reporter(peer.address, output);
    return { received: (bytes) => reporter.received(bytes), closed: () => reporter.closed() };
  };
}

/** Does the same as {@linkcode print}, as a coroutine. */
export function printCoroutine(output: Print): Coroutine {
  return async (socket) => {
    const reporter = new Reporter(socket.address, output);
    try {
      for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
        reporter.received(bytes);
      }
    } finally {
      reporter.closed();
    }
  };
}
