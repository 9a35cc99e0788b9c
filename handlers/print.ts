/**
 * Prints what arrives, who came and who left, and sends nothing: the first examples.
 * @module
 */
import { formatAddress, type SocketAddress } from "../ffi/socket/socket.ts";
import type { Coroutine } from "../server/coroutine/coroutine.ts";
import type { Protocol } from "../server/protocols/bytes/session.ts";
import { escapeControls, type Print } from "./print_text.ts";

/** Says what one client does. */
class Reporter {
  readonly #who: string;
  readonly #print: Print;
  // What is cut between two receives is put together again; what is no UTF-8 becomes U+FFFD.
  readonly #decoder = new TextDecoder();

  constructor(address: SocketAddress | null, print: Print) {
    this.#who = address === null ? "somebody" : formatAddress(address);
    this.#print = print;
    print(`${this.#who} connected`);
  }

  said(bytes: Uint8Array): void {
    this.#say(this.#decoder.decode(bytes, { stream: true }));
  }

  #say(text: string): void {
    if (text !== "") this.#print(`${this.#who}: ${escapeControls(text)}`);
  }

  left(): void {
    this.#say(this.#decoder.decode()); // a character that was begun and not ended
    this.#print(`${this.#who} left`);
  }
}

/** By callbacks. */
export function print(output: Print): Protocol {
  return (peer) => {
    const reporter = new Reporter(peer.address, output);
    return { received: (bytes) => reporter.said(bytes), closed: () => reporter.left() };
  };
}

/** The same as a coroutine. */
export function printCoroutine(output: Print): Coroutine {
  return async (socket) => {
    const reporter = new Reporter(socket.address, output);
    try {
      for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) reporter.said(bytes);
    } finally {
      reporter.left();
    }
  };
}
