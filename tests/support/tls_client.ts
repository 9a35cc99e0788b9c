/**
 * A client that speaks TLS by OpenSSL on a descriptor of its own, so that the test decides when each call is made.
 * @module
 */
import { assert } from "@std/assert";
import { EAGAIN, EPROTO } from "../../ffi/libc/errno.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { handshakeCallbacks, secretCallback } from "../../ffi/openssl/handshake_hooks.ts";
import { loadOpenssl, type Pointer, present, ssl as openssl } from "../../ffi/openssl/openssl.ts";
import { takeFailure } from "../../ffi/openssl/openssl_error.ts";
import { Interest } from "../../server/loop/poller.ts";
import { socketTransport } from "../../server/transport/socket.ts";
import type { Transport } from "../../server/transport/transport.ts";
import { RawClient } from "./raw_client.ts";
import { sleep } from "./sleep.ts";
import { PATIENCE_MS } from "./waiting.ts";

// Outside of any test, because these stay open.
loadOpenssl();
handshakeCallbacks();
secretCallback();

/** What only clients need. */
export const { symbols: client } = Deno.dlopen("libssl.so.3", {
  TLS_client_method: { parameters: [], result: "pointer" },
  SSL_set_connect_state: { parameters: ["pointer"], result: "void" },
  SSL_set_fd: { parameters: ["pointer", "i32"], result: "i32" },
  SSL_set_alpn_protos: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
  SSL_set_ciphersuites: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_set_cipher_list: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_get_current_cipher: { parameters: ["pointer"], result: "pointer" },
  SSL_CIPHER_get_name: { parameters: ["pointer"], result: "pointer" },
  SSL_get1_session: { parameters: ["pointer"], result: "pointer" },
  SSL_set_session: { parameters: ["pointer", "pointer"], result: "i32" },
  SSL_SESSION_dup: { parameters: ["pointer"], result: "pointer" },
  SSL_SESSION_free: { parameters: ["pointer"], result: "void" },
  SSL_set_tlsext_max_fragment_length: { parameters: ["pointer", "u8"], result: "i32" },
  SSL_key_update: { parameters: ["pointer", "i32"], result: "i32" },
  SSL_get1_peer_certificate: { parameters: ["pointer"], result: "pointer" },
  SSL_renegotiate: { parameters: ["pointer"], result: "i32" },
});

const CTRL = { setServerName: 55, setMinVersion: 123, setMaxVersion: 124, setGroups: 92 } as const;
const WANT_READ = 2;
const WANT_WRITE = 3;
const ZERO_RETURN = 6;
/** What a KeyUpdate says of the other side's keys. */
const KEY_UPDATE = { notRequested: 0, requested: 1 } as const;
/** More than the ends that tests wait for. */
const TAIL_BYTES = 64;

/** How a client introduces itself. */
export interface TlsClientOptions {
  /** The name of the extension server_name. Default: none. */
  readonly serverName?: string;
  /** The only version: 0x0303 or 0x0304. Default: both. */
  readonly version?: number;
  /** The protocols of ALPN. Default: none. */
  readonly alpn?: readonly string[];
  /** Suites of TLS 1.3, or ciphers of 1.2. */
  readonly ciphers?: string;
  /** The groups of key exchange. The client has a key for the first one. */
  readonly groups?: string;
  /** The code of the longest record that it accepts (RFC 6066 §4): 1 for 512 bytes to 4 for 4096. */
  readonly recordSize?: number;
  /** The session of an earlier connection, to resume. */
  readonly session?: Pointer;
}

/** A connected client. `using` closes it. */
export class TlsClient {
  readonly client: RawClient;
  readonly #ssl: Pointer;
  #isOpen = true;
  /** Why the last call has failed. */
  failure = "";

  private constructor(client: RawClient, ssl: Pointer) {
    this.client = client;
    this.#ssl = ssl;
  }

  /** Makes `client` speak TLS. The first call begins the handshake. */
  static on(raw: RawClient, options: TlsClientOptions = {}): TlsClient {
    const ssl = newSsl(options);
    client.SSL_set_fd(ssl, raw.fd);
    return new TlsClient(raw, ssl);
  }

  /** Connects to 127.0.0.1:`port`, and completes the handshake. */
  static async connect(port: number, options: TlsClientOptions = {}): Promise<TlsClient> {
    const one = TlsClient.on(await RawClient.connect(port), options);
    const status = await one.untilReady(() => one.handshake());
    if (status >= 0) return one;
    one[Symbol.dispose]();
    throw new Error(one.failure);
  }

  /** Continues the handshake: 0 when it is complete, else −errno. */
  handshake(): number {
    const result = openssl.SSL_do_handshake(this.#ssl);
    return result === 1 ? 0 : this.#explain(result) || -EPROTO;
  }

  trySend(bytes: Uint8Array<ArrayBuffer>): number {
    const count = openssl.SSL_write(this.#ssl, bytes, bytes.length);
    return count > 0 ? count : this.#explain(count);
  }

  /** Returns the number of bytes, 0 after close_notify, or −errno. */
  tryReceive(buffer: Uint8Array<ArrayBuffer>): number {
    const count = openssl.SSL_read(this.#ssl, buffer, buffer.length);
    return count > 0 ? count : this.#explain(count);
  }

  #explain(result: number): number {
    const error = openssl.SSL_get_error(this.#ssl, result);
    if (error === WANT_READ || error === WANT_WRITE) return -EAGAIN;
    if (error === ZERO_RETURN) return 0;
    this.failure = takeFailure().sentence;
    return -EPROTO;
  }

  async untilReady(call: () => number): Promise<number> {
    const endMs = performance.now() + PATIENCE_MS;
    for (let status = call();; status = call()) {
      if (status !== -EAGAIN) return status;
      assert(performance.now() < endMs, "the server did nothing for too long");
      await sleep(1);
    }
  }

  async send(text: string | Uint8Array<ArrayBuffer>): Promise<void> {
    let bytes = typeof text === "string" ? Uint8Array.from(new TextEncoder().encode(text)) : text;
    while (bytes.length > 0) {
      const sent = await this.untilReady(() => this.trySend(bytes));
      assert(sent > 0, this.failure);
      bytes = bytes.slice(sent);
    }
  }

  /** Receives until `isEnough`, which gets the last bytes, or the server's end. Returns what came, and how it ended. */
  async receive(
    isEnough: (bytes: Uint8Array) => boolean = () => false,
  ): Promise<{ bytes: Uint8Array; status: number }> {
    const parts: Uint8Array[] = [];
    const buffer = new Uint8Array(65536);
    for (;;) {
      const status = await this.untilReady(() => this.tryReceive(buffer));
      if (status > 0) parts.push(buffer.slice(0, status));
      const isOver = status <= 0;
      if (!isOver && !isEnough(tailOf(parts))) continue;
      const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const part of parts) bytes.set(part, (at += part.length) - part.length);
      return { bytes, status };
    }
  }

  /** Receives text until it ends with `end`, or the server's end. */
  async receiveText(end: string | null = null): Promise<string> {
    const { bytes } = await this.receive((last) =>
      end !== null && new TextDecoder().decode(last).endsWith(end)
    );
    return new TextDecoder().decode(bytes);
  }

  /** Sends close_notify. */
  sayEnd(): void {
    openssl.SSL_shutdown(this.#ssl);
  }

  /** Changes the keys with the next bytes that are sent; with `isRequest`, it asks the server to change its own, too. */
  updateKeys(isRequest = true): void {
    const kind = isRequest ? KEY_UPDATE.requested : KEY_UPDATE.notRequested;
    assert(client.SSL_key_update(this.#ssl, kind) === 1, "it has begun to send something");
  }

  /** Asks for another handshake (TLS 1.2). */
  renegotiate(): number {
    client.SSL_renegotiate(this.#ssl);
    return this.handshake();
  }

  get version(): number {
    return openssl.SSL_version(this.#ssl);
  }

  get isResumed(): boolean {
    return openssl.SSL_session_reused(this.#ssl) === 1;
  }

  get cipher(): string {
    const name = client.SSL_CIPHER_get_name(client.SSL_get_current_cipher(this.#ssl));
    return new Deno.UnsafePointerView(name!).getCString();
  }

  /** The protocol that the server has chosen; "" for none. */
  get alpn(): string {
    const words = new BigUint64Array(16);
    const bytes = new Uint8Array(words.buffer);
    openssl.SSL_get0_alpn_selected(this.#ssl, bytes.subarray(0, 8), bytes.subarray(8, 16));
    const address = Deno.UnsafePointer.create(words[0]!);
    if (address === null) return "";
    const name = new Uint8Array(Number(words[1]!));
    Deno.UnsafePointerView.copyInto(address, name);
    return new TextDecoder().decode(name);
  }

  /** The session, for another connection. */
  get session(): Pointer {
    return present(client.SSL_get1_session(this.#ssl), "SSL_get1_session");
  }

  /** The certificate of the server. */
  get certificate(): Pointer {
    return present(client.SSL_get1_peer_certificate(this.#ssl), "SSL_get1_peer_certificate");
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    openssl.SSL_free(this.#ssl);
    this.client[Symbol.dispose]();
  }
}

/** Returns the last bytes of all parts. */
function tailOf(parts: readonly Uint8Array[]): Uint8Array {
  const [last, before] = [parts.at(-1)!, parts.at(-2)];
  if (last.length >= TAIL_BYTES || before === undefined) return last;
  return Uint8Array.of(...before.subarray(-TAIL_BYTES), ...last);
}

/** What all clients have in common. */
const context = present(openssl.SSL_CTX_new(client.TLS_client_method()), "SSL_CTX_new");

/** Returns the SSL of a client that is to connect. It reads and writes nothing yet. */
export function newSsl(options: TlsClientOptions): Pointer {
  const ssl = present(openssl.SSL_new(context), "SSL_new");
  const { serverName, version, alpn = [], ciphers, session, groups, recordSize = 0 } = options;
  client.SSL_set_connect_state(ssl);
  if (serverName !== undefined) openssl.SSL_ctrl(ssl, CTRL.setServerName, 0n, cString(serverName));
  if (version !== undefined) {
    openssl.SSL_ctrl(ssl, CTRL.setMinVersion, BigInt(version), null);
    openssl.SSL_ctrl(ssl, CTRL.setMaxVersion, BigInt(version), null);
  }
  if (alpn.length > 0) {
    const names = alpn.flatMap((name) => [name.length, ...new TextEncoder().encode(name)]);
    client.SSL_set_alpn_protos(ssl, Uint8Array.from(names), names.length);
  }
  if (ciphers?.startsWith("TLS_")) client.SSL_set_ciphersuites(ssl, cString(ciphers));
  else if (ciphers !== undefined) client.SSL_set_cipher_list(ssl, cString(ciphers));
  if (groups !== undefined) openssl.SSL_ctrl(ssl, CTRL.setGroups, 0n, cString(groups));
  if (recordSize > 0) client.SSL_set_tlsext_max_fragment_length(ssl, recordSize);
  if (session !== undefined) client.SSL_set_session(ssl, session);
  return ssl;
}

const clients = new Map<number, TlsClient>();
const on = (fd: number) => clients.get(fd) ?? clients.set(fd, TlsClient.on({ fd } as RawClient)).get(fd)!;

/** The side of the client as a transport. */
export const tlsClientTransport: Transport = {
  ...socketTransport,
  recv: (fd, buffer) => on(fd).tryReceive(buffer),
  send: (fd, bytes, length) => on(fd).trySend(bytes.slice(0, length)),
  isDrained: () => false,
  isSecure: () => true,
  wants: () => Interest.NONE,
  forget(fd) {
    clients.delete(fd);
  },
};
