/**
 * Aborting of signals that have listeners of an embedder.
 *
 * `abort()` does not throw the exceptions of listeners. The runtime raises them as uncaught errors, which would end the
 * process because one client has left. Source: DOM standard, "inner invoke" and "report an exception".
 * @module
 */

/**
 * Aborts `controller` with `reason`. Exceptions of its listeners are passed to `report`. All listeners are called
 * (except in Deno 2.4, which stops at the first exception).
 */
export function abort(controller: AbortController, reason: unknown, report: (error: unknown) => void): void {
  const listener = (event: ErrorEvent) => {
    event.preventDefault();
    report(event.error);
  };
  globalThis.addEventListener("error", listener);
  try {
    controller.abort(reason);
  } finally {
    globalThis.removeEventListener("error", listener); // errors from elsewhere are not handled here
  }
}

/** A signal whose controller is created on demand, because most of them are never asked for. */
export class LazySignal {
  readonly #report: (error: unknown) => void;
  #controller: AbortController | null = null;
  #reason: unknown = null;

  /** `report` gets exceptions of listeners. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** True after {@linkcode abort}. */
  get isAborted(): boolean {
    return this.#reason !== null;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#reason !== null) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Aborts the signal with `reason`, unless it is aborted already. */
  abort(reason: Error): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    if (this.#controller !== null) abort(this.#controller, reason, this.#report);
  }
}
