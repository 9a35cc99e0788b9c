/**
 * A request whose head came before, byte for byte, and what its users remember of it for the next time.
 * @module
 */
import { HttpRequest } from "../request.ts";

/**
 * Stands for every request with one head. What a handler remembers belongs to that handler: two handlers may be asked by
 * turns, by something that is not in the head, and none of them gets what the other one knows. What the server remembers
 * is out of a handler's reach. The object is frozen: a handler that puts something on it would show that to other clients.
 */
export class KnownRequest extends HttpRequest {
  #logged: unknown = null;
  #client: string | null | undefined = undefined;
  #owner: object | null = null;
  #answer: unknown = null;

  /** Of the head `request.buffer[start, start + length)`, which is copied. */
  constructor(request: HttpRequest, start: number, length: number) {
    super(request.fieldCount);
    this.copyFrom(request, start, length);
    Object.freeze(this);
  }

  /** What the access log of the server shows of the head of `known`; null until it was asked. */
  static loggedOf(known: KnownRequest): unknown {
    return known.#logged;
  }

  /** Keeps `logged` for {@linkcode KnownRequest.loggedOf}. */
  static setLogged(known: KnownRequest, logged: unknown): void {
    known.#logged = logged;
  }

  /** The client that a trusted proxy names in the head of `known`; null: it names none; undefined: not asked yet. */
  static clientOf(known: KnownRequest): string | null | undefined {
    return known.#client;
  }

  /** Keeps `client` for {@linkcode KnownRequest.clientOf}. */
  static setClient(known: KnownRequest, client: string | null): void {
    known.#client = client;
  }

  /** What `owner` remembered last; null when it remembered nothing, or another one did since. */
  recall(owner: object): unknown {
    return this.#owner === owner ? this.#answer : null;
  }

  /** Keeps `answer` for `owner`, in place of what was remembered before. */
  remember(owner: object, answer: unknown): void {
    this.#owner = owner;
    this.#answer = answer;
  }
}
