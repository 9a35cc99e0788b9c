/**
 * Results of callbacks that should return nothing. An `async` callback returns a promise. If nothing handles its
 * rejection, the process ends.
 * @module
 */

/** Calls `report` if `returned` is a promise, or another thenable, and rejects. */
export function reportRejection(returned: unknown, report: (error: unknown) => void): void {
  if (typeof returned !== "object" || returned === null) return;
  new Promise((resolve) => resolve(returned)).catch(report); // an exception of `then` is a rejection, too
}
