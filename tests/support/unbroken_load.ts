/**
 * Clients that send requests all the time while something is done to the server, and must not notice it.
 * @module
 */
import { sleep } from "./sleep.ts";
import { get, Wire } from "./wire.ts";
import { awaited, PATIENCE_MS } from "./waiting.ts";

/** A load that begins at once. {@linkcode UnbrokenLoad.end} ends it. */
export class UnbrokenLoad {
  readonly #clients: Promise<void>[];
  #isEnding = false;
  /** Complete responses with status 200. */
  answered = 0;
  /** Everything else that clients saw. */
  readonly failures: string[] = [];

  /**
   * `clients` connect for each request; as many more keep their connections. `mayBeClosed` is false behind a proxy
   * that has no reason to close a kept connection.
   */
  constructor(port: number, clients: number, path = "/", mayBeClosed = true) {
    const ask = (isShort: boolean) => this.#ask(port, path, isShort, mayBeClosed);
    this.#clients = Array.from({ length: 2 * clients }, (_, i) => ask(i < clients));
  }

  async #ask(port: number, path: string, isShort: boolean, mayBeClosed: boolean): Promise<void> {
    let wire: Wire | null = null;
    while (!this.#isEnding) {
      const isFresh = wire === null || !mayBeClosed;
      try {
        wire ??= await Wire.connect(port);
        await wire.send(get(path));
        const response = await wire.read();
        // The server may end a connection between two requests. Then the client sends the request again (RFC 9112
        // §9.3.1).
        if (response === null && isFresh) throw new Error("closed without an answer");
        if (response !== null && response.status !== 200) throw new Error(response.statusLine);
        if (response !== null) this.answered++;
        if (response !== null && !isShort && response.fields.connection !== "close") continue;
      } catch (error) {
        // A kept connection was closed while the request was sent.
        if (isFresh) this.failures.push((error as Error).message);
      }
      wire?.[Symbol.dispose]();
      wire = null;
    }
    wire?.[Symbol.dispose]();
  }

  /** Waits until `requests` more requests are answered. */
  async more(requests: number): Promise<void> {
    const wanted = this.answered + requests;
    const endMs = Date.now() + PATIENCE_MS;
    while (this.answered < wanted && this.failures.length === 0 && Date.now() < endMs) {
      await sleep(5);
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await awaited(Promise.all(this.#clients), "the last answers under load");
  }
}
