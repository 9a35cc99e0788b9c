/**
 * What a handshake asks its server while it runs: which certificate, which protocol, which key for tickets.
 *
 * OpenSSL asks by callbacks, inside of `SSL_do_handshake`. There is one of each for the whole process; they ask the hooks
 * that {@linkcode handshake} was called with. An exception must not pass through C, so it is reported, and the handshake
 * fails.
 *
 * Source: SSL_CTX_set_client_hello_cb(3ssl), SSL_CTX_set_alpn_select_cb(3ssl),
 * SSL_CTX_set_tlsext_ticket_key_evp_cb(3ssl), SSL_CTX_set_keylog_callback(3ssl), RFC 6066 §3 (server_name), RFC 7301 §3.1 (ALPN).
 * @module
 */
import { libc } from "../libc/libc.ts";
import { crypto, type Pointer, present, ssl } from "./openssl.ts";

/** A key of session tickets: 16 bytes that name it, and 32 bytes each for encryption and authentication. */
export interface TicketKey {
  readonly name: Uint8Array<ArrayBuffer>;
  readonly aes: Uint8Array<ArrayBuffer>;
  readonly mac: Uint8Array<ArrayBuffer>;
}

/** What a server decides in a handshake. */
export interface HandshakeHooks {
  /** Returns the context for a client that asks for `serverName` ("" if it asks for none); null to keep the present one. */
  onServerName(serverName: string): Pointer | null;
  /** True if the challenges of an authority are answered. */
  readonly answersChallenges: boolean;
  /** Returns the context with the answer to the challenge of an authority for `serverName`; null if there is none. */
  onChallenge(serverName: string): Pointer | null;
  /** The protocols of ALPN, the preferred one first; empty to ignore what clients offer. */
  readonly protocols: readonly string[];
  /** Returns the key for new tickets. */
  currentTicketKey(): TicketKey;
  /** Returns the key with this name, and whether its tickets are to be replaced; null if there is none. */
  ticketKey(name: Uint8Array): { readonly key: TicketKey; readonly isOld: boolean } | null;
  /** Called with the secret of TLS 1.3 for sending data, when it comes into use; only with {@linkcode secretCallback}. */
  onWriteSecret(secret: Uint8Array<ArrayBuffer>): void;
  /** Called with what a hook has thrown. */
  onError(error: unknown): void;
}

const CLIENT_HELLO = { failed: 0, ok: 1 } as const;
const TLSEXT_SERVER_NAME = 0;
/** SSL_TLSEXT_ERR_…: the alert no_application_protocol, or as if the client had offered nothing. */
const ALPN = { ok: 0, failed: 2, none: 3 } as const;
const TICKET = { failed: -1, none: 0, ok: 1, renew: 2 } as const;
const TLSEXT_ALPN = 16;
/** Alerts (RFC 8446 §6.2). */
const ALERT = { internalError: 80, unrecognizedName: 112 } as const;
/** The one protocol that an authority offers which tries a name (RFC 8737 §4). */
export const ACME_PROTOCOL = "acme-tls/1";
/** The bounds of the extension: list length 2, type 1, name length 2; a name has at most 255 bytes (TLSEXT_MAXLEN_host_name). */
const SERVER_NAME_BYTES = { least: 5, most: 260 } as const;

/** The hooks of the handshake that runs at present. */
let hooks: HandshakeHooks | null = null;

/** Continues the handshake of the SSL `connection`, which asks `own`. Returns what `SSL_do_handshake` has returned. */
export function handshake(connection: Pointer, own: HandshakeHooks): number {
  hooks = own;
  try {
    return ssl.SSL_do_handshake(connection);
  } finally {
    hooks = null;
  }
}

/** Calls `work` with the hooks. Returns `failed` if it throws. */
function guarded(failed: number, work: (hooks: HandshakeHooks) => number): number {
  const own = hooks;
  if (own === null) return failed;
  try {
    return work(own);
  } catch (error) {
    own.onError(error);
    return failed;
  }
}

/** Returns the `length` bytes at `pointer`, to write to. */
function memory(pointer: Deno.PointerValue, length: number): ArrayBuffer {
  return Deno.UnsafePointerView.getArrayBuffer(present(pointer, "an argument of a callback"), length);
}

const scratch = new Uint8Array(128);

/** Two words for `const unsigned char **` and `size_t *`, which V8 does not move. */
const outWords = new BigUint64Array(16);
const outBytes = new Uint8Array(outWords.buffer, 0, 8);
const lengthBytes = new Uint8Array(outWords.buffer, 8, 8);

/** Returns the host name of the extension server_name in lower case; "" if there is none, or it is not well-formed. */
function serverNameOf(connection: Deno.PointerValue): string {
  if (ssl.SSL_client_hello_get0_ext(connection, TLSEXT_SERVER_NAME, outBytes, lengthBytes) !== 1) return "";
  const length = Number(outWords[1]!);
  const address = Deno.UnsafePointer.create(outWords[0]!);
  if (address === null || length < SERVER_NAME_BYTES.least || length > SERVER_NAME_BYTES.most) return "";
  const bytes = new Uint8Array(length);
  Deno.UnsafePointerView.copyInto(address, bytes);
  const nameLength = (bytes[3]! << 8) | bytes[4]!;
  if (bytes[2] !== 0 || nameLength + SERVER_NAME_BYTES.least > length) return "";
  return String.fromCharCode(...bytes.subarray(5, 5 + nameLength)).toLowerCase();
}

/** Returns true if the client offers the protocol of challenges, and no other one. */
function offersChallenge(connection: Deno.PointerValue): boolean {
  if (ssl.SSL_client_hello_get0_ext(connection, TLSEXT_ALPN, outBytes, lengthBytes) !== 1) return false;
  const address = Deno.UnsafePointer.create(outWords[0]!);
  const expected = ACME_PROTOCOL.length + 3; // the length of the list, and that of the name
  if (address === null || Number(outWords[1]!) !== expected) return false;
  const bytes = scratch.subarray(0, expected);
  Deno.UnsafePointerView.copyInto(address, bytes);
  return bytes[2] === ACME_PROTOCOL.length && String.fromCharCode(...bytes.subarray(3)) === ACME_PROTOCOL;
}

/** Returns the offset in a list of length-prefixed names of the first of `wanted` that is in it; −1 if none is. */
function findProtocol(list: Uint8Array, wanted: readonly string[]): number {
  const names = new Map<string, number>();
  for (let at = 0; at < list.length; at += list[at]! + 1) {
    names.set(String.fromCharCode(...list.subarray(at + 1, at + 1 + list[at]!)), at);
  }
  return wanted.map((name) => names.get(name) ?? -1).find((at) => at >= 0) ?? -1;
}

/** OSSL_PARAM[2]: the digest of HMAC, and the end of the array. */
let macParameters: Uint8Array<ArrayBuffer> | null = null;
const macTexts = new Uint8Array(128);
const OSSL_PARAM_UTF8_STRING = 4n;

function digestParameter(): Uint8Array<ArrayBuffer> {
  if (macParameters !== null) return macParameters;
  macTexts.set(new TextEncoder().encode("digest\0\0SHA256\0"));
  const address = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(macTexts)));
  const words = new BigUint64Array(16); // key, type, data, its size, the size of a result (unused)
  words.set([address, OSSL_PARAM_UTF8_STRING, address + 8n, 6n, 0xffff_ffff_ffff_ffffn]);
  return macParameters = new Uint8Array(words.buffer);
}

const iv = new Uint8Array(new ArrayBuffer(128), 0, 16);

/** Sets up the encryption of a new ticket, or of one that a client has sent. */
function useTicketKey(
  own: HandshakeHooks,
  isNew: boolean,
  [name, ivAddress, cipher, mac]: readonly Deno.PointerValue[],
): number {
  const nameBytes = scratch.subarray(0, 16);
  if (!isNew) Deno.UnsafePointerView.copyInto(present(name!, "key_name"), nameBytes);
  const found = isNew ? { key: own.currentTicketKey(), isOld: false } : own.ticketKey(nameBytes);
  if (found === null) return TICKET.none;
  const { key, isOld } = found;
  if (isNew) {
    globalThis.crypto.getRandomValues(iv);
    libc.memcpy(name!, key.name, key.name.length);
    libc.memcpy(ivAddress!, iv, iv.length);
  }
  const aes = crypto.EVP_aes_256_cbc();
  const begun = isNew
    ? crypto.EVP_EncryptInit_ex(cipher!, aes, null, key.aes, iv)
    : crypto.EVP_DecryptInit_ex(cipher!, aes, null, key.aes, ivAddress!);
  const isKeyed = crypto.EVP_MAC_init(mac!, key.mac, BigInt(key.mac.length), digestParameter());
  if (begun !== 1 || isKeyed !== 1) return TICKET.failed;
  return isOld ? TICKET.renew : TICKET.ok;
}

/** The callbacks, which live as long as the process. */
interface Callbacks {
  readonly clientHello: Deno.UnsafeCallback["pointer"];
  readonly alpn: Deno.UnsafeCallback["pointer"];
  readonly ticket: Deno.UnsafeCallback["pointer"];
}
let made: Callbacks | null = null;

/** Returns the callbacks. They are made on the first call. libffi then keeps a descriptor of the executable open. */
export function handshakeCallbacks(): Callbacks {
  if (made !== null) return made;
  const clientHello = new Deno.UnsafeCallback(
    { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
    (connection, alert) => {
      let reason: number = ALERT.internalError;
      const status = guarded(CLIENT_HELLO.failed, (own) => {
        const isChallenge = own.answersChallenges && offersChallenge(connection);
        const serverName = serverNameOf(connection);
        const context = isChallenge ? own.onChallenge(serverName) : own.onServerName(serverName);
        if (context !== null) ssl.SSL_set_SSL_CTX(connection, context);
        if (!isChallenge || context !== null) return CLIENT_HELLO.ok;
        reason = ALERT.unrecognizedName;
        return CLIENT_HELLO.failed;
      });
      if (status === CLIENT_HELLO.failed) new Int32Array(memory(alert, 4))[0] = reason;
      return status;
    },
  );
  const alpn = new Deno.UnsafeCallback(
    { parameters: ["pointer", "pointer", "pointer", "pointer", "u32", "pointer"], result: "i32" },
    (_connection, out, outLength, offered, length) =>
      guarded(ALPN.failed, ({ protocols }) => {
        if (protocols.length === 0) return ALPN.none;
        const list = new Uint8Array(memory(offered, length));
        const at = findProtocol(list, protocols);
        if (at < 0) return ALPN.failed;
        new BigUint64Array(memory(out, 8))[0] = BigInt(Deno.UnsafePointer.value(offered)) + BigInt(at + 1);
        new Uint8Array(memory(outLength, 1))[0] = list[at]!;
        return ALPN.ok;
      }),
  );
  const ticket = new Deno.UnsafeCallback(
    { parameters: ["pointer", "pointer", "pointer", "pointer", "pointer", "i32"], result: "i32" },
    (_connection, name, ivAddress, cipher, mac, isNew) =>
      guarded(TICKET.failed, (own) => useTicketKey(own, isNew === 1, [name, ivAddress, cipher, mac])),
  );
  const pointerOf = ({ pointer }: { readonly pointer: unknown }) => pointer as Deno.UnsafeCallback["pointer"];
  return made = { clientHello: pointerOf(clientHello), alpn: pointerOf(alpn), ticket: pointerOf(ticket) };
}

/** A line of the key log: this label, the client's random bytes, and the secret, both in hexadecimal digits. */
const WRITE_SECRET = "SERVER_TRAFFIC_SECRET_0 ";
const RANDOM_DIGITS = 64;
const labelBytes = new Uint8Array(128).subarray(0, WRITE_SECRET.length);
let madeForSecrets: Deno.UnsafeCallback["pointer"] | null = null;

/** Returns the callback for a context whose handshakes are to give out a secret. It is made on the first call. */
export function secretCallback(): Deno.UnsafeCallback["pointer"] {
  if (madeForSecrets !== null) return madeForSecrets;
  const callback = new Deno.UnsafeCallback(
    { parameters: ["pointer", "pointer"], result: "void" },
    (_connection, line) => {
      const own = hooks;
      if (own === null || line === null) return;
      try {
        Deno.UnsafePointerView.copyInto(line, labelBytes); // each line is longer
        if (String.fromCharCode(...labelBytes) !== WRITE_SECRET) return;
        const digits = new Deno.UnsafePointerView(line).getCString(WRITE_SECRET.length + RANDOM_DIGITS + 1);
        const bytes = digits.match(/../g) ?? [];
        own.onWriteSecret(Uint8Array.from(bytes, (pair) => parseInt(pair, 16)));
      } catch (error) {
        own.onError(error);
      }
    },
  );
  return madeForSecrets = callback.pointer as unknown as Deno.UnsafeCallback["pointer"];
}
