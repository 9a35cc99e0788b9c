/**
 * Paths behind a name and a password. Source: RFC 9110 §11, RFC 7617.
 *
 * A password is tried by scrypt, on another thread, a few at a time and some in queues; past them strangers get 503, so
 * that guessing takes neither the memory nor the loop. Each network has a queue of its own, and they take turns: guesses
 * from one network, over however many connections, make a password from another wait for one of them. What was right is
 * remembered as a keyed digest, so that the next request costs microseconds and waits for nothing.
 *
 * What takes the same time: comparing digests and keys; and refusing, whether the name is unknown or the password
 * wrong, since an unknown name is tried against the hash of another. What does not: a request without credentials that
 * can be read is refused at once; one that was let in before is let in at once; a rule without any users refuses at
 * once; and looking up the name, which is nothing beside scrypt.
 *
 * The password itself is not kept here. (The heads of recent requests are, and so what they say: see head_cache.ts.)
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

/** The fields of the 503 for those who come past the queue: it is worked off within a few seconds. */
export const BUSY_FIELDS: Fields = [["Retry-After", "5"]];

/** Computes what {@linkcode deriveKey} computes. */
export type Derive = (password: string, hash: PasswordHash) => Promise<Uint8Array>;

/** Tries passwords, a few at a time: each takes a thread and tens of MiB. */
export class PasswordChecks {
  readonly #derive: Derive;
  /** By network, those first whose turn is first. None is empty. */
  readonly #queues = new Map<string, PromiseWithResolvers<void>[]>();
  #waiting = 0;
  #running = 0;

  /** `derive` is for tests. */
  constructor(derive: Derive = deriveKey) {
    this.#derive = derive;
  }

  /**
   * Whether `password`, which comes from `network`, is that of `hash`.
   * @throws {HttpError} 503, at once, when too many of that network wait already; the promise is rejected with the same
   * when a network that has fewer needs the place.
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

  /** Takes a place from the network that has most, if those are more than `few`. @throws {HttpError} 503 */
  #makeRoom(few: number): void {
    let longest: PromiseWithResolvers<void>[] = [];
    for (const queue of this.#queues.values()) if (queue.length > longest.length) longest = queue;
    if (longest.length <= few) throw tooMany();
    this.#waiting--;
    longest.pop()?.reject(tooMany());
  }

  /** The first of the network whose turn it is; that is last from then on. Undefined when none waits. */
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
      else next.resolve(); // which takes this one's place
    }
  }
}

function tooMany(): HttpError {
  return new HttpError(503, "Too many passwords are being checked");
}

/** The bounds hold for the whole process, however many rules and sites there are. */
const sharedChecks = new PasswordChecks();

interface User {
  readonly hash: PasswordHash;
  /** The digest of the credentials that were found right; a name has one password, so that there is one. */
  verified: Uint8Array | null;
}

/** Lets in those that a rule names. */
export class BasicAuth {
  /** The fields of the 401: what is asked for. */
  readonly challenge: Fields;
  readonly #users = new Map<string, User>();
  readonly #hashes: readonly PasswordHash[];
  readonly #checks: PasswordChecks;
  /** What is being tried, by network and digest: the same that comes again waits for the same. */
  readonly #pending = new Map<string, Promise<boolean>>();

  /** @throws {TypeError} for a realm or a name that no request could bring, and for what is no hash. */
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
   * Whether the request is let in, which comes from the network that `context` names; a promise while its password is being
   * tried.
   * @throws {HttpError} 503, to be sent with {@linkcode BUSY_FIELDS}, when too many are being tried already; the promise is
   * rejected with the same when it has to give up its place.
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
    const answer = this.#learn(this.#checks.check(credentials.password, hash, network), user, digest, key);
    this.#pending.set(key, answer);
    return answer;
  }

  /** Waits at least for a microtask, so that `check` has set what is deleted here. */
  async #learn(
    checked: Promise<boolean>,
    user: User | null,
    digest: Uint8Array,
    key: string,
  ): Promise<boolean> {
    try {
      const isRight = await checked && user !== null; // a decoy's password opens nothing
      if (isRight && user !== null) user.verified = digest;
      return isRight;
    } finally {
      this.#pending.delete(key);
    }
  }

  /** Always the same one for a name: else the costs, where they differ, would tell which names there are. */
  #decoyOf(name: string): PasswordHash {
    return this.#hashes[digestOf(name).readUInt32LE(0) % this.#hashes.length]!;
  }
}

const INNER_KEY = randomBytes(64);
const OUTER_KEY = randomBytes(64);

/**
 * HMAC (RFC 2104) by SHA-256, with two random keys of a block each in place of one that is padded in two ways. Deno 2.4
 * prints a warning when `createHmac` is called.
 */
function digestOf(text: string): Buffer {
  const inner = createHash("sha256").update(INNER_KEY).update(text).digest();
  return createHash("sha256").update(OUTER_KEY).update(inner).digest();
}
