/**
 * What is remembered of a name between two starts: when its certificate is renewed, and what went wrong last.
 * @module
 */
import { type CertificateFacts, PemError, readCertificate } from "../../ffi/openssl/certificate.ts";
import {
  GIVE_UP_AFTER_MS,
  RETRY_AT_START_MS,
  RETRY_MS_MAX,
  RETRY_REFUSED_MS,
  RETRY_UNREACHED_MS,
  SUGGESTION_PAUSE_MS,
} from "./limits.ts";
import type { Store } from "./store.ts";

/** What is in `example.org.json`. Instants are milliseconds since 1970. */
export interface SavedState {
  /** The directory of the authority that has issued the certificate; null before the first one. */
  readonly directory: string | null;
  readonly profile: string | null;
  /** When the certificate is renewed; null for two thirds of its lifetime. */
  readonly renewAtMs: number | null;
  /** When the authority is asked again when to renew. */
  readonly askAgainAtMs: number | null;
  readonly failures: number;
  readonly failingSinceMs: number | null;
  readonly triedMs: number | null;
  /** When to try again after a failure; null for never. */
  readonly tryAgainAtMs: number | null;
  readonly lastError: string | null;
  /** True if the authority has named the time of the next try. */
  readonly isLimited: boolean;
}

const FRESH: SavedState = {
  directory: null,
  profile: null,
  renewAtMs: null,
  askAgainAtMs: null,
  failures: 0,
  failingSinceMs: null,
  triedMs: null,
  tryAgainAtMs: null,
  lastError: null,
  isLimited: false,
};

/** Returns what is saved for `name`. Members of a wrong type count as missing. */
export function readState(store: Store, name: string): SavedState {
  const found = (store.readJson("", `${name}.json`) ?? {}) as Record<string, unknown>;
  const members = Object.entries(FRESH).map(([key, usual]) => {
    const value = found[key];
    const isText = ["directory", "profile", "lastError"].includes(key);
    const example = usual ?? (isText ? "" : 0);
    return [key, typeof value === typeof example ? value : usual];
  });
  return Object.fromEntries(members) as SavedState;
}

/** Saves what is known of `name`. @throws {SystemError} */
export function writeState(store: Store, name: string, state: SavedState): void {
  store.writeJson("", `${name}.json`, state);
}

/** Returns what a certificate says that can be served for `name`; null for one that cannot. */
export function factsFor(name: string, pem: string | null): CertificateFacts | null {
  if (pem === null) return null;
  const bytes = new TextEncoder().encode(pem) as Uint8Array<ArrayBuffer>;
  try {
    const { free, leaf: _, others: __, key: ___, ...facts } = readCertificate(bytes, bytes);
    free();
    return facts.names.includes(name) ? facts : null;
  } catch (error) {
    if (error instanceof PemError) return null;
    throw error;
  }
}

const TWO_THIRDS = 2 / 3;
/** The part of the lifetime over which renewals are spread, so that those of many servers do not come at once. */
const JITTER = 1 / 30;

/** Returns when to renew, at two thirds of the lifetime or somewhat earlier. */
export function usualRenewal({ notBeforeMs, notAfterMs }: CertificateFacts, random: number = 0): number {
  const lifeMs = notAfterMs - notBeforeMs;
  return Math.round(notBeforeMs + lifeMs * (TWO_THIRDS - JITTER * random));
}

/** Returns when to renew as the authority suggests, but not soon after the certificate was got, and not later than usual because of that. */
export function suggestedRenewal(suggestedMs: number, gotMs: number, usualMs: number): number {
  return Math.max(suggestedMs, Math.min(gotMs + SUGGESTION_PAUSE_MS, usualMs));
}

/** What the settings ask for. */
export interface Wanted {
  readonly directory: string;
  readonly profile: string | null;
}

/** Returns when something is to be done for a name: an instant, which may be past; null for never. */
export function dueMs(facts: CertificateFacts | null, state: SavedState, wanted: Wanted): number | null {
  const isOther = state.directory !== null &&
    (state.directory !== wanted.directory || state.profile !== wanted.profile);
  const isMissing = facts === null || isOther || facts.notAfterMs <= Date.now();
  const isSuggested = state.renewAtMs !== null && state.renewAtMs <= (facts?.notAfterMs ?? 0);
  const renewMs = isMissing ? 0 : isSuggested ? state.renewAtMs! : usualRenewal(facts);
  if (state.failures === 0) return renewMs;
  return state.tryAgainAtMs === null ? null : Math.max(renewMs, state.tryAgainAtMs);
}

/** What went wrong. */
export interface Failure {
  readonly message: string;
  /** True if the authority was reached, and has refused something. */
  readonly isRefused: boolean;
  /** How long the authority wants to be left alone; null if it does not say. */
  readonly retryAfterMs: number | null;
}

/** Returns the state after a failure. Pauses double, and after GIVE_UP_AFTER_MS there is no other try. */
export function afterFailure(state: SavedState, failure: Failure, nowMs: number, random: number): SavedState {
  const failingSinceMs = state.failingSinceMs ?? nowMs;
  const firstMs = failure.isRefused ? RETRY_REFUSED_MS : RETRY_UNREACHED_MS;
  const pauseMs = Math.min(firstMs * 2 ** Math.min(state.failures, 30), RETRY_MS_MAX);
  const delayMs = Math.round(Math.max(pauseMs * (1 + random / 5), failure.retryAfterMs ?? 0));
  return {
    ...state,
    failures: state.failures + 1,
    failingSinceMs,
    triedMs: nowMs,
    tryAgainAtMs: nowMs - failingSinceMs > GIVE_UP_AFTER_MS ? null : nowMs + delayMs,
    lastError: failure.message,
    isLimited: failure.retryAfterMs !== null,
  };
}

/** Returns the state at a start of the program, which may be because the operator has mended something. */
export function atStart(state: SavedState): SavedState {
  if (state.failures === 0 || state.isLimited) return state;
  const soonMs = (state.triedMs ?? 0) + RETRY_AT_START_MS;
  return { ...state, failingSinceMs: null, tryAgainAtMs: Math.min(state.tryAgainAtMs ?? Infinity, soonMs) };
}

/** Returns the state after a certificate was got. */
export function afterSuccess(
  wanted: Wanted,
  renewAtMs: number,
  askAgainAtMs: number,
  nowMs: number,
): SavedState {
  const { directory, profile } = wanted;
  return { ...FRESH, directory, profile, renewAtMs, askAgainAtMs, triedMs: nowMs };
}
