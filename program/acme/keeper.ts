/**
 * Gets certificates and renews them, for the companion of a server and for the command `certificate`.
 *
 * Everything that it knows is in the directory, so a process that is killed at any moment is continued by the next one.
 * Only the holder of the directory's lock asks the authority.
 * @module
 */
import type { CertificateFacts } from "../../ffi/openssl/certificate.ts";
import { ClientTrust, TlsClientError } from "../../ffi/openssl/client.ts";
import { SystemError } from "../../ffi/libc/errno.ts";
import { UsageError } from "../../server/usage_error.ts";
import type { CertificateStatus } from "../../server/metrics/statistics.ts";
import { type Account, accountAt, forgetAccount, hasAccount } from "./account.ts";
import { Authority } from "./authority.ts";
import { HttpsError } from "./https.ts";
import { issue, type IssueTasks } from "./issue.ts";
import { AcmeProblem, type ChallengeType } from "./problem.ts";
import { askForRenewalInfo, certificateIdentifier, noRenewalInfo, type RenewalInfo } from "./renewal_info.ts";
import {
  afterFailure,
  afterSuccess,
  atStart,
  dueMs,
  factsFor,
  readState,
  type SavedState,
  suggestedRenewal,
  usualRenewal,
  writeState,
} from "./saved_state.ts";
import { type AcmeSettings, authorityName, readExternalAccount } from "./settings.ts";
import { Store } from "./store.ts";

/** What a keeper needs of its process. */
export interface KeeperTasks extends IssueTasks {
  /** Logs a line. */
  log(line: string): void;
  /** Called when files have changed. */
  changed(): void;
}

/** A name, with what is in its files. */
interface Entry {
  readonly name: string;
  readonly pem: string | null;
  readonly facts: CertificateFacts | null;
  readonly state: SavedState;
}

/** How the next look at a name is done. */
export interface Look {
  /** True to renew all certificates, whether they are due or not. */
  readonly isForced: boolean;
  /** True to try at once after a failure, since the caller waits. */
  readonly isByHand: boolean;
}

/** The certificates of one directory. */
export class Keeper {
  readonly store: Store;
  readonly #settings: AcmeSettings;
  readonly #types: readonly ChallengeType[];
  readonly #tasks: KeeperTasks;
  /** The names whose saved state this process has read once. */
  readonly #begun = new Set<string>();
  /** The pages with the reasons of suggestions that were logged last, by name. */
  readonly #explained = new Map<string, string>();
  readonly #read = new Map<string, { readonly pem: string; readonly facts: CertificateFacts | null }>();

  /** `types` are the challenges that servers answer, the preferred one first. */
  constructor(settings: AcmeSettings, types: readonly ChallengeType[], tasks: KeeperTasks) {
    this.#settings = settings;
    this.#types = types;
    this.#tasks = tasks;
    this.store = new Store(settings.dir);
  }

  /** Returns what is known of each name. */
  statuses(): CertificateStatus[] {
    return this.#settings.names.map((name) => {
      const { facts, state } = this.#entryOf(name);
      return {
        name,
        authority: authorityName(this.#settings),
        notAfterMs: facts?.notAfterMs ?? null,
        nextTryMs: dueMs(facts, state, this.#settings),
        lastError: state.lastError,
      };
    });
  }

  #entryOf(name: string): Entry {
    const pem = this.store.readCertificate(name);
    const known = this.#read.get(name);
    const facts = pem === null ? null : known?.pem === pem ? known.facts : factsFor(name, pem);
    if (pem !== null) this.#read.set(name, { pem, facts });
    const state = readState(this.store, name);
    return { name, pem, facts, state: this.#begun.has(name) ? state : atStart(state) };
  }

  #isDue({ facts, state }: Entry): boolean {
    const due = dueMs(facts, state, this.#settings);
    return due !== null && due <= Date.now();
  }

  #isToAsk({ facts, state: { askAgainAtMs } }: Entry): boolean {
    return facts !== null && askAgainAtMs !== null && askAgainAtMs <= Date.now();
  }

  /**
   * Does what is due. Returns false if another process holds the lock.
   * @throws {SystemError} when the directory cannot be used
   */
  async tend({ isForced, isByHand }: Look = { isForced: false, isByHand: false }): Promise<boolean> {
    const { names } = this.#settings;
    const isDue = (entry: Entry) => {
      return isForced || this.#isDue(isByHand ? { ...entry, state: { ...entry.state, failures: 0 } } : entry);
    };
    const hasWork = (entry: Entry) => isDue(entry) || this.#isToAsk(entry);
    if (!names.some((name) => hasWork(this.#entryOf(name)))) return true;
    this.store.make();
    using lock = this.store.lock();
    if (lock === null) return false;
    for (const name of names) {
      const entry = this.#entryOf(name); // another process may have done it meanwhile
      this.#begun.add(name);
      if (isDue(entry)) await this.#attempt(entry);
      else if (this.#isToAsk(entry)) this.#ask(entry);
    }
    return true;
  }

  /** Asks the authority when to renew. */
  #ask({ name, pem, facts, state }: Entry): void {
    const info = this.#renewalInfo(pem!, facts!);
    const gotMs = state.failures === 0 ? state.triedMs ?? 0 : 0;
    const renewAtMs = this.#renewalAt(name, info, gotMs, facts!) ?? state.renewAtMs ?? usualRenewal(facts!);
    writeState(this.store, name, { ...state, renewAtMs, askAgainAtMs: info.askAgainAtMs });
    this.#tasks.changed();
  }

  /** Returns when to renew a certificate that was got at `gotMs`, and logs why if the authority says so; null if it suggests nothing. */
  #renewalAt(name: string, info: RenewalInfo, gotMs: number, facts: CertificateFacts): number | null {
    const { renewAtMs: suggestedMs, explanation } = info;
    if (suggestedMs === null) return null;
    const renewAtMs = suggestedRenewal(suggestedMs, gotMs, usualRenewal(facts));
    if (explanation !== null && this.#explained.get(name) !== explanation) {
      this.#explained.set(name, explanation);
      this.#tasks.log(
        `${name}: the authority suggests to renew from ${dateOf(renewAtMs)} on: ${explanation}`,
      );
    }
    return renewAtMs;
  }

  #renewalInfo(pem: string, facts: CertificateFacts): RenewalInfo {
    try {
      using open = this.#open();
      return askForRenewalInfo(open.authority, pem, facts);
    } catch (error) {
      if (error instanceof TlsClientError) return noRenewalInfo(); // the file of --acme-ca cannot be used
      throw error;
    }
  }

  #open(): Disposable & { readonly authority: Authority } {
    const trust = new ClientTrust(this.#settings.ca);
    const authority = new Authority(new URL(this.#settings.directory), trust);
    return { authority, [Symbol.dispose]: () => trust.free() };
  }

  async #attempt(entry: Entry): Promise<void> {
    const { name } = entry;
    writeState(this.store, name, { ...entry.state, triedMs: Date.now() }); // shows that there is room for the result
    try {
      await this.#renew(entry);
    } catch (error) {
      const failure = failureOf(error);
      const state = afterFailure(entry.state, failure, Date.now(), Math.random());
      this.#tasks.log(`${name}: ${withStop(failure.message)} ${describeNext(state)}`);
      try {
        writeState(this.store, name, state);
      } catch (error) {
        this.#tasks.log(`${name}: ${(error as Error).message}`);
        throw error;
      }
    }
    this.#tasks.changed();
  }

  async #renew({ name, pem, facts }: Entry): Promise<void> {
    const { profile, email, eab } = this.#settings;
    using open = this.#open();
    const { authority } = open;
    const external = eab === null ? null : readExternalAccount(eab);
    const account = this.#accountAt(authority, { email, external });
    try {
      const types = this.#types;
      if (types.length === 0) {
        throw new AcmeProblem(
          "no listener can answer the authority: give --redirect-http 80, or listen on port 443",
        );
      }
      const { profiles } = authority;
      if (profile !== null && !profiles.includes(profile)) {
        throw new AcmeProblem(
          `${authority.host} has no profile "${profile}": it has ${profiles.join(", ") || "none"}`,
        );
      }
      const replaces = facts === null || pem === null ? null : certificateIdentifier(pem);
      const order = { name, types, profile, replaces, present: facts };
      const text = await issue({ authority, account, store: this.store, order, tasks: this.#tasks });
      this.store.writeCertificate(name, text);
      const got = factsFor(name, text)!;
      const info = askForRenewalInfo(authority, text, got);
      const nowMs = Date.now();
      const renewAtMs = this.#renewalAt(name, info, nowMs, got) ?? usualRenewal(got, Math.random());
      writeState(this.store, name, afterSuccess(this.#settings, renewAtMs, info.askAgainAtMs, nowMs));
      const until = dateOf(got.notAfterMs);
      this.#tasks.log(
        `${name}: certificate from ${authority.host}, valid until ${until}, renewed from ${
          dateOf(renewAtMs)
        } on`,
      );
    } finally {
      account.key.free();
    }
  }

  /** Returns an account that the authority accepts. */
  #accountAt(authority: Authority, settings: Parameters<typeof accountAt>[2]): Account {
    const isOld = hasAccount(authority, this.store);
    let account: Account | null = null;
    try {
      account = accountAt(authority, this.store, settings);
      if (!isOld) return account;
      const { json } = authority.postForJson(new URL(account.url), account, null);
      if (json["status"] === "valid") return account;
    } catch (error) {
      const types = ["accountDoesNotExist", "unauthorized"];
      if (!isOld || !(error instanceof AcmeProblem && types.includes(error.type))) {
        account?.key.free();
        throw error;
      }
    }
    account?.key.free();
    this.#tasks.log(`The account at ${authority.host} is not valid any more: a new one is made`);
    forgetAccount(authority, this.store);
    return accountAt(authority, this.store, settings);
  }
}

/** Returns what an error says for the operator, and for the next try. Other errors are thrown on. */
function failureOf(error: unknown): Parameters<typeof afterFailure>[1] {
  if (error instanceof AcmeProblem) {
    return { message: error.message, isRefused: true, retryAfterMs: error.retryAfterMs };
  }
  const isKnown = error instanceof HttpsError || error instanceof TlsClientError ||
    error instanceof SystemError || error instanceof UsageError;
  const message = isKnown ? error.message : `internal error: ${String(error)}`;
  return { message, isRefused: false, retryAfterMs: null };
}

function withStop(sentence: string): string {
  return /[.?!]$/.test(sentence) ? sentence : `${sentence}.`;
}

function describeNext({ tryAgainAtMs }: SavedState): string {
  if (tryAgainAtMs === null) return "It has failed for 30 days and is not tried again before the next start";
  const seconds = Math.max(Math.round((tryAgainAtMs - Date.now()) / 1000), 1);
  const text = seconds < 120
    ? `${seconds} s`
    : seconds < 7200
    ? `${Math.round(seconds / 60)} min`
    : `${Math.round(seconds / 3600)} h`;
  return `Next try in ${text}`;
}

/** Returns a date and a time, or for instants that are far away the date. */
export function dateOf(ms: number): string {
  const iso = new Date(ms).toISOString();
  const isNear = Math.abs(ms - Date.now()) < 3 * 86_400_000;
  return isNear ? `${iso.slice(0, 16).replace("T", " ")} UTC` : iso.slice(0, 10);
}
