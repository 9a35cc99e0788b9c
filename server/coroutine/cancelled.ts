/**
 * The exception of a coroutine whose client is gone.
 * @module
 */

/** Thrown by a coroutine's `await` once its client is gone, so that its `finally` blocks run. */
export class Cancelled extends Error {
  /** Always `"Cancelled"`. */
  override readonly name = "Cancelled";

  constructor() {
    super("The client is gone");
  }
}
