/**
 * What a server decides in handshakes, and how they have ended.
 * @module
 */
import type { HandshakeHooks, TicketKey } from "../../ffi/openssl/handshake_hooks.ts";
import type { Pointer } from "../../ffi/openssl/openssl.ts";
import type { Certificates } from "./certificates.ts";
import { TicketKeys } from "./ticket_keys.ts";
import type { TlsSession } from "./tls_session.ts";

/** The number of handshakes since the start. */
export interface HandshakeCounts {
  /** Complete ones, by version (`TLSv1.2`, `TLSv1.3`), the resumed ones among them. */
  readonly complete: Readonly<Record<string, number>>;
  /** Those that have resumed an earlier session. */
  readonly resumed: number;
  /** Those that failed, or that the client has not completed. */
  readonly failed: number;
}

/** The decisions and the counters. */
export class Handshakes implements HandshakeHooks {
  /** The protocols of ALPN, the preferred one first; empty to ignore what clients offer. */
  readonly protocols: readonly string[];
  readonly #tickets: TicketKeys;
  readonly #onError: (error: unknown) => void;
  #certificates: Certificates | null = null;
  readonly #complete: Record<string, number> = { "TLSv1.2": 0, "TLSv1.3": 0 };
  #resumed = 0;
  #failed = 0;

  constructor(
    protocols: readonly string[],
    tickets: TicketKeys,
    onError: (error: unknown) => void,
  ) {
    this.protocols = protocols;
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

  onServerName(serverName: string): Pointer | null {
    return serverName === "" ? null : this.certificates.select(serverName);
  }

  currentTicketKey(): TicketKey {
    return this.#tickets.current();
  }

  ticketKey(name: Uint8Array): { readonly key: TicketKey; readonly isOld: boolean } | null {
    return this.#tickets.find(name);
  }

  onError(error: unknown): void {
    this.#onError(error);
  }

  /** Counts a handshake that is complete. */
  countComplete({ version, isResumed }: TlsSession): void {
    this.#complete[version] = (this.#complete[version] ?? 0) + 1;
    if (isResumed) this.#resumed++;
  }

  /** Counts a handshake that was not completed. */
  countFailed(): void {
    this.#failed++;
  }

  /** Returns the counters. */
  counts(): HandshakeCounts {
    return { complete: { ...this.#complete }, resumed: this.#resumed, failed: this.#failed };
  }
}
