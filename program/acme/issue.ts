/**
 * Gets one certificate: order, challenge, request, download. Source: RFC 8555 §7.4 and §7.5, RFC 9773 §5 (replaces).
 * @module
 */
import { type CertificateFacts, PemError, readCertificate } from "../../ffi/openssl/certificate.ts";
import { makePrivateKey, type PrivateKey } from "../../ffi/openssl/private_key.ts";
import { makeRequest } from "../../ffi/openssl/x509.ts";
import type { Account } from "./account.ts";
import { type Authority, type Json, retryAfterMs } from "./authority.ts";
import { isToken, writeChallenge } from "./challenge.ts";
import type { Answer } from "./https.ts";
import { base64url } from "./jws.ts";
import { CERTIFICATE_BYTES_MAX, POLL_MS, STEP_PATIENCE_MS, VALID_MS_MIN } from "./limits.ts";
import {
  AcmeProblem,
  type ChallengeType,
  describeChallenge,
  describeRefusal,
  readProblem,
  shown,
} from "./problem.ts";
import type { Store } from "./store.ts";

const CHAIN_TYPE = "application/pem-certificate-chain";
const CERTIFICATE_BLOCKS = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** What to ask for. */
export interface Order {
  readonly name: string;
  /** The challenges that a server answers, the preferred one first. */
  readonly types: readonly ChallengeType[];
  /** The kind of certificate, if the authority has several; null for the usual one. */
  readonly profile: string | null;
  /** The identifier of the certificate that this one replaces; null for none. */
  readonly replaces: string | null;
  /** What is served at present; null for nothing. */
  readonly present: CertificateFacts | null;
}

/** What {@linkcode issue} needs of its process. */
export interface IssueTasks {
  /** Fulfilled once all servers answer the challenge that was written. */
  published(): Promise<void>;
  pause(ms: number): Promise<void>;
}

/** A challenge that was not met. Another type of challenge may be. */
class ChallengeFailed extends AcmeProblem {}

/** What belongs together while one certificate is got. */
interface Scene {
  readonly authority: Authority;
  readonly account: Account;
  readonly store: Store;
  readonly order: Order;
  readonly tasks: IssueTasks;
}

/**
 * Returns a new key, the certificate of `order` and its chain, as PEM text.
 * @throws {HttpsError | AcmeProblem | SystemError}
 */
export async function issue(scene: Scene): Promise<string> {
  const failures: string[] = [];
  for (const type of scene.order.types) {
    try {
      return await issueBy(scene, type);
    } catch (error) {
      if (!(error instanceof ChallengeFailed)) throw error;
      failures.push(error.message);
    }
  }
  throw new AcmeProblem(failures.join(" Also: "), "challenge");
}

async function issueBy(scene: Scene, type: ChallengeType): Promise<string> {
  const { authority, account, order } = scene;
  const { json, answer } = newOrder(scene);
  const url = authority.checked(answer.fields.get("location"), "the order");
  const authorizations = json["authorizations"];
  if (!Array.isArray(authorizations) || authorizations.length !== 1) {
    throw new AcmeProblem(`${authority.host} sends an order that is not for one name`);
  }
  await authorize(scene, authority.checked(authorizations[0], "the authorization"), type);
  const finalize = authority.urlIn(json, "finalize");
  const key = makePrivateKey();
  try {
    const begun = await settled(scene, () => authority.postForJson(url, account, null), ["pending"]);
    if (begun["status"] === "ready") {
      authority.post(finalize, account, { csr: base64url(makeRequest(key, [order.name])) });
    }
    const done = await settled(scene, () => authority.postForJson(url, account, null), [
      "processing",
      "ready",
    ]);
    if (done["status"] !== "valid") {
      throw new AcmeProblem(describeRefusal(readProblem(done["error"]), 200));
    }
    const { text } = authority.post(authority.urlIn(done, "certificate"), account, null, CHAIN_TYPE);
    return check(scene, key, text);
  } finally {
    key.free();
  }
}

function newOrder({ authority, account, order }: Scene): { readonly json: Json; readonly answer: Answer } {
  const { name, profile, replaces } = order;
  const payload = {
    identifiers: [{ type: "dns", value: name }],
    ...profile === null ? {} : { profile },
  };
  const url = authority.urlOf("newOrder");
  if (replaces === null || !authority.has("renewalInfo")) return authority.postForJson(url, account, payload);
  try {
    return authority.postForJson(url, account, { ...payload, replaces });
  } catch (error) {
    const mayBeReplaces = error instanceof AcmeProblem &&
      ["alreadyReplaced", "malformed", "unauthorized"].includes(error.type);
    if (!mayBeReplaces) throw error;
    return authority.postForJson(url, account, payload);
  }
}

async function authorize(scene: Scene, url: URL, type: ChallengeType): Promise<void> {
  const { authority, account, order: { name }, store, tasks } = scene;
  const { json } = authority.postForJson(url, account, null);
  if (json["status"] === "valid") return;
  const { value } = (json["identifier"] ?? {}) as { value?: unknown };
  if (value !== name) throw new AcmeProblem(`${authority.host} sends an authorization for another name`);
  const challenges = Array.isArray(json["challenges"]) ? json["challenges"] as Json[] : [];
  const challenge = challenges.find((one) => one?.["type"] === type);
  if (challenge === undefined) throw new ChallengeFailed(`${authority.host} offers no challenge ${type}.`);
  const { token } = challenge;
  if (!isToken(token)) throw new AcmeProblem(`${authority.host} sends a token that is none`);
  using _ = writeChallenge(store, type, name, token, account.key);
  await tasks.published();
  authority.post(authority.urlIn(challenge, "url"), account, {});
  const done = await settled(scene, () => authority.postForJson(url, account, null), [
    "pending",
    "processing",
  ]);
  if (done["status"] === "valid") return;
  const tried = (Array.isArray(done["challenges"]) ? done["challenges"] as Json[] : [])
    .find((one) => one?.["type"] === type);
  throw new ChallengeFailed(describeChallenge(name, type, readProblem(tried?.["error"])));
}

/** Asks until the status is none of `passing`. @throws {AcmeProblem} after STEP_PATIENCE_MS */
async function settled(
  { authority, tasks }: Scene,
  read: () => { readonly json: Json; readonly answer: Answer },
  passing: readonly string[],
): Promise<Json> {
  const endMs = performance.now() + STEP_PATIENCE_MS;
  for (let pauseMs = POLL_MS.least;; pauseMs = Math.min(1.5 * pauseMs, POLL_MS.most)) {
    const { json, answer } = read();
    const { status } = json;
    if (typeof status !== "string") throw new AcmeProblem(`${authority.host} sends no status`);
    if (!passing.includes(status)) return json;
    if (performance.now() > endMs) {
      throw new AcmeProblem(`${authority.host} does not decide: it says ${shown(status)}`);
    }
    const asked = retryAfterMs(answer) ?? pauseMs;
    await tasks.pause(Math.min(Math.max(asked, POLL_MS.least), POLL_MS.most));
  }
}

/**
 * Returns what is written to the file, if the authority has sent what was asked for. What the server would not replace its
 * present certificate by does not replace the file either.
 * @throws {AcmeProblem}
 */
function check({ authority, order: { name, present } }: Scene, key: PrivateKey, text: string): string {
  const refused = (what: string) => new AcmeProblem(`${authority.host} sends a certificate ${what}`);
  const chain = `${(text.match(CERTIFICATE_BLOCKS) ?? []).join("\n")}\n`;
  const pem = key.pem();
  const encode = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
  try {
    const { free, names, notBeforeMs, notAfterMs, chainLength } = readCertificate(encode(chain), encode(pem));
    free();
    const nowMs = Date.now();
    if (!names.includes(name)) throw refused("for other names");
    if (notAfterMs < nowMs + VALID_MS_MIN) {
      throw refused("that has expired, or is about to: is this machine's clock right?");
    }
    if (notBeforeMs > nowMs) throw refused("that is not valid yet: is this machine's clock right?");
    if (chainLength === 1 && present !== null && present.chainLength > 1) throw refused("without its chain");
  } catch (error) {
    if (!(error instanceof PemError)) throw error;
    throw refused(`that cannot be used: it ${error.message}`);
  }
  if (chain.length + pem.length > CERTIFICATE_BYTES_MAX) throw refused("that is too long");
  return pem + chain;
}
