/**
 * The hand-over of a TLS connection to the kernel, which writes its records from then on (kTLS): a large file goes from the
 * page cache to the network without a copy in this process. OpenSSL did the handshake, and still reads.
 * @module
 */
import { EAGAIN, EPROTO } from "../../ffi/libc/errno.ts";
import {
  hasExplicitNonce,
  openRecord,
  RECORD_HEADER_BYTES,
  RecordType,
  serverWriteKeys,
} from "../../ffi/openssl/record_keys.ts";
import { attachKernelTls, bytesTakenByTcp, setWriteKeys, supportsKeys } from "../../ffi/socket/kernel_tls.ts";
import { TLS_RECORD_BYTES } from "../tls_limits.ts";
import { KernelWriter } from "./kernel_writer.ts";
import type { TlsSession } from "./tls_session.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Lets the kernel write the records of `session` from now on. OpenSSL has just written a full record, which the socket has
 * taken, with all before it. The record is opened first: so the keys and the number are known to be right, and the
 * client to accept records of this size. Returns 0, or −errno if OpenSSL has to continue: for good, or after −EAGAIN
 * until the next time.
 */
export function handOver(session: TlsSession): number {
  const written = session.written!;
  const { fd } = session;
  const takenBefore = bytesTakenByTcp(fd);
  if (takenBefore === -EAGAIN) return takenBefore; // the next time
  session.written = null;
  const keys = serverWriteKeys(session.pointer, written.secret);
  if (keys === null || !supportsKeys(keys)) return -EPROTO;
  const { last } = written;
  const opened = openRecord(keys, written.count - 1, last);
  if (opened?.type !== RecordType.DATA || opened.content.length !== TLS_RECORD_BYTES) return -EPROTO;
  const status = takenBefore < 0 ? takenBefore : attachKernelTls(fd);
  if (status < 0) return status;
  const nonce = hasExplicitNonce(keys) ? nonceAfter(last) : null;
  const given = setWriteKeys(fd, keys, written.count, nonce);
  if (given < 0) return given;
  session.kernel = new KernelWriter(fd, keys, written.count, takenBefore);
  return 0;
}

/** Returns the explicit nonce of the record behind `record`. */
function nonceAfter(record: Bytes): Bytes {
  const nonce = record.slice(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + 8);
  for (let i = nonce.length - 1; i >= 0; i--) {
    nonce[i]!++;
    if (nonce[i] !== 0) break;
  }
  return nonce;
}
