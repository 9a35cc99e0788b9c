/**
 * A client of TLS in memory. The test moves its bytes, and so may cut, change or delay them on their way.
 * @module
 */
import { concat } from "../../server/http/bytes.ts";
import { crypto, type Pointer, present, ssl as openssl } from "../../ffi/openssl/openssl.ts";
import { takeFailure } from "../../ffi/openssl/openssl_error.ts";
import { client, newSsl, type TlsClientOptions } from "./tls_client.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const { symbols: memory } = Deno.dlopen("libcrypto.so.3", {
  BIO_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
});

const WANT_READ = 2;
const ZERO_RETURN = 6;
const UPDATE_REQUESTED = 1;

const scratch: Bytes = new Uint8Array(65536);

/** A client. `using` frees it. */
export class TlsPeer {
  readonly #ssl: Pointer;
  /** Both belong to the SSL. */
  readonly #received: Pointer;
  readonly #written: Pointer;
  /** Why a call has failed; "" if none has. */
  failure = "";
  /** True once the handshake is complete. */
  isOpen = false;
  /** True after the server's close_notify. */
  hasEnded = false;
  #isFreed = false;

  /** Each client gets a copy of the session, because one that was cut off is not used again. */
  constructor({ session, ...options }: TlsClientOptions = {}) {
    const copy = session === undefined
      ? undefined
      : present(client.SSL_SESSION_dup(session), "SSL_SESSION_dup");
    this.#ssl = newSsl(copy === undefined ? options : { ...options, session: copy });
    if (copy !== undefined) client.SSL_SESSION_free(copy);
    this.#received = present(crypto.BIO_new(crypto.BIO_s_mem()), "BIO_new");
    this.#written = present(crypto.BIO_new(crypto.BIO_s_mem()), "BIO_new");
    openssl.SSL_set0_rbio(this.#ssl, this.#received);
    openssl.SSL_set0_wbio(this.#ssl, this.#written);
  }

  /** Continues the handshake. Returns true once it is complete. */
  advance(): boolean {
    if (this.isOpen || this.failure !== "") return this.isOpen;
    crypto.ERR_clear_error();
    const result = openssl.SSL_do_handshake(this.#ssl);
    if (result === 1) this.isOpen = true;
    else this.#explain(result);
    return this.isOpen;
  }

  /** Encrypts text or bytes. */
  write(data: string | Uint8Array): void {
    const bytes = Uint8Array.from(typeof data === "string" ? new TextEncoder().encode(data) : data);
    crypto.ERR_clear_error();
    const result = openssl.SSL_write(this.#ssl, bytes, bytes.length);
    if (result <= 0) this.#explain(result);
  }

  /** Returns what was decrypted since the last call. */
  read(): Bytes {
    const parts: Bytes[] = [];
    while (this.isOpen && this.failure === "" && !this.hasEnded) {
      crypto.ERR_clear_error();
      const count = openssl.SSL_read(this.#ssl, scratch, scratch.length);
      if (count <= 0) {
        this.#explain(count);
        break;
      }
      parts.push(scratch.slice(0, count));
    }
    return concat(parts);
  }

  #explain(result: number): void {
    const error = openssl.SSL_get_error(this.#ssl, result);
    if (error === ZERO_RETURN) this.hasEnded = true;
    else if (error !== WANT_READ) this.failure = takeFailure().sentence;
  }

  /** Takes bytes of the server. */
  receive(bytes: Bytes): void {
    if (bytes.length > 0) memory.BIO_write(this.#received, bytes, bytes.length);
  }

  /** Returns the bytes for the server since the last call. */
  take(): Bytes {
    const parts: Bytes[] = [];
    for (;;) {
      const count = crypto.BIO_read(this.#written, scratch, scratch.length);
      if (count <= 0) return concat(parts);
      parts.push(scratch.slice(0, count));
    }
  }

  /** Says close_notify. */
  sayEnd(): void {
    crypto.ERR_clear_error();
    openssl.SSL_shutdown(this.#ssl);
  }

  /** Changes the keys with the next bytes that are written, and asks the server to change its own (TLS 1.3). */
  updateKeys(): void {
    client.SSL_key_update(this.#ssl, UPDATE_REQUESTED);
  }

  get isResumed(): boolean {
    return openssl.SSL_session_reused(this.#ssl) === 1;
  }

  /** The session, for other clients. The caller frees it. */
  get session(): Pointer {
    return present(client.SSL_get1_session(this.#ssl), "SSL_get1_session");
  }

  [Symbol.dispose](): void {
    if (!this.#isFreed) openssl.SSL_free(this.#ssl);
    this.#isFreed = true;
  }
}
