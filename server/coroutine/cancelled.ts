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

/** Whether the client of one coroutine is gone. */
export class Cancellation {
  /** The exception, the same one each time; null while the client is there. */
  error: Cancelled | null = null;

  /** Marks the client as gone. Returns the exception. */
  begin(): Cancelled {
    return this.error ??= new Cancelled();
  }

  /** @throws {Cancelled} once the client is gone */
  throwIfBegun(): void {
    if (this.error !== null) throw this.error;
  }
}
