/**
 * What TLS knows of one connection.
 * @module
 */
import type { CipherBuffer } from "../../ffi/openssl/cipher_buffer.ts";
import { type Pointer, present, ssl } from "../../ffi/openssl/openssl.ts";
import type { Failure } from "../../ffi/openssl/openssl_error.ts";

/** TLSEXT_NAMETYPE_host_name. */
const HOST_NAME = 0;
/** The version of TLS in words, by its number. */
const VERSIONS: ReadonlyMap<number, string> = new Map([[0x0303, "TLSv1.2"], [0x0304, "TLSv1.3"]]);

/** An SSL of OpenSSL's, and what waits for its socket. */
export class TlsSession {
  readonly fd: number;
  /** The SSL. */
  readonly pointer: Pointer;
  /** The BIO from which OpenSSL receives. */
  readonly bio: Pointer;
  /** True once the handshake is complete. */
  isOpen = false;
  /** True after an error of TLS, or of the socket. Nothing can be sent any more; what arrives is not decrypted. */
  hasFailed = false;
  failure: Failure | null = null;
  #serverName: string | null = null;
  /** True after close_notify. */
  hasSaidEnd = false;
  /** True if the writing half of the socket is to be closed when nothing is held any more. */
  isEnding = false;
  /** True if OpenSSL has no received bytes. */
  isClean = true;
  /** What `isDrained` returns. */
  isDrained = false;
  /** Ciphertext that the socket has not taken; null if there is none. */
  held: Uint8Array<ArrayBuffer> | null = null;
  /** How many bytes of {@linkcode TlsSession.held} OpenSSL has written of its own accord. */
  controlBytes = 0;
  /** True if the socket has not taken everything at the last attempt. Little is encrypted at a time then. */
  isSlow = false;
  /** True if OpenSSL makes small records at present. */
  hasSmallRecords = false;
  /** Bytes since the last pause. */
  burstBytes = 0;
  /** The instant of the last write. */
  writtenMs: number = -Infinity;

  /** `context` is an SSL_CTX. OpenSSL receives from `fd`, and writes to `cipher`. */
  constructor(fd: number, context: Pointer, cipher: CipherBuffer) {
    this.fd = fd;
    const pointer = this.pointer = present(ssl.SSL_new(context), "SSL_new");
    cipher.attach(pointer);
    ssl.SSL_set_rfd(pointer, fd);
    this.bio = present(ssl.SSL_get_rbio(pointer), "SSL_get_rbio");
    ssl.SSL_set_accept_state(pointer);
  }

  /** The name that the client has asked for, in lower case; "" if it has asked for none. */
  get serverName(): string {
    if (this.#serverName !== null) return this.#serverName;
    const name = ssl.SSL_get_servername(this.pointer, HOST_NAME);
    const text = name === null ? "" : new Deno.UnsafePointerView(name).getCString().toLowerCase();
    return this.#serverName = text;
  }

  /** Returns the version of TLS, such as `TLSv1.3`. */
  get version(): string {
    return VERSIONS.get(ssl.SSL_version(this.pointer)) ?? "unknown";
  }

  /** True if the handshake has resumed an earlier session. */
  get isResumed(): boolean {
    return ssl.SSL_session_reused(this.pointer) === 1;
  }

  free(): void {
    ssl.SSL_free(this.pointer);
  }
}
