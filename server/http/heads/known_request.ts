/**
 * A request whose head has come before, and the data that is stored with it.
 * @module
 */
import { HttpRequest } from "../request.ts";

/**
 * The request that stands for all requests with one head. A handler can read only the data that the same handler has
 * stored: if the server chooses between handlers by something that is not in the head, neither gets the other's data.
 * The data of the server is not accessible to handlers. The object is frozen, because a property that a handler adds
 * would be visible to requests of other clients.
 */
export class KnownRequest extends HttpRequest {
  #logged: unknown = null;
  #client: string | null | undefined = undefined;
  #owner: object | null = null;
  #answer: unknown = null;

  /** Creates a request from the head `request.buffer[start, start + length)`, which is copied. */
  constructor(request: HttpRequest, start: number, length: number) {
    super(request.fieldCount);
    this.copyFrom(request, start, length);
    Object.freeze(this);
  }

  /** Returns the data of the access log for `known`; null if there is none yet. */
  static loggedOf(known: KnownRequest): unknown {
    return known.#logged;
  }

  /** Stores the data of the access log for `known`. */
  static setLogged(known: KnownRequest, logged: unknown): void {
    known.#logged = logged;
  }

  /**
   * Returns the client that a trusted proxy names in the head of `known`. Null if it names none; undefined before
   * {@linkcode KnownRequest.setClient}.
   */
  static clientOf(known: KnownRequest): string | null | undefined {
    return known.#client;
  }

  /** Stores the client for {@linkcode KnownRequest.clientOf}. */
  static setClient(known: KnownRequest, client: string | null): void {
    known.#client = client;
  }

  /** Returns what `owner` has stored; null if it has stored nothing, or another owner has replaced it. */
  recall(owner: object): unknown {
    return this.#owner === owner ? this.#answer : null;
  }

  /** Stores `answer` for `owner`, in place of what was stored before. */
  remember(owner: object, answer: unknown): void {
    this.#owner = owner;
    this.#answer = answer;
  }
}
