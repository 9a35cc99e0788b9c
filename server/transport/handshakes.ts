/**
 * What a server decides in handshakes, and how they have ended.
 * @module
 */
import { ACME_PROTOCOL, type HandshakeHooks, type TicketKey } from "../../ffi/openssl/handshake_hooks.ts";
import type { Pointer } from "../../ffi/openssl/openssl.ts";
import type { ServerContext } from "../../ffi/openssl/server_context.ts";
import type { TlsSnapshot } from "../metrics/statistics.ts";
import type { Certificates } from "./certificates.ts";
import { TicketKeys } from "./ticket_keys.ts";
import type { TlsSession } from "./tls_session.ts";

/** The number of handshakes since the start, as in a snapshot. */
export type HandshakeCounts = Omit<TlsSnapshot, "certificates">;

const TLS1_3 = "TLSv1.3";

/** The decisions and the counters. */
export class Handshakes implements HandshakeHooks {
  readonly #protocols: readonly string[];
  /** The session whose handshake is continued at present. */
  session: TlsSession | null = null;
  readonly #tickets: TicketKeys;
  readonly #onError: (error: unknown) => void;
  #certificates: Certificates | null = null;
  /** By name; null if challenges are not answered. */
  #challenges: ReadonlyMap<string, ServerContext> | null = null;
  /** The number of handshakes since the start. */
  readonly counts: { -readonly [K in keyof HandshakeCounts]: number } = {
    tls12: 0,
    tls13: 0,
    resumed: 0,
    failed: 0,
  };

  constructor(
    protocols: readonly string[],
    tickets: TicketKeys,
    onError: (error: unknown) => void,
  ) {
    this.#protocols = protocols;
    this.#tickets = tickets;
    this.#onError = onError;
  }

  /** The certificates for new handshakes. */
  get certificates(): Certificates {
    if (this.#certificates === null) throw new Error("There are no certificates yet");
    return this.#certificates;
  }

  /** Replaces the certificates, from the next handshake on. */
  use(certificates: Certificates): void {
    const before = this.#certificates;
    this.#certificates = certificates;
    before?.free();
  }

  /** Answers `challenges` of an authority from the next handshake on, by name. */
  answer(challenges: ReadonlyMap<string, ServerContext>): void {
    for (const context of this.#challenges?.values() ?? []) context.free();
    this.#challenges = challenges;
  }

  /** The protocols of ALPN, the preferred one first; empty to ignore what clients offer. */
  get protocols(): readonly string[] {
    return this.session?.isChallenge === true ? [ACME_PROTOCOL] : this.#protocols;
  }

  get answersChallenges(): boolean {
    return this.#challenges !== null;
  }

  onChallenge(serverName: string): Pointer | null {
    const context = this.#challenges?.get(serverName);
    if (context === undefined) return null;
    if (this.session !== null) this.session.isChallenge = true;
    return context.pointer;
  }

  onServerName(serverName: string): Pointer | null {
    if (this.session !== null) this.session.serverName = serverName;
    return serverName === "" ? null : this.certificates.select(serverName);
  }

  currentTicketKey(): TicketKey {
    return this.#tickets.current();
  }

  ticketKey(name: Uint8Array): { readonly key: TicketKey; readonly isOld: boolean } | null {
    return this.#tickets.find(name);
  }

  onWriteSecret(secret: Uint8Array<ArrayBuffer>): void {
    this.session?.written?.begin(secret);
  }

  onError(error: unknown): void {
    this.#onError(error);
  }

  /** Counts a handshake that is complete. */
  countComplete({ version, isResumed }: TlsSession): void {
    if (version === TLS1_3) this.counts.tls13++;
    else this.counts.tls12++;
    if (isResumed) this.counts.resumed++;
  }
}
