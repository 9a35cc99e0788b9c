/**
 * SSL_CTX: what the TLS connections with one certificate have in common.
 *
 * Source: SSL_CTX_new(3ssl), SSL_CTX_set_options(3ssl), SSL_CTX_set_mode(3ssl), SSL_CTX_set1_groups(3ssl),
 * SSL_CTX_set_client_hello_cb(3ssl), SSL_CTX_set_alpn_select_cb(3ssl). Profiles: Mozilla's Server Side TLS, 6.0.
 * @module
 */
import { cString } from "../libc/libc.ts";
import type { Certificate } from "./certificate.ts";
import { handshakeCallbacks, secretCallback } from "./handshake_hooks.ts";
import { crypto, loadOpenssl, type Pointer, present, ssl } from "./openssl.ts";
import { takeFailure } from "./openssl_error.ts";

/** The versions and cipher suites that clients may use. */
export type TlsProfile = "intermediate" | "modern";
/** All profiles. */
export const TLS_PROFILES: readonly TlsProfile[] = ["intermediate", "modern"];

const TLS1_2 = 0x0303n;
const TLS1_3 = 0x0304n;
/** TLS 1.2: the six suites with forward secrecy and authenticated encryption. */
const CIPHERS = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");
const SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
/** The groups of key exchange, from the newest library to the oldest. The first list that it knows is used. */
const GROUPS: readonly (readonly string[])[] = [
  ["X25519MLKEM768", "X25519", "P-256", "P-384"],
  ["X25519", "P-256", "P-384"],
];

const bit = (n: number) => 1n << BigInt(n);
/** SSL_OP_…, with the numbers of their bits. */
const OPTIONS = bit(7) | // IGNORE_UNEXPECTED_EOF: a client's FIN without close_notify is its end, too
  bit(17) | // NO_COMPRESSION
  bit(21) | // PRIORITIZE_CHACHA: for clients whose first suite it is, usually for lack of AES instructions
  bit(22) | // CIPHER_SERVER_PREFERENCE
  bit(30); // NO_RENEGOTIATION

const CTRL = {
  mode: 33,
  setSessionCache: 44,
  clearMode: 78,
  setGroups: 92,
  setMinVersion: 123,
  setMaxVersion: 124,
} as const;
const MODE = { autoRetry: 4n, releaseBuffers: 16n } as const;

/** The groups of {@linkcode supportedGroups}, once they are known. */
let known: readonly string[] | null = null;

/** Returns the groups of key exchange that clients are offered with this library, in order of preference. */
export function supportedGroups(): readonly string[] {
  if (known !== null) return known;
  loadOpenssl();
  const context = present(ssl.SSL_CTX_new(ssl.TLS_server_method()), "SSL_CTX_new");
  known = GROUPS.find((names) => setGroups(context, names)) ?? [];
  ssl.SSL_CTX_free(context);
  crypto.ERR_clear_error(); // of groups that it does not know
  return known;
}

function setGroups(context: Pointer, names: readonly string[]): boolean {
  return ssl.SSL_CTX_ctrl(context, CTRL.setGroups, 0n, cString(names.join(":"))) === 1n;
}

/** An SSL_CTX. */
export class ServerContext {
  readonly pointer: Pointer;

  /**
   * `sessionScope` is text: a session that was made in one scope is not resumed in another. The context takes what it
   * needs of `certificates`, which have different types of key and the same names. With `choosesByName`, each handshake
   * asks for the context by the name that the client asks for; with `givesSecrets`, it gives out the one for sending.
   * @throws {Error} when OpenSSL refuses a certificate
   */
  constructor(
    profile: TlsProfile,
    certificates: readonly Certificate[],
    sessionScope: Uint8Array<ArrayBuffer>,
    choosesByName: boolean,
    givesSecrets: boolean = false,
  ) {
    loadOpenssl();
    crypto.ERR_clear_error();
    const pointer = this.pointer = present(ssl.SSL_CTX_new(ssl.TLS_server_method()), "SSL_CTX_new");
    try {
      this.#configure(profile);
      for (const certificate of certificates) this.#use(certificate);
      if (ssl.SSL_CTX_set_session_id_context(pointer, sessionScope, sessionScope.length) !== 1) {
        throw failed();
      }
      const callbacks = handshakeCallbacks();
      if (choosesByName) ssl.SSL_CTX_set_client_hello_cb(pointer, callbacks.clientHello, null);
      ssl.SSL_CTX_set_alpn_select_cb(pointer, callbacks.alpn, null);
      ssl.SSL_CTX_set_tlsext_ticket_key_evp_cb(pointer, callbacks.ticket);
      if (givesSecrets) ssl.SSL_CTX_set_keylog_callback(pointer, secretCallback());
    } catch (error) {
      this.free();
      throw error;
    }
  }

  #configure(profile: TlsProfile): void {
    const { pointer } = this;
    const set = (command: number, value: bigint) => ssl.SSL_CTX_ctrl(pointer, command, value, null);
    set(CTRL.setMinVersion, profile === "modern" ? TLS1_3 : TLS1_2);
    set(CTRL.setMaxVersion, TLS1_3);
    if (ssl.SSL_CTX_set_cipher_list(pointer, cString(CIPHERS)) !== 1) throw failed();
    if (ssl.SSL_CTX_set_ciphersuites(pointer, cString(SUITES)) !== 1) throw failed();
    if (!setGroups(pointer, supportedGroups())) throw failed();
    ssl.SSL_CTX_set_options(pointer, OPTIONS);
    // Without AUTO_RETRY a read may return after records without data. What it can read at all is bounded by what it is
    // fed (memory_bio.ts).
    set(CTRL.clearMode, MODE.autoRetry);
    set(CTRL.mode, MODE.releaseBuffers); // an idle connection has no buffers
    ssl.SSL_CTX_set_num_tickets(pointer, 1n); // enough for the next connection, which gets another one
    set(CTRL.setSessionCache, 0n); // what is resumed is in the client's ticket
  }

  #use({ leaf, key, others }: Certificate): void {
    const stack = present(crypto.OPENSSL_sk_new_null(), "OPENSSL_sk_new_null");
    for (const one of others) crypto.OPENSSL_sk_push(stack, one);
    const used = ssl.SSL_CTX_use_cert_and_key(this.pointer, leaf, key, stack, 0);
    crypto.OPENSSL_sk_free(stack);
    if (used !== 1) throw failed();
  }

  /** Ends the use of this context for new connections. Those that use it keep it. */
  free(): void {
    ssl.SSL_CTX_free(this.pointer);
  }
}

function failed(): Error {
  return new Error(takeFailure().sentence);
}
