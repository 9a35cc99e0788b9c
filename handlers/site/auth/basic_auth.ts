/**
 * HTTP authentication with a user name and a password. Source: RFC 9110 §11, RFC 7617.
 *
 * scrypt checks passwords on another thread, one at a time, while others wait in queues. When the queues are full the
 * response is 503, so password guessing uses up neither the memory nor the event loop. Each network has a queue of its
 * own, and the queues are served in turn: guesses from one network, over however many connections, delay a password
 * from another network by one check only. Correct credentials are remembered as a keyed digest, so later requests with
 * them need microseconds and no queue.
 *
 * The following takes the same time for all requests: comparing digests and keys; and the check of an unknown name,
 * which is made against the hash of another user, as the check of a wrong password. The following does not: a request
 * without valid Basic credentials is denied at once; correct credentials that are remembered are accepted at once; a
 * rule without users denies at once; and the lookup of the name, whose time is negligible beside scrypt's.
 *
 * The passwords themselves are not stored here. The cache of request heads (`head_cache.ts`) holds recent Authorization
 * fields.
 * @module
 */
import type { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { AuthRule } from "../settings/site_settings.ts";
import { basicChallenge, basicCredentials, hasControls } from "../../../server/http/fields/credentials.ts";
import type { HandlerContext } from "../../../server/connection/handler.ts";
import { HttpError } from "../../../server/http/http_error.ts";
import type { HttpRequest } from "../../../server/http/request.ts";
import type { Fields } from "../../../server/http/response.ts";
import {
  PASSWORD_CHECKS_AT_ONCE_MAX,
  PASSWORD_CHECKS_WAITING_MAX,
  PASSWORD_CHECKS_WAITING_TOTAL_MAX,
} from "../limits.ts";
import { deriveKey, parsePasswordHash, type PasswordHash } from "./password_hash.ts";

/** The fields of the 503 when a queue is full. A full queue is worked off within seconds. */
export const BUSY_FIELDS: Fields = [["Retry-After", "5"]];

/** A function that does what {@linkcode deriveKey} does. */
export type Derive = (password: string, hash: PasswordHash) => Promise<Uint8Array>;

/** Checks passwords, `PASSWORD_CHECKS_AT_ONCE_MAX` at a time: each check takes a thread and tens of MiB. */
export class PasswordChecks {
  readonly #derive: Derive;
  /** The queues by network, in the order of their turns. No queue is empty. */
  readonly #queues = new Map<string, PromiseWithResolvers<void>[]>();
  #waiting = 0;
  #running = 0;

  /** `derive` is another function in tests. */
  constructor(derive: Derive = deriveKey) {
    this.#derive = derive;
  }

  /**
   * Returns whether `password` matches `hash`. `network` is where the request comes from.
   * @throws {HttpError} 503 when the queue of `network` is full. The promise is rejected with the same error when the
   * place in the queue is given to a network with fewer checks waiting.
   */
  check(password: string, hash: PasswordHash, network: string): Promise<boolean> {
    if (this.#running < PASSWORD_CHECKS_AT_ONCE_MAX) {
      this.#running++;
      return this.#run(password, hash);
    }
    const queue = this.#queues.get(network) ?? [];
    if (queue.length >= PASSWORD_CHECKS_WAITING_MAX) throw tooMany();
    if (this.#waiting >= PASSWORD_CHECKS_WAITING_TOTAL_MAX) this.#makeRoom(queue.length + 1);
    const turn = Promise.withResolvers<void>();
    if (queue.push(turn) === 1) this.#queues.set(network, queue);
    this.#waiting++;
    return turn.promise.then(() => this.#run(password, hash));
  }

  /**
   * Rejects the newest check of the longest queue, if that has more than `few` checks.
   * @throws {HttpError} 503 if it has not.
   */
  #makeRoom(few: number): void {
    let longest: PromiseWithResolvers<void>[] = [];
    for (const queue of this.#queues.values()) if (queue.length > longest.length) longest = queue;
    if (longest.length <= few) throw tooMany();
    this.#waiting--;
    longest.pop()?.reject(tooMany());
  }

  /** Takes the next check from the queue whose turn it is, and puts that queue last. Undefined when no check waits. */
  #next(): PromiseWithResolvers<void> | undefined {
    for (const [network, queue] of this.#queues) {
      const next = queue.shift();
      this.#queues.delete(network);
      if (queue.length > 0) this.#queues.set(network, queue);
      this.#waiting--;
      return next;
    }
    return undefined;
  }

  async #run(password: string, hash: PasswordHash): Promise<boolean> {
    try {
      const key = await this.#derive(password, hash);
      return timingSafeEqual(key, hash.key);
    } finally {
      const next = this.#next();
      if (next === undefined) this.#running--;
      else next.resolve(); // it runs in place of this check: `#running` stays
    }
  }
}

function tooMany(): HttpError {
  return new HttpError(503, "Too many passwords are being checked");
}

/** One object for all rules and sites: the bounds hold for the whole process. */
const sharedChecks = new PasswordChecks();

interface User {
  readonly hash: PasswordHash;
  /** The digest of the correct credentials; null before the first successful check. */
  verified: Uint8Array | null;
}

/** The users of an authentication rule, and the check of a request's credentials. */
export class BasicAuth {
  /** The fields of the 401: WWW-Authenticate. */
  readonly challenge: Fields;
  readonly #users = new Map<string, User>();
  readonly #hashes: readonly PasswordHash[];
  readonly #checks: PasswordChecks;
  /** Running and waiting checks, by network and digest: requests with the same credentials share a check. */
  readonly #pending = new Map<string, Promise<boolean>>();

  /** @throws {TypeError} for a realm or a user name with characters that are not allowed, and for a malformed hash. */
  constructor(rule: Pick<AuthRule, "realm" | "users">, checks: PasswordChecks = sharedChecks) {
    this.challenge = [["WWW-Authenticate", basicChallenge(rule.realm)]];
    for (const [name, text] of Object.entries(rule.users)) {
      if (name.includes(":") || hasControls(name)) {
        throw new TypeError(`A user has neither a colon nor control characters: ${JSON.stringify(name)}`);
      }
      const hash = parsePasswordHash(text);
      if (hash === null) {
        throw new TypeError(`The password of user ${JSON.stringify(name)} is no scrypt hash`);
      }
      this.#users.set(name.normalize("NFC"), { hash, verified: null });
    }
    this.#hashes = Array.from(this.#users.values(), ({ hash }) => hash);
    this.#checks = checks;
  }

  /**
   * Returns whether the request's credentials are correct; a promise while its password is being checked. `context`
   * names the network that the request comes from.
   * @throws {HttpError} 503, to be sent with {@linkcode BUSY_FIELDS}, when too many checks wait. The promise is
   * rejected with the same error when its check loses its place in the queue.
   */
  check(request: HttpRequest, context?: HandlerContext): boolean | Promise<boolean> {
    const credentials = basicCredentials(request.header("authorization"));
    if (credentials === null || this.#hashes.length === 0) return false;
    const user = this.#users.get(credentials.user) ?? null;
    const digest = digestOf(`${credentials.user}:${credentials.password}`);
    if (user !== null && user.verified !== null && timingSafeEqual(user.verified, digest)) return true;
    const network = context?.networkOf?.(request) ?? "";
    const key = `${network} ${digest.toString("base64")}`;
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const hash = user === null ? this.#decoyOf(credentials.user) : user.hash;
    const answer = this.#remember(this.#checks.check(credentials.password, hash, network), user, digest, key);
    this.#pending.set(key, answer);
    return answer;
  }

  /**
   * Remembers correct credentials, and removes the check from `#pending`. `check` has added it by then, since this
   * function waits at least for a microtask.
   */
  async #remember(
    checked: Promise<boolean>,
    user: User | null,
    digest: Uint8Array,
    key: string,
  ): Promise<boolean> {
    try {
      const isRight = await checked && user !== null; // without a user, the hash was a decoy
      if (isRight && user !== null) user.verified = digest;
      return isRight;
    } finally {
      this.#pending.delete(key);
    }
  }

  /**
   * Returns the hash that an unknown name is checked against, always the same for the same name: hashes may differ in
   * their costs, and a time that varies would show that the name is unknown.
   */
  #decoyOf(name: string): PasswordHash {
    return this.#hashes[digestOf(name).readUInt32LE(0) % this.#hashes.length]!;
  }
}

const INNER_KEY = randomBytes(64);
const OUTER_KEY = randomBytes(64);

/**
 * Returns the HMAC (RFC 2104) of `text` with SHA-256. Two random keys of one block each replace the one key that is
 * padded in two ways. `createHmac` is not used, since Deno 2.4 prints a warning when it is called.
 */
function digestOf(text: string): Buffer {
  const inner = createHash("sha256").update(INNER_KEY).update(text).digest();
  return createHash("sha256").update(OUTER_KEY).update(inner).digest();
}
