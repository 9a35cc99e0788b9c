/**
 * Assertions about the server's own state.
 * @module
 */

/**
 * Checks what must be true whatever clients and embedders do.
 * @throws {Error} when it is not: a mistake in the server, which then loses this connection and no other
 */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`This should be true: ${what}`);
}
