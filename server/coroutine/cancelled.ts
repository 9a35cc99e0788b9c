/**
 * How a coroutine hears that its client is gone.
 * @module
 */

/** What a coroutine's `await` throws once its client is gone, so that its `finally` blocks run. */
export class Cancelled extends Error {
  /** For those who look at names. */
  override readonly name = "Cancelled";

  constructor() {
    super("The client is gone");
  }
}
