/**
 * TLS connections in which this process is the client, and waits.
 *
 * Source: SSL_connect(3ssl), SSL_set1_host(3ssl), SSL_CTX_set_verify(3ssl), SSL_CTX_load_verify_locations(3ssl).
 * @module
 */
import { cString } from "../libc/libc.ts";
import { crypto, loadOpenssl, type Pointer, present, ssl } from "./openssl.ts";
import { takeFailure } from "./openssl_error.ts";

const TLS1_2 = 0x0303n;
const CTRL = { setServerName: 55, setMinVersion: 123 } as const;
const SSL_VERIFY_PEER = 1;
const SSL_ERROR = { wantRead: 2, wantWrite: 3, systemCall: 5, zeroReturn: 6 } as const;

/** Where distributions keep the authorities that they trust, in one file. */
const BUNDLES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/** A server that was not trusted, or a connection that failed. `message` completes a sentence after "because". */
export class TlsClientError extends Error {
  /** Always `"TlsClientError"`. */
  override readonly name = "TlsClientError";
  /** True if the server's certificate is the cause. */
  readonly isUntrusted: boolean;

  constructor(message: string, isUntrusted: boolean = false) {
    super(message);
    this.isUntrusted = isUntrusted;
  }
}

/** The authorities that a client trusts. */
export class ClientTrust {
  readonly pointer: Pointer;

  /**
   * `file` has the certificates of the authorities in PEM; null for those of the system.
   * @throws {TlsClientError} when the file has none
   * @throws {OpensslMissing}
   */
  constructor(file: string | null) {
    loadOpenssl();
    crypto.ERR_clear_error();
    this.pointer = present(ssl.SSL_CTX_new(ssl.TLS_client_method()), "SSL_CTX_new");
    ssl.SSL_CTX_ctrl(this.pointer, CTRL.setMinVersion, TLS1_2, null);
    ssl.SSL_CTX_set_verify(this.pointer, SSL_VERIFY_PEER, null);
    const load = (path: string) => ssl.SSL_CTX_load_verify_locations(this.pointer, cString(path), null);
    const loaded = file === null ? ssl.SSL_CTX_set_default_verify_paths(this.pointer) : load(file);
    // The library may look in a directory that only another package makes.
    if (file === null) BUNDLES.forEach(load);
    crypto.ERR_clear_error();
    if (loaded !== 1) throw new TlsClientError(`${file} has no certificate in PEM`);
  }

  free(): void {
    ssl.SSL_CTX_free(this.pointer);
  }
}

/** Waits until the socket can send or receive. What it throws ends the call that waits. */
export type Wait = (what: "receive" | "send") => void;

/**
 * A connection, over a socket that does not block. A server that sends its bytes one by one can make a call wait many times,
 * so only `wait` can limit how long a call takes.
 */
export class TlsClient {
  readonly #pointer: Pointer;
  readonly #wait: Wait;

  /**
   * Completes the handshake on the connected socket `fd`, which the caller closes.
   * @throws {TlsClientError} when the server's certificate is not trusted for `host`, or the handshake fails
   */
  constructor(trust: ClientTrust, fd: number, host: string, wait: Wait) {
    this.#wait = wait;
    crypto.ERR_clear_error();
    const pointer = this.#pointer = present(ssl.SSL_new(trust.pointer), "SSL_new");
    const isAddress = host.includes(":") || /^[\d.]+$/.test(host);
    if (!isAddress) ssl.SSL_ctrl(pointer, CTRL.setServerName, 0n, cString(host));
    ssl.SSL_set1_host(pointer, cString(host));
    ssl.SSL_set_fd(pointer, fd);
    try {
      if (this.#complete(() => ssl.SSL_connect(pointer)) === 0) {
        throw new TlsClientError("it closes the connection");
      }
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** Calls `call` until it has succeeded, and returns its result; 0 at the end of the stream. @throws {TlsClientError} */
  #complete(call: () => number): number {
    for (;;) {
      crypto.ERR_clear_error();
      const status = call();
      if (status > 0) return status;
      const reason = ssl.SSL_get_error(this.#pointer, status);
      if (reason === SSL_ERROR.zeroReturn) return 0;
      if (reason === SSL_ERROR.wantRead) this.#wait("receive");
      else if (reason === SSL_ERROR.wantWrite) this.#wait("send");
      else throw this.#explain(reason);
    }
  }

  /** Returns why a call has failed. */
  #explain(reason: number): TlsClientError {
    const verified = ssl.SSL_get_verify_result(this.#pointer);
    const { sentence } = takeFailure();
    if (verified !== 0) {
      const text = crypto.X509_verify_cert_error_string(BigInt(verified));
      const words = text === null ? `error ${verified}` : new Deno.UnsafePointerView(text).getCString();
      return new TlsClientError(`its certificate is not trusted: ${words}`, true);
    }
    if (reason === SSL_ERROR.systemCall) return new TlsClientError("the connection was lost");
    return new TlsClientError(sentence);
  }

  /** Sends all of `bytes`. @throws {TlsClientError} */
  send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#complete(() => ssl.SSL_write(this.#pointer, bytes, bytes.length));
  }

  /** Receives into `buffer`. Returns the number of bytes, 0 at the end. @throws {TlsClientError} */
  receive(buffer: Uint8Array<ArrayBuffer>): number {
    return this.#complete(() => ssl.SSL_read(this.#pointer, buffer, buffer.length));
  }

  free(): void {
    ssl.SSL_free(this.#pointer);
  }
}
