/**
 * The server of a step, with its live page on another port. The ports stay the same for the whole lesson, so that commands
 * and the page go on from step to step.
 * @module
 */
import { SystemError } from "../../ffi/libc/errno.ts";
import { echo } from "../../handlers/echo.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { requestCoroutine } from "../../server/coroutine/request_coroutine.ts";
import { closeListeners, type ListeningSocket, openListeners } from "../../server/listen/open.ts";
import { createPoller, DEFAULT_POLLER, POLLER_NAMES } from "../../server/loop/pollers/mod.ts";
import type { PollerName } from "../../server/loop/poller.ts";
import { Server } from "../../server/server.ts";
import type { Served } from "../../server/server_options.ts";
import { UsageError } from "../../server/usage_error.ts";
import { adminService } from "../setup/admin.ts";
import type { Recorder } from "./recorder.ts";
import type { Place, Step } from "./steps.ts";

const HOST = "127.0.0.1";
const PAGE = "Hello from epollet.\n";
/** More than the buffers of both sockets hold. */
const LARGE_BYTES = 32 * 1024 * 1024;
/** How long `/slow` takes. */
const SLOW_MS = 1000;

/** Which poller a step has; the usual one where the program does not have the other, or the kernel refuses it. */
export interface ChosenPoller {
  readonly name: PollerName;
  /** True if the poller is the one of the step. */
  readonly isWanted: boolean;
  /** Why the kernel refuses the other one; null if the program does not have it. */
  readonly reason: string | null;
}

/** Returns the poller for `wanted`. */
export function choosePoller(wanted: string): ChosenPoller {
  const name = POLLER_NAMES.find((name) => name === wanted);
  if (name === undefined) return { name: DEFAULT_POLLER, isWanted: false, reason: null };
  try {
    createPoller(name).close();
    return { name, isWanted: true, reason: null };
  } catch (error) {
    if (!(error instanceof SystemError || error instanceof UsageError)) throw error;
    return { name: DEFAULT_POLLER, isWanted: false, reason: error.message };
  }
}

/** A running server. */
export class StepServer {
  readonly place: Place;
  readonly #server: Server;
  readonly #recorder: Recorder;
  readonly #end: Promise<void>;

  /**
   * Starts the server of `step` with `poller`, on the ports of `place`; null lets the kernel choose them. `onError` gets the
   * errors of the server.
   * @throws {SystemError} when a port cannot be listened on
   */
  constructor(
    step: Step,
    poller: PollerName,
    place: Place | null,
    recorder: Recorder,
    onError: (message: string) => void,
  ) {
    this.#recorder = recorder;
    const deferAccept = step.serves === "pages";
    const sockets = listenOn(place?.port ?? 0, deferAccept);
    let adminSockets: readonly ListeningSocket[] = [];
    try {
      adminSockets = listenOn(place?.adminPort ?? 0, true);
      this.#server = new Server({
        ...servedBy(step, recorder),
        sockets,
        poller,
        http2: false, // a connection has one request at a time, which its state is about
        measureLatency: true,
        onError,
        ...step.headTimeoutMs === undefined ? {} : { headTimeoutMs: step.headTimeoutMs },
      });
    } catch (error) {
      closeListeners([...sockets, ...adminSockets]);
      throw error;
    }
    const server = this.#server;
    this.place = { port: sockets[0]!.address.port, adminPort: adminSockets[0]!.address.port };
    server.listenAlso(adminService(adminSockets, {
      snapshots: () => [server.snapshot()],
      isReady: () => true,
    }));
    recorder.watch(server.reactor, sockets.map(({ fd }) => fd));
    this.#end = server.run();
  }

  /** Ends the server, with all connections. */
  async stop(): Promise<void> {
    this.#recorder.release();
    this.#server.stop();
    await this.#end;
  }
}

function listenOn(port: number, deferAccept: boolean): ListeningSocket[] {
  return openListeners([{ kind: "tcp", host: HOST, port }], { deferAccept })[0]!;
}

function servedBy({ serves, isCoroutine = false }: Step, recorder: Recorder): Served {
  if (serves === "echo") return { protocol: echo };
  const pages = pagesOf(recorder);
  return isCoroutine ? { coroutine: requestCoroutine(pages) } : { handler: pages };
}

/** Returns the handler of the lesson's pages. They are in memory, so all calls are those for connections. */
function pagesOf(recorder: Recorder): (request: HttpRequest) => HttpResponse | Promise<HttpResponse> {
  const page = HttpResponse.text(PAGE);
  let large: HttpResponse | null = null;
  return ({ path }) => {
    recorder.handled();
    if (path === "/") return page;
    if (path === "/large") return large ??= HttpResponse.bytes(new Uint8Array(LARGE_BYTES));
    if (path !== "/slow") return HttpResponse.text("Not found\n", { status: 404 });
    return new Promise((resolve) => setTimeout(() => resolve(page), SLOW_MS));
  };
}
