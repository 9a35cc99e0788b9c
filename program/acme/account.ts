/**
 * The account at an authority: its key, which is in a file, and its URL. Source: RFC 8555 §7.3.
 * @module
 */
import { createHash } from "node:crypto";
import { makePrivateKey, type PrivateKey, readPrivateKey } from "../../ffi/openssl/private_key.ts";
import type { Authority, Signer } from "./authority.ts";
import { bindExternally, type ExternalAccount } from "./jws.ts";
import { AcmeProblem } from "./problem.ts";
import { ACCOUNTS, type Store } from "./store.ts";

/** What the settings say about the account. */
export interface AccountSettings {
  /** Where the authority may write to; null for nowhere. */
  readonly email: string | null;
  /** The credentials of an account of the authority's own; null without. */
  readonly external: ExternalAccount | null;
}

/** What is in the file. */
interface Saved {
  readonly directory: string;
  readonly key: string;
  readonly email: string | null;
  /** Null until the authority has made the account. */
  readonly url: string | null;
}

/** An account. `free` ends the use of its key. */
export interface Account extends Signer {
  readonly key: PrivateKey;
  readonly url: string;
}

function nameOf({ directory }: Authority): string {
  const digest = createHash("sha256").update(directory.href).digest("hex").slice(0, 12);
  return `${directory.hostname.replace(/[^A-Za-z0-9.-]/g, "_")}-${digest}.json`;
}

/**
 * Returns the account, which is made if there is none. The key is in its file before the authority knows it, so a process
 * that is killed leaves no account behind whose key is lost.
 * @throws {HttpsError | AcmeProblem | SystemError}
 */
export function accountAt(authority: Authority, store: Store, settings: AccountSettings): Account {
  const { email, external } = settings;
  const name = nameOf(authority);
  const found = store.readJson(ACCOUNTS, name) as Partial<Saved> | null;
  const known = typeof found?.key === "string" && found.directory === authority.directory.href ? found : null;
  const key = keyOf(known?.key) ?? makePrivateKey();
  const write = (url: string | null) => {
    const saved: Saved = { directory: authority.directory.href, key: key.pem(), email, url };
    store.writeJson(ACCOUNTS, name, saved);
  };
  const contact = email === null ? [] : [`mailto:${email}`];
  if (typeof known?.url === "string") {
    const account = { key, url: authority.checked(known.url, "the account").href };
    if (known.email !== email) {
      authority.post(new URL(account.url), account, { contact });
      write(account.url);
    }
    return account;
  }
  if (external === null && authority.needsExternalAccount) {
    throw new AcmeProblem(
      `${authority.host} wants an account of its own: name its credentials by --acme-eab FILE`,
      "externalAccountRequired",
    );
  }
  write(null);
  const url = authority.urlOf("newAccount");
  const answer = authority.post(url, { key, url: null }, {
    termsOfServiceAgreed: true,
    contact,
    ...external === null ? {} : { externalAccountBinding: bindExternally(key, external, url.href) },
  });
  const made = authority.checked(answer.fields.get("location"), "the account").href;
  write(made);
  return { key, url: made };
}

function keyOf(pem: string | undefined): PrivateKey | null {
  if (pem === undefined) return null;
  try {
    return readPrivateKey(pem);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** Returns true if the authority has made an account for a key that is in a file. */
export function hasAccount(authority: Authority, store: Store): boolean {
  const found = store.readJson(ACCOUNTS, nameOf(authority)) as Partial<Saved> | null;
  return typeof found?.url === "string";
}

/** Removes the file of the account, which the authority does not accept any more. */
export function forgetAccount(authority: Authority, store: Store): void {
  store.remove(ACCOUNTS, nameOf(authority));
}
