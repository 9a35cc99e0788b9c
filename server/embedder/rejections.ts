/**
 * What callbacks return that are to return nothing: `async` ones a promise, whose rejection nothing else handles, so
 * that it would end the process.
 * @module
 */

/** Calls `report` when `returned` is a promise, or another thenable, and is rejected. */
export function reportRejection(returned: unknown, report: (error: unknown) => void): void {
  if (typeof returned !== "object" || returned === null) return;
  new Promise((resolve) => resolve(returned)).catch(report); // a `then` that throws rejects it, too
}
