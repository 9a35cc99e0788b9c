/**
 * A server in this process, as the target of faults.
 * @module
 */
import { assert } from "@std/assert";
import { type StaticHandler, staticHandler } from "../../handlers/static.ts";
import type { PollerName } from "../../server/loop/poller.ts";
import { serve, type ServerHandle } from "../../server/serve.ts";
import { eventually } from "../support/descriptors.ts";
import {
  type Connect,
  connector,
  Downloader,
  FaultSite,
  type Outcome,
  serveAll,
  twentyMore,
  whoNoticed,
} from "./clients.ts";
import { describeFailure, type Fault } from "./errnos.ts";
import { connectionsGivenUp, descriptorsHeld } from "./held.ts";
import { Interposer } from "./interposer.ts";
import type { Report } from "./target.ts";
import { sleep } from "../support/sleep.ts";
import { local } from "../support/tls_serving.ts";

/** How long an idle server is watched, and how often it may wait meanwhile. */
const QUIET_MS = 40;
const WAITS_MAX = 30;

/** One server for all faults; `await using` ends it. */
export class LocalTarget {
  /** The logged errors. */
  readonly errors: string[] = [];
  readonly #files = new FaultSite();
  readonly #interposer = new Interposer();
  readonly #handler: StaticHandler;
  readonly #server: ServerHandle;
  readonly #connect: Connect;
  #descriptors = Infinity;

  private constructor(poller: PollerName, isSecure: boolean, speaksHttp2: boolean) {
    this.#handler = staticHandler({ root: this.#files.site.root, browse: true });
    this.#server = serve({
      handler: this.#handler,
      hostname: "127.0.0.1",
      port: 0,
      poller,
      http2: true,
      ...(isSecure ? { tls: local } : {}),
      onListen() {},
      onError: (message) => this.errors.push(message),
    });
    const { port } = this.#server.addr;
    this.#connect = connector(port, isSecure, speaksHttp2);
  }

  /** Starts the server; with TLS if `isSecure`. The clients may speak HTTP/2. */
  static async start(poller: PollerName, isSecure = false, speaksHttp2 = false): Promise<LocalTarget> {
    const target = new LocalTarget(poller, isSecure, speaksHttp2);
    await twentyMore(target.#connect, target.#files.fresh(), target.#files);
    await sleep(QUIET_MS);
    target.#descriptors = target.#held;
    return target;
  }

  /**
   * Makes these calls fail while all kinds of clients are served.
   * @throws {Error} unless the server survives that as it must
   */
  async suffer(faults: readonly Fault[]): Promise<Report> {
    const connect = this.#connect;
    const directory = this.#files.fresh();
    const givenUp = connectionsGivenUp();
    try {
      const downloader = await Downloader.start(connect);
      this.#interposer.expect(faults);
      const outcomes: Outcome[] = await serveAll(connect, directory, this.#files, downloader);
      await sleep(10); // the last connections are closed
      const { injected } = this.#interposer;
      this.#interposer.expect([]);
      await this.#assertWell(directory);
      return { injected, noticed: whoNoticed(outcomes, injected + connectionsGivenUp() - givenUp) };
    } catch (error) {
      throw describeFailure(faults, error);
    }
  }

  get #held(): number {
    return descriptorsHeld(Deno.pid, this.#files.site.root);
  }

  async #assertWell(directory: string): Promise<void> {
    await twentyMore(this.#connect, directory, this.#files);
    await eventually(() => this.#held <= this.#descriptors, "descriptors are left open");
    this.#interposer.expect([]);
    await sleep(QUIET_MS);
    const waits = ["epoll_wait", "poll", "select", "io_uring_enter"].reduce(
      (sum, call) => sum + this.#interposer.countOf(call),
      0,
    );
    assert(waits <= WAITS_MAX, `it waited ${waits} times in ${QUIET_MS} ms with nothing to do`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    this.#handler.close();
    this.#interposer[Symbol.dispose]();
    this.#files[Symbol.dispose]();
  }
}
