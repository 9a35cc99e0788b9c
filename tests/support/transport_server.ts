/**
 * A server on a given transport, and a client on the same one.
 * @module
 */
import { assert } from "@std/assert";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { concat } from "../../server/http/bytes.ts";
import { ListenerGroup } from "../../server/listen/listener_group.ts";
import { openListeners } from "../../server/listen/open.ts";
import type { PollerName } from "../../server/loop/poller.ts";
import { createPoller } from "../../server/loop/pollers/mod.ts";
import { Reactor } from "../../server/loop/reactor.ts";
import type { Transport } from "../../server/transport/transport.ts";
import { groupContext } from "./group_context.ts";
import { RawClient } from "./raw_client.ts";
import { sleep } from "./sleep.ts";
import { PATIENCE_MS } from "./waiting.ts";

/** Serves on `transport` while `test` runs with the port. Returns the errors. */
export async function withTransport(
  transport: Transport,
  handler: Handler,
  poller: PollerName,
  test: (port: number) => Promise<void>,
): Promise<unknown[]> {
  const errors: unknown[] = [];
  const report = (error: unknown) => void errors.push(error);
  const reactor = new Reactor(createPoller(poller), report);
  const context = groupContext({ reactor, transport, handler }, report);
  const [sockets] = openListeners([{ kind: "tcp", host: "127.0.0.1", port: 0 }], {
    backlog: 100,
    mode: 0o600,
    deferAccept: false,
  });
  const group = new ListenerGroup(context, sockets!, {
    service: null,
    speaksHttp: true,
    onStoppedAccepting() {},
    onDrained: () => reactor.stop(),
    onError: report,
  });
  const running = reactor.run();
  try {
    await test(sockets![0]!.address.port);
  } finally {
    reactor.post(() => group.drain());
    await running;
    group.close();
  }
  return errors;
}

/** A client on `transport`; `using` closes it. */
export class TransportClient {
  readonly client: RawClient;
  readonly #transport: Transport;

  private constructor(client: RawClient, transport: Transport) {
    this.client = client;
    this.#transport = transport;
  }

  /** Connects to 127.0.0.1:`port`. */
  static async connect(port: number, transport: Transport): Promise<TransportClient> {
    return new TransportClient(await RawClient.connect(port), transport);
  }

  /** Sends `text`, in pieces of up to `bytesMax` bytes. */
  async send(text: string, bytesMax = Infinity): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.slice(at, at + bytesMax);
      at += await this.#untilReady(() => this.#transport.send(this.client.fd, piece, piece.length, false));
    }
    await this.#untilReady(() => this.#transport.flush(this.client.fd));
  }

  /** Receives until `text` ends with `end`, or the server's end. Returns the text. */
  async receive(end: string | null = null): Promise<string> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const buffer = new Uint8Array(65536);
    const decoder = new TextDecoder();
    for (let tail = ""; end === null || !tail.endsWith(end);) {
      const count = await this.#untilReady(() => this.#transport.recv(this.client.fd, buffer));
      if (count <= 0) break;
      pieces.push(buffer.slice(0, count));
      tail = (tail + decoder.decode(pieces.at(-1)!)).slice(-200);
    }
    return decoder.decode(concat(pieces));
  }

  async #untilReady(call: () => number): Promise<number> {
    const endMs = performance.now() + PATIENCE_MS;
    for (let status = call();; status = call()) {
      if (status !== -EAGAIN) return status;
      assert(performance.now() < endMs, "the server did nothing for too long");
      await sleep(1);
    }
  }

  [Symbol.dispose](): void {
    this.#transport.forget(this.client.fd);
    this.client[Symbol.dispose]();
  }
}
