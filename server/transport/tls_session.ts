/**
 * What TLS knows of one connection.
 * @module
 */
import type { MemoryBio } from "../../ffi/openssl/memory_bio.ts";
import { type Pointer, present, ssl } from "../../ffi/openssl/openssl.ts";
import type { KernelWriter } from "./kernel_writer.ts";
import type { WrittenRecords } from "./written_records.ts";

/** TLSEXT_NAMETYPE_host_name. */
const HOST_NAME = 0;
/** The version of TLS in words, by its number. */
const VERSIONS: ReadonlyMap<number, string> = new Map([[0x0303, "TLSv1.2"], [0x0304, "TLSv1.3"]]);

/** `const unsigned char *` and `unsigned int`, which V8 does not move. */
const alpnWords = new BigUint64Array(16);
const alpnPointer = new Uint8Array(alpnWords.buffer, 0, 8);
const alpnLength = new Uint8Array(alpnWords.buffer, 8, 8);

/** An SSL of OpenSSL's, and what waits for its socket. */
export class TlsSession {
  readonly fd: number;
  /** The SSL. */
  readonly pointer: Pointer;
  /** True once the handshake is complete. */
  isOpen = false;
  /** True after an error of TLS. Nothing can be sent any more; what arrives is not decrypted. */
  hasFailed = false;
  /** True if an authority tries whether a name leads here. Nothing follows its handshake (RFC 8737 §3). */
  isChallenge = false;
  /** True if a ticket waits to be sent. */
  hasTicket = false;
  #serverName: string | null = null;
  /** True after close_notify. */
  hasSaidEnd = false;
  /** True if the writing half of the socket is to be closed when nothing is held any more. */
  isEnding = false;
  /** False if there may be received bytes that OpenSSL has not given out, or {@linkcode TlsSession.rest}. */
  isClean = true;
  /** Received bytes that OpenSSL has not read; null if there are none. */
  rest: Uint8Array<ArrayBuffer> | null = null;
  /** True if bytes were lost on their way out. The client could not decrypt what follows. */
  hasLost = false;
  /** What `isDrained` returns. */
  isDrained = false;
  /** Ciphertext that the socket has not taken; null if there is none. */
  held: Uint8Array<ArrayBuffer> | null = null;
  /** An upper bound for the bytes of {@linkcode TlsSession.held} that OpenSSL has written of its own accord. */
  controlBytes = 0;
  /** True if the socket has not taken everything at the last attempt. Little is encrypted at a time then. */
  isSlow = false;
  /** True if OpenSSL makes small records at present. */
  hasSmallRecords = false;
  /** Bytes written since sending last paused. */
  burstBytes = 0;
  /** The instant of the last write. */
  writtenMs: number = -Infinity;
  /** Counts the records, so that the kernel can continue; null where it cannot, or must not. */
  written: WrittenRecords | null = null;
  /** Sends for this session, since the kernel writes its records; null while OpenSSL writes them. */
  kernel: KernelWriter | null = null;

  /** `context` is an SSL_CTX. OpenSSL reads from `received`, and writes to `written`. */
  constructor(fd: number, context: Pointer, received: MemoryBio, written: MemoryBio) {
    this.fd = fd;
    const pointer = this.pointer = present(ssl.SSL_new(context), "SSL_new");
    ssl.SSL_set0_rbio(pointer, received.take());
    ssl.SSL_set0_wbio(pointer, written.take());
    ssl.SSL_set_accept_state(pointer);
  }

  /** The name that the client has asked for, in lower case; "" if it has asked for none. */
  set serverName(name: string) {
    this.#serverName = name;
  }
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

  /** Returns the protocol that ALPN has chosen; "" if the client has offered none. */
  get protocol(): string {
    ssl.SSL_get0_alpn_selected(this.pointer, alpnPointer, alpnLength);
    const address = Deno.UnsafePointer.create(alpnWords[0]!);
    const length = Number(alpnWords[1]!) & 0xff;
    if (address === null) return "";
    return String.fromCharCode(...new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(address, length)));
  }

  /** True if the handshake has resumed an earlier session. */
  get isResumed(): boolean {
    return ssl.SSL_session_reused(this.pointer) === 1;
  }

  free(): void {
    ssl.SSL_free(this.pointer);
  }
}
