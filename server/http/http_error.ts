/**
 * An error that says which status the client gets.
 * @module
 */

/** Thrown by a handler, it becomes a response; thrown to a handler, it says why it gets no more of its request. */
export class HttpError extends Error {
  /** As other errors have one. */
  override readonly name = "HttpError";
  /** 400 to 599. */
  readonly status: number;

  /**
   * `message` is for the server's log and the handler; the client gets the status and its usual explanation.
   * @throws {RangeError} for a status that is no error.
   */
  constructor(status: number, message: string) {
    super(message);
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(`${status} is no status of an error`);
    }
    this.status = status;
  }
}
