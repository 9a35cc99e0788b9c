/**
 * Aborting signals whose listeners are an embedder's.
 *
 * What a listener throws does not come out of `abort()`: the runtime raises it as an uncaught error, which would end the
 * process because one client has left. Source: DOM standard, "inner invoke" and "report an exception".
 * @module
 */

/**
 * Aborts `controller` with `reason`. What listeners of its signal throw goes to `report`, and all of them are called
 * (Deno 2.4 stops at the first that throws).
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
    globalThis.removeEventListener("error", listener); // errors that are raised elsewhere are not this module's
  }
}
