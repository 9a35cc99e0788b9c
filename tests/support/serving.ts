/**
 * Servers in this process that leave nothing behind.
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Coroutine, type PollerName, serve, type ServeOptions, type ServerHandle } from "../../mod.ts";
import type { Served, ServerSettings } from "../../server/server_options.ts";
import { eventually, openDescriptors } from "./descriptors.ts";
import { sleep } from "./sleep.ts";
import { USABLE_POLLERS } from "./uring.ts";

/** Collects unhandled rejections, which would end a process; `using` stops that. */
class Rejections {
  readonly reasons: unknown[] = [];
  readonly #listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    this.reasons.push(event.reason);
  };

  constructor() {
    globalThis.addEventListener("unhandledrejection", this.#listener);
  }

  [Symbol.dispose](): void {
    globalThis.removeEventListener("unhandledrejection", this.#listener);
  }
}

export interface Running {
  readonly server: ServerHandle;
  readonly port: number;
  /** The logged errors. */
  readonly errors: string[];
}

/** Serves while `test` runs. Afterwards nothing is left open, and there was no unhandled rejection. */
export async function withServer(
  served: Served & ServerSettings,
  test: (running: Running) => Promise<void>,
  poller: PollerName = "epoll-edge",
): Promise<void> {
  using rejections = new Rejections();
  await sleep(0); // so that files that an earlier test closed are gone
  const before = openDescriptors();
  const errors: string[] = [];
  const options: ServeOptions = {
    ...served,
    hostname: "127.0.0.1",
    port: 0,
    poller,
    onListen() {},
    onError: (message) => errors.push(message),
  };
  const server = serve(options);
  try {
    await test({ server, port: server.addr.port, errors });
  } finally {
    await server.shutdown();
  }
  await sleep(0);
  assertEquals(rejections.reasons, []);
  await eventually(() => openDescriptors() <= before, "descriptors are left open");
}

/** Registers the test for each poller. */
export function onAll(name: string, test: (poller: PollerName) => Promise<void>): void {
  for (const poller of USABLE_POLLERS) Deno.test(`${name} (${poller})`, () => test(poller));
}

/** Calls {@link withServer} with a coroutine. */
export function withCoroutine(
  coroutine: Coroutine,
  test: (running: Running) => Promise<void>,
  poller?: PollerName,
): Promise<void> {
  return withServer({ coroutine }, test, poller);
}
