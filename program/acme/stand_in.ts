/**
 * What answers while there is no certificate yet: one that this program has signed itself, so clients do not trust it.
 * @module
 */
import { makePrivateKey } from "../../ffi/openssl/private_key.ts";
import { makeCertificate, pemOf } from "../../ffi/openssl/x509.ts";

const DAY_MS = 86_400_000;
/** It begins long ago, so that any certificate of an authority is newer. */
const AGE_MS = 365 * DAY_MS;
const REST_MS = 10 * 365 * DAY_MS;

/** The issuer of stand-ins, which tells them apart. */
export const STAND_IN = "epollet waiting for a certificate";

/** Returns a certificate for `name` and its key, as PEM text. @throws {OpensslMissing} */
export function makeStandIn(name: string): string {
  const key = makePrivateKey();
  try {
    const now = Date.now();
    const certificate = makeCertificate({
      key,
      subject: { commonName: STAND_IN },
      notBeforeMs: now - AGE_MS,
      notAfterMs: now + REST_MS,
      names: [name],
      keyUsage: ["digitalSignature"],
      extendedKeyUsage: ["serverAuth"],
    });
    return pemOf("CERTIFICATE", certificate) + key.pem();
  } finally {
    key.free();
  }
}
