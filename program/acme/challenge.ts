/**
 * What is answered to an authority that tries whether a name leads to this machine, as files that servers read.
 *
 * Source: RFC 8555 §8.3 (http-01), RFC 8737 (tls-alpn-01).
 * @module
 */
import { createHash } from "node:crypto";
import { octetString } from "../../ffi/openssl/der.ts";
import { makePrivateKey, type PrivateKey } from "../../ffi/openssl/private_key.ts";
import { makeCertificate, pemOf } from "../../ffi/openssl/x509.ts";
import { namesIn } from "../../ffi/file/private_file.ts";
import { readTextFile } from "../../ffi/file/text_file.ts";
import { SystemError } from "../../ffi/libc/errno.ts";
import type { Challenges } from "../../server/challenges.ts";
import { keyAuthorization } from "./jws.ts";
import { CERTIFICATE_BYTES_MAX, CHALLENGES_MAX } from "./limits.ts";
import type { ChallengeType } from "./problem.ts";
import { CHALLENGES, type Store } from "./store.ts";

/** id-pe-acmeIdentifier. */
const ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31";
const TOKEN = /^[A-Za-z0-9_-]{16,200}$/;
const DAY_MS = 86_400_000;
const PEM = ".pem";
/** Other clients write certificate and key to two files, as dehydrated does. */
const CERTIFICATE = ".crt.pem";
const KEY = ".key.pem";

/** Returns true for a token that an authority may send: it becomes the name of a file. */
export function isToken(text: unknown): text is string {
  return typeof text === "string" && TOKEN.test(text);
}

/** Writes the answer to a challenge. Returns what removes it. @throws {SystemError} */
export function writeChallenge(
  store: Store,
  type: ChallengeType,
  name: string,
  token: string,
  key: PrivateKey,
): Disposable {
  const answer = keyAuthorization(token, key);
  const file = type === "http-01" ? token : name + PEM;
  store.write(CHALLENGES, file, type === "http-01" ? answer : challengeCertificate(name, answer));
  return { [Symbol.dispose]: () => store.remove(CHALLENGES, file) };
}

/** Returns the certificate that answers the challenge, and its key. */
function challengeCertificate(name: string, answer: string): string {
  const key = makePrivateKey();
  try {
    const now = Date.now();
    const certificate = makeCertificate({
      key,
      subject: { commonName: "ACME challenge" },
      notBeforeMs: now - DAY_MS,
      notAfterMs: now + DAY_MS,
      names: [name],
      extensions: [{
        oid: ACME_IDENTIFIER,
        isCritical: true,
        value: octetString(createHash("sha256").update(answer).digest()),
      }],
    });
    return pemOf("CERTIFICATE", certificate) + key.pem();
  } finally {
    key.free();
  }
}

/**
 * Returns what is to be answered by the files in `directory`, of this program; and by those in `others`, which another
 * client of ACME writes; null for none. Files that cannot be read are left out.
 */
export function readChallenges(directory: string | null, others: string | null): Challenges {
  const http: Record<string, string> = {};
  const tls: Record<string, { cert: string; key?: string }> = {};
  for (
    const file of directory === null ? [] : namesIn(`${directory}/${CHALLENGES}`).slice(0, CHALLENGES_MAX)
  ) {
    const text = file.startsWith(".") ? null : read(`${directory}/${CHALLENGES}/${file}`);
    if (text === null) continue;
    if (file.endsWith(PEM)) tls[file.slice(0, -PEM.length)] = { cert: text };
    else if (isToken(file)) http[file] = text;
  }
  for (const file of others === null ? [] : namesIn(others).slice(0, CHALLENGES_MAX)) {
    if (!file.endsWith(PEM) || file.endsWith(KEY) || file.startsWith(".")) continue;
    const isSplit = file.endsWith(CERTIFICATE);
    const name = file.slice(0, isSplit ? -CERTIFICATE.length : -PEM.length).toLowerCase();
    const cert = read(`${others}/${file}`);
    const key = isSplit ? read(`${others}/${file.slice(0, -CERTIFICATE.length)}${KEY}`) : undefined;
    if (cert !== null && key !== null) tls[name] = key === undefined ? { cert } : { cert, key };
  }
  return { http, tls };
}

function read(path: string): string | null {
  try {
    return readTextFile(path, CERTIFICATE_BYTES_MAX);
  } catch (error) {
    if (error instanceof SystemError) return null;
    throw error;
  }
}
