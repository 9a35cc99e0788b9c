/**
 * An authority that speaks ACME: its directory, its nonces, and signed requests to it.
 *
 * What it sends is checked before it is used: URLs are for HTTPS and on the host of the directory, texts are bounded.
 *
 * Source: RFC 8555 §6 and §7.1.
 * @module
 */
import type { ClientTrust } from "../../ffi/openssl/client.ts";
import type { PrivateKey } from "../../ffi/openssl/private_key.ts";
import { type Answer, ask, httpsUrl } from "./https.ts";
import { sign } from "./jws.ts";
import { NONCE_ATTEMPTS_MAX, RETRY_AFTER_MS_MAX } from "./limits.ts";
import { AcmeProblem, describeRefusal, readProblem, shown } from "./problem.ts";

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** Who signs. `url` is null for a key that has no account yet. */
export interface Signer {
  readonly key: PrivateKey;
  readonly url: string | null;
}

const NONCE = /^[A-Za-z0-9_-]{1,256}$/;
const JSON_TYPE = { "Content-Type": "application/jose+json" };

/** The functions of an authority, by URL. */
export class Authority {
  readonly directory: URL;
  readonly #trust: ClientTrust;
  #urls: Json | null = null;
  #nonce: string | null = null;

  constructor(directory: URL, trust: ClientTrust) {
    this.directory = directory;
    this.#trust = trust;
  }

  /** The host, for messages. */
  get host(): string {
    return this.directory.host;
  }

  /** Returns the directory. @throws {HttpsError | AcmeProblem} */
  #read(): Json {
    if (this.#urls !== null) return this.#urls;
    const answer = ask(this.directory, this.#trust, { method: "GET" });
    if (answer.status !== 200) {
      throw new AcmeProblem(
        `${this.directory.href} answers with status ${answer.status}: is it a directory of ACME?`,
        "",
        retryAfterMs(answer),
      );
    }
    const urls = this.#jsonOf(answer);
    for (const name of ["newNonce", "newAccount", "newOrder"]) this.urlIn(urls, name);
    return this.#urls = urls;
  }

  /** Returns the URL of a function of the directory. @throws {HttpsError | AcmeProblem} */
  urlOf(name: string): URL {
    return this.urlIn(this.#read(), name);
  }

  /** Returns true if the directory has a function. @throws {HttpsError | AcmeProblem} */
  has(name: string): boolean {
    return Object.hasOwn(this.#read(), name);
  }

  /** Returns true if the directory says that only accounts with external binding are accepted. */
  get needsExternalAccount(): boolean {
    const { meta } = this.#read();
    return typeof meta === "object" && meta !== null && Reflect.get(meta, "externalAccountRequired") === true;
  }

  /** Returns the profiles that can be asked for; none if the authority has none. */
  get profiles(): string[] {
    const { meta } = this.#read();
    const profiles: unknown = typeof meta === "object" && meta !== null
      ? Reflect.get(meta, "profiles")
      : null;
    return typeof profiles === "object" && profiles !== null ? Object.keys(profiles).map(shown) : [];
  }

  /** Returns the URL at `name` in what the authority has sent. @throws {AcmeProblem} unless it is on the authority's host */
  urlIn(json: Json, name: string): URL {
    return this.checked(json[name], name);
  }

  /** Returns `text` as a URL. @throws {AcmeProblem} unless it is on the authority's host */
  checked(text: unknown, what: string): URL {
    const url = httpsUrl(text, this.directory);
    if (url === null) throw this.#lies(`no HTTPS URL for ${what}`);
    if (url.hostname !== this.directory.hostname) {
      throw this.#lies(`a URL of another host for ${what}, ${shown(url.host)}, which is not asked`);
    }
    return url;
  }

  #lies(what: string): AcmeProblem {
    return new AcmeProblem(`${this.host} sends ${what}`);
  }

  #takeNonce(): string {
    const nonce = this.#nonce;
    this.#nonce = null;
    if (nonce !== null) return nonce;
    const answer = ask(this.urlOf("newNonce"), this.#trust, { method: "HEAD" });
    const given = answer.fields.get("replay-nonce");
    if (given === undefined || !NONCE.test(given)) throw this.#lies("no nonce");
    return given;
  }

  /**
   * Sends a signed request. `payload` is null for one that only reads.
   * @throws {HttpsError | AcmeProblem}
   */
  post(url: URL, signer: Signer, payload: object | null, accept: string | null = null): Answer {
    for (let attempt = 1;; attempt++) {
      const nonce = this.#takeNonce();
      const body = sign(signer.key, { url: url.href, nonce, kid: signer.url }, payload);
      const fields = accept === null ? JSON_TYPE : { ...JSON_TYPE, Accept: accept };
      const answer = ask(url, this.#trust, { method: "POST", body, fields });
      const next = answer.fields.get("replay-nonce");
      this.#nonce = next !== undefined && NONCE.test(next) ? next : null;
      if (answer.status >= 200 && answer.status < 300) return answer;
      const problem = readProblem(tryParse(answer.text));
      if (problem.type === "badNonce" && attempt < NONCE_ATTEMPTS_MAX) continue;
      throw new AcmeProblem(describeRefusal(problem, answer.status), problem.type, retryAfterMs(answer));
    }
  }

  /** Sends a signed request, and returns the JSON of the answer. @throws {HttpsError | AcmeProblem} */
  postForJson(
    url: URL,
    signer: Signer,
    payload: object | null,
  ): { readonly json: Json; readonly answer: Answer } {
    const answer = this.post(url, signer, payload);
    return { json: this.#jsonOf(answer), answer };
  }

  /** Asks without a signature. `json` is null for another status than 200. @throws {HttpsError | AcmeProblem} */
  get(url: URL): { readonly json: Json | null; readonly answer: Answer } {
    const answer = ask(url, this.#trust, { method: "GET" });
    return { json: answer.status === 200 ? this.#jsonOf(answer) : null, answer };
  }

  #jsonOf(answer: Answer): Json {
    const json = tryParse(answer.text);
    if (typeof json !== "object" || json === null || Array.isArray(json)) throw this.#lies("no JSON object");
    return json as Json;
  }
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the time of `Retry-After`, bounded; null without one. */
export function retryAfterMs({ fields }: Answer): number | null {
  const text = fields.get("retry-after");
  if (text === undefined) return null;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}
