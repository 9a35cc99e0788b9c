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

/** A connection, over a socket that blocks for a limited time. */
export class TlsClient {
  readonly #pointer: Pointer;

  /**
   * Completes the handshake on the connected socket `fd`, which the caller closes.
   * @throws {TlsClientError} when the server's certificate is not trusted for `host`, or the handshake fails
   */
  constructor(trust: ClientTrust, fd: number, host: string) {
    crypto.ERR_clear_error();
    const pointer = this.#pointer = present(ssl.SSL_new(trust.pointer), "SSL_new");
    const isAddress = host.includes(":") || /^[\d.]+$/.test(host);
    if (!isAddress) ssl.SSL_ctrl(pointer, CTRL.setServerName, 0n, cString(host));
    ssl.SSL_set1_host(pointer, cString(host));
    ssl.SSL_set_fd(pointer, fd);
    const status = ssl.SSL_connect(pointer);
    if (status === 1) return;
    const error = this.#explain(status);
    this.free();
    throw error;
  }

  /** Returns why a call that returned `status` has failed. */
  #explain(status: number): TlsClientError {
    const verified = ssl.SSL_get_verify_result(this.#pointer);
    const reason = ssl.SSL_get_error(this.#pointer, status);
    const { sentence } = takeFailure();
    if (verified !== 0) {
      const text = crypto.X509_verify_cert_error_string(BigInt(verified));
      const words = text === null ? `error ${verified}` : new Deno.UnsafePointerView(text).getCString();
      return new TlsClientError(`its certificate is not trusted: ${words}`, true);
    }
    if (reason === SSL_ERROR.wantRead || reason === SSL_ERROR.wantWrite) {
      return new TlsClientError("timed out");
    }
    if (reason === SSL_ERROR.systemCall) return new TlsClientError("the connection was lost, or timed out");
    return new TlsClientError(sentence);
  }

  /** Sends all of `bytes`. @throws {TlsClientError} */
  send(bytes: Uint8Array<ArrayBuffer>): void {
    crypto.ERR_clear_error();
    const status = ssl.SSL_write(this.#pointer, bytes, bytes.length);
    if (status <= 0) throw this.#explain(status);
  }

  /** Receives into `buffer`. Returns the number of bytes, 0 at the end. @throws {TlsClientError} */
  receive(buffer: Uint8Array<ArrayBuffer>): number {
    crypto.ERR_clear_error();
    const status = ssl.SSL_read(this.#pointer, buffer, buffer.length);
    if (status > 0) return status;
    if (ssl.SSL_get_error(this.#pointer, status) === SSL_ERROR.zeroReturn) return 0;
    throw this.#explain(status);
  }

  free(): void {
    ssl.SSL_free(this.#pointer);
  }
}
