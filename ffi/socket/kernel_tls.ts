/**
 * TLS by the kernel (kTLS), for sending: a socket that was given keys makes records of what is written to it, also of what
 * sendfile(2) sends. What arrives is not decrypted.
 *
 * The kernel keeps a record that TCP does not take, and sends it later. Closing the socket, or its writing half, loses
 * such a record. So there are calls here that tell how far it has come.
 *
 * Source: the kernel's Documentation/networking/tls.rst, linux/tls.h, linux/tcp.h, tcp(7), sendmsg(2), cmsg(3).
 * @module
 */
import {
  AF_INET,
  IPPROTO_TCP,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_TLS,
  TCP_INFO,
  TCP_ULP,
  TLS_1_2_VERSION,
  TLS_1_3_VERSION,
  TLS_CIPHER_AES_GCM_128,
  TLS_CIPHER_AES_GCM_256,
  TLS_CIPHER_CHACHA20_POLY1305,
  TLS_SET_RECORD_TYPE,
  TLS_TX,
} from "../libc/constants.ts";
import { POLLERR, POLLHUP, POLLOUT } from "../libc/multiplexer_constants.ts";
import { EAGAIN, ENOTCONN, EOPNOTSUPP, EPIPE } from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import { poll } from "../libc/multiplexers.ts";
import {
  CMSGHDR,
  IOVEC,
  MSGHDR,
  POLLFD,
  TLS12_CRYPTO_INFO_AES_GCM_128,
  TLS12_CRYPTO_INFO_AES_GCM_256,
  TLS12_CRYPTO_INFO_CHACHA20_POLY1305,
} from "../libc/structs.ts";
import { type Aead, hasExplicitNonce, putNumber, type RecordKeys } from "../openssl/record_keys.ts";
import { awaitReadable, connectTcp } from "./client_socket.ts";
import { accept, listenTcp, localAddress, unacknowledged } from "./socket.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const LAYOUTS = {
  "AES-128-GCM": { ...TLS12_CRYPTO_INFO_AES_GCM_128, cipher: TLS_CIPHER_AES_GCM_128 },
  "AES-256-GCM": { ...TLS12_CRYPTO_INFO_AES_GCM_256, cipher: TLS_CIPHER_AES_GCM_256 },
  "ChaCha20-Poly1305": {
    ...TLS12_CRYPTO_INFO_CHACHA20_POLY1305,
    salt: TLS12_CRYPTO_INFO_CHACHA20_POLY1305.rec_seq, // no bytes
    cipher: TLS_CIPHER_CHACHA20_POLY1305,
  },
} as const;
const SALT_BYTES = 4;

// V8 may move typed arrays of 64 bytes or less.
const scratch = new Uint8Array(1024);
const view = new DataView(scratch.buffer);
const name = scratch.subarray(0, 4);
name.set(new TextEncoder().encode("tls\0"));
const infoBytes = scratch.subarray(64, 128);
const lengthBytes = scratch.subarray(128, 132);
/** A prefix of struct tcp_info, until behind tcpi_bytes_acked. */
const TCP_INFO_BYTES = 128;
/** The offset of tcpi_bytes_acked: bytes that the peer has acknowledged. */
export const TCPI_BYTES_ACKED = 120;
const TCP_INFO_AT = 192;
const tcpInfo = scratch.subarray(TCP_INFO_AT, TCP_INFO_AT + TCP_INFO_BYTES);
const POLLFD_AT = 384;
const pollfd = scratch.subarray(POLLFD_AT, POLLFD_AT + POLLFD.size);

/** Puts the layer on an established connection, which behaves as before until keys are set. Returns 0 or −errno. */
export function attachKernelTls(fd: number): number {
  return result(libc.setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, name.length));
}

/**
 * Makes the kernel write records with `keys`, from number `sequence` on. `explicitNonce` has the 8 bytes that the next record
 * begins with, for keys that need it; otherwise it is null. Returns 0 or −errno. The layer has to be there.
 */
export function setWriteKeys(
  fd: number,
  keys: RecordKeys,
  sequence: number,
  explicitNonce: Bytes | null,
): number {
  const layout = LAYOUTS[keys.aead];
  infoBytes.fill(0);
  const info = new DataView(infoBytes.buffer, infoBytes.byteOffset);
  info.setUint16(layout.version, keys.version, true);
  info.setUint16(layout.cipher_type, layout.cipher, true);
  if (hasExplicitNonce(keys)) {
    if (explicitNonce === null) return -EOPNOTSUPP;
    infoBytes.set(keys.iv, layout.salt);
    infoBytes.set(explicitNonce, layout.iv);
  } else if (keys.aead === "ChaCha20-Poly1305") {
    infoBytes.set(keys.iv, layout.iv);
  } else {
    infoBytes.set(keys.iv.subarray(0, SALT_BYTES), layout.salt);
    infoBytes.set(keys.iv.subarray(SALT_BYTES), layout.iv);
  }
  infoBytes.set(keys.key, layout.key);
  putNumber(infoBytes, layout.rec_seq, sequence);
  const status = result(libc.setsockopt(fd, SOL_TLS, TLS_TX, infoBytes, layout.size));
  infoBytes.fill(0);
  return status;
}

/** Returns the number of the next record that the kernel makes, or −errno. */
export function nextRecordNumber(fd: number, aead: Aead): number {
  const { size, rec_seq } = LAYOUTS[aead];
  view.setUint32(lengthBytes.byteOffset, size, true);
  const status = result(libc.getsockopt(fd, SOL_TLS, TLS_TX, infoBytes, lengthBytes));
  const at = infoBytes.byteOffset + rec_seq;
  const number = view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
  infoBytes.fill(0); // there is a key in it
  return status < 0 ? status : number;
}

/** Returns the bytes that the peer has acknowledged since the connection began, or −errno. */
function acknowledgedBytes(fd: number): number {
  view.setUint32(lengthBytes.byteOffset, TCP_INFO_BYTES, true);
  const status = result(libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, tcpInfo, lengthBytes));
  if (status < 0) return status;
  if (view.getUint32(lengthBytes.byteOffset, true) < TCP_INFO_BYTES) return -EOPNOTSUPP; // before Linux 4.1
  const at = TCP_INFO_AT + TCPI_BYTES_ACKED;
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}

/** Attempts to read two numbers between which nothing changes. */
const ATTEMPTS_MAX = 32;

/**
 * Returns how many bytes TCP has taken since the connection began, or −errno; −EAGAIN while acknowledgements come so fast that
 * it cannot be told.
 */
export function bytesTakenByTcp(fd: number): number {
  let before = unacknowledged(fd);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const acknowledged = acknowledgedBytes(fd);
    if (acknowledged < 0) return acknowledged;
    const after = unacknowledged(fd);
    if (after < 0) return after;
    if (after === before) return acknowledged + after;
    before = after;
  }
  return -EAGAIN;
}

/** Returns 1 if the socket takes bytes at present, −EAGAIN if it is full, and −EPIPE if the connection has failed. */
export function takesBytes(fd: number): number {
  view.setInt32(POLLFD_AT + POLLFD.fd, fd, true);
  view.setInt16(POLLFD_AT + POLLFD.events, POLLOUT, true);
  const status = poll(pollfd, 1, 0);
  if (status <= 0) return status === 0 ? -EAGAIN : status;
  return view.getInt16(POLLFD_AT + POLLFD.revents, true) & (POLLERR | POLLHUP) ? -EPIPE : 1;
}

const MESSAGE_AT = 448;
const IOVEC_AT = 512;
const CONTROL_AT = 544;
const CONTENT_AT = 576;
/** CMSG_LEN(1) and CMSG_SPACE(1), cmsg(3). */
const CONTROL = { length: CMSGHDR.size + 1, space: CMSGHDR.size + 8 } as const;
/** The longest content of {@linkcode sendRecord}. */
const CONTENT_BYTES_MAX = 256;
const message = scratch.subarray(MESSAGE_AT, MESSAGE_AT + MSGHDR.size);

/** Sends a record of the given type, with up to 256 bytes in it, behind everything else. Returns their number, or −errno. */
export function sendRecord(fd: number, type: number, content: Uint8Array): number {
  if (content.length > CONTENT_BYTES_MAX) return -EOPNOTSUPP;
  const addressOf = (at: number) =>
    BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(scratch))) + BigInt(at);
  message.fill(0);
  scratch.set(content, CONTENT_AT);
  view.setBigUint64(IOVEC_AT + IOVEC.base, addressOf(CONTENT_AT), true);
  view.setBigUint64(IOVEC_AT + IOVEC.len, BigInt(content.length), true);
  view.setBigUint64(CONTROL_AT + CMSGHDR.len, BigInt(CONTROL.length), true);
  view.setInt32(CONTROL_AT + CMSGHDR.level, SOL_TLS, true);
  view.setInt32(CONTROL_AT + CMSGHDR.type, TLS_SET_RECORD_TYPE, true);
  scratch[CONTROL_AT + CMSGHDR.size] = type;
  view.setBigUint64(MESSAGE_AT + MSGHDR.iov, addressOf(IOVEC_AT), true);
  view.setBigUint64(MESSAGE_AT + MSGHDR.iovlen, 1n, true);
  view.setBigUint64(MESSAGE_AT + MSGHDR.control, addressOf(CONTROL_AT), true);
  view.setBigUint64(MESSAGE_AT + MSGHDR.controllen, BigInt(CONTROL.space), true);
  return result(libc.sendmsg(fd, message, MSG_NOSIGNAL));
}

const AEADS = ["AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"] as const;
const VERSIONS = [TLS_1_2_VERSION, TLS_1_3_VERSION] as const;
const NONE: ReadonlySet<string> = new Set();
/** What this kernel can do, once that is known. */
let known: ReadonlySet<string> | null = null;

const nameOf = ({ version, aead }: Pick<RecordKeys, "version" | "aead">) => `${version} ${aead}`;

/** Returns true if this kernel can write records of TLS. */
export function hasKernelTls(): boolean {
  return supported().size > 0;
}

/** Returns true if this kernel can write records with such keys. */
export function supportsKeys(keys: RecordKeys): boolean {
  return supported().has(nameOf(keys));
}

/** Returns the ciphers with which this kernel can write records of TLS 1.3; where it cannot, those of TLS 1.2. */
export function kernelCiphers(): Aead[] {
  const of = (version: number) => AEADS.filter((aead) => supported().has(nameOf({ version, aead })));
  const modern = of(TLS_1_3_VERSION);
  return modern.length > 0 ? modern : of(TLS_1_2_VERSION);
}

/** Tries what this kernel can do, once in a process: on connections of its own, because the layer needs one. */
function supported(): ReadonlySet<string> {
  if (known !== null) return known;
  loadLibc();
  try {
    known = tryAll();
  } catch { // not even a listening socket
    known = NONE;
  }
  return known;
}

function tryAll(): ReadonlySet<string> {
  if (!hasLayer()) return NONE;
  const listener = listenTcp("127.0.0.1", 0, AEADS.length, { deferAccept: false });
  try {
    const { port } = localAddress(listener);
    const working = new Set<string>();
    for (const version of VERSIONS) {
      for (const aead of AEADS) {
        if (tryOne(listener, port, version, aead)) working.add(nameOf({ version, aead }));
      }
    }
    return working;
  } finally {
    libc.close(listener);
  }
}

/** Where there is such a layer, it refuses a socket because that is not connected. */
function hasLayer(): boolean {
  const fd = result(libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd < 0) return false;
  const status = attachKernelTls(fd);
  libc.close(fd);
  return status === -ENOTCONN;
}

const CONNECT_PATIENCE_MS = 500;

function tryOne(listener: number, port: number, version: number, aead: Aead): boolean {
  const client = connectTcp("127.0.0.1", port);
  const fd = client >= 0 && awaitReadable(listener, CONNECT_PATIENCE_MS) === 1 ? accept(listener) : -EAGAIN;
  const keys = {
    version,
    aead,
    key: new Uint8Array(aead === "AES-128-GCM" ? 16 : 32),
    iv: new Uint8Array(version === TLS_1_2_VERSION && aead !== "ChaCha20-Poly1305" ? SALT_BYTES : 12),
  };
  const works = fd >= 0 && attachKernelTls(fd) >= 0 && setWriteKeys(fd, keys, 1, new Uint8Array(8)) >= 0 &&
    nextRecordNumber(fd, aead) === 1 && bytesTakenByTcp(fd) >= 0;
  if (fd >= 0) libc.close(fd);
  if (client >= 0) libc.close(client);
  return works;
}
