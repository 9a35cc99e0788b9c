/**
 * An error with an HTTP status.
 * @module
 */

/**
 * An error with the status of a response. A handler that throws it answers with that status. Reading a request's body
 * rejects with it when the body does not arrive.
 */
export class HttpError extends Error {
  /** Always `"HttpError"`. */
  override readonly name = "HttpError";
  /** The status of the response, 400 to 599. */
  readonly status: number;

  /**
   * `message` is for the handler and the error log. The client gets the status and its standard explanation.
   * @throws {RangeError} when `status` is not an integer from 400 to 599
   */
  constructor(status: number, message: string) {
    super(message);
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(`${status} is no status of an error`);
    }
    this.status = status;
  }
}
