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
