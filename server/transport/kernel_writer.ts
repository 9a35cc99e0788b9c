/**
 * The sending side of a TLS connection whose records the kernel writes (kTLS).
 *
 * OpenSSL never writes again after the kernel has its keys: the kernel would not count its records. What it writes of its
 * own accord is opened here, and given to the kernel.
 *
 * Source: RFC 8446 §4.6.3, §5, §6; ffi/socket/kernel_tls.ts.
 * @module
 */
import { EAGAIN, EINTR, EPIPE } from "../../ffi/libc/errno.ts";
import {
  openRecord,
  type RecordKeys,
  recordOverheadBytes,
  RecordType,
} from "../../ffi/openssl/record_keys.ts";
import { bytesTakenByTcp, nextRecordNumber, sendRecord, takesBytes } from "../../ffi/socket/kernel_tls.ts";
import { socketTransport } from "./socket.ts";
import { recordLength } from "./written_records.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The alert close_notify: a warning, number 0. */
const CLOSE_NOTIFY = Uint8Array.of(1, 0);

/** The sending side of a session whose records the kernel writes. */
export class KernelWriter {
  readonly #fd: number;
  readonly #keys: RecordKeys;
  /** The number of the kernel's first record, and of OpenSSL's next one. */
  readonly #first: number;
  #nextOfOpenssl: number;
  /** What TCP had taken before the kernel's first record. */
  readonly #takenBefore: number;
  /** Bytes that the kernel was given, and alerts. */
  #given = 0;
  /** True if TCP has taken all that the kernel was given. */
  #isSettled = true;
  /** True if close_notify is still to be given. */
  #owesEnd = false;
  /** True if the writing half of the socket is to be closed when TCP has taken everything. */
  #isEnding = false;
  /** True if the kernel holds what TCP does not take at present. */
  isHolding = false;
  /**
   * True if the client has asked for other keys. The kernel cannot change them, so the connection ends when what the client
   * has sent is answered.
   */
  isWorn = false;

  /** `sequence` is the number of the kernel's first record, and `takenBefore` what TCP has taken before it. */
  constructor(fd: number, keys: RecordKeys, sequence: number, takenBefore: number) {
    this.#fd = fd;
    this.#keys = keys;
    this.#first = this.#nextOfOpenssl = sequence;
    this.#takenBefore = takenBefore;
  }

  /** Counts the result of a call that gives bytes to the kernel. */
  #count(result: number): number {
    if (result > 0) {
      this.#given += result;
      this.#isSettled = false;
    }
    return result;
  }

  /** Sends up to `length` bytes. Never with MSG_MORE: the kernel would hold what is not a full record. */
  send(bytes: Bytes, length: number): number {
    return this.#count(socketTransport.send(this.#fd, bytes, length, false));
  }

  sendfile(file: number, offset: number, length: number): number {
    return this.#count(socketTransport.sendfile(this.#fd, file, offset, length));
  }

  /** The bytes that the kernel holds, because TCP has not taken them; 1 if that cannot be told. */
  get heldBytes(): number {
    if (this.#isSettled) return 0;
    const number = nextRecordNumber(this.#fd, this.#keys.aead);
    const taken = bytesTakenByTcp(this.#fd);
    if (number < 0 || taken < 0) return taken === -EAGAIN ? 1 : 0;
    const made = this.#given + (number - this.#first) * recordOverheadBytes(this.#keys);
    return Math.max(made - (taken - this.#takenBefore), 0);
  }

  /**
   * Returns 0 once TCP has taken everything, and would take close_notify, too; otherwise −errno. Ends the writing half then,
   * if that was asked for.
   */
  flush(): number {
    if (this.#isSettled && !this.#owesEnd) return 0;
    this.isHolding = true;
    if (this.#owesEnd && !this.#sayEnd()) return -EAGAIN;
    const { heldBytes } = this;
    const status = takesBytes(this.#fd);
    if (status <= 0) return status;
    // The socket is not full any more: the kernel is about to send the rest, and no readiness will tell when it has.
    if (heldBytes > 0) return -EINTR;
    this.#isSettled = true;
    this.isHolding = false;
    return this.#isEnding ? Math.min(socketTransport.shutdownWrite(this.#fd), 0) : 0;
  }

  /** Tells the client that nothing follows; later, if the socket is full. */
  announceEnd(): void {
    this.#owesEnd = true;
    this.#sayEnd();
  }

  /** Gives close_notify to the kernel. Returns false if it has to wait. */
  #sayEnd(): boolean {
    const status = this.#count(sendRecord(this.#fd, RecordType.ALERT, CLOSE_NOTIFY));
    this.#owesEnd = status === -EAGAIN || status === -EINTR;
    return !this.#owesEnd;
  }

  /** Ends the writing half, when TCP has taken everything. Returns 0 or −errno. */
  shutdownWrite(): number {
    this.#isEnding = true;
    if (this.#isSettled && !this.#owesEnd) return socketTransport.shutdownWrite(this.#fd);
    const status = this.flush();
    return status === -EAGAIN || status === -EINTR ? 0 : status;
  }

  /** Returns true if the connection has failed. Sending nothing tells nothing here. */
  isReset(): boolean {
    return takesBytes(this.#fd) === -EPIPE;
  }

  /** Passes on what OpenSSL has written while it was reading: `bytes[0, length)`. */
  relay(bytes: Bytes, length: number): void {
    for (let at = 0; at < length && !this.isWorn;) {
      const end = at + recordLength(bytes, at);
      const opened = openRecord(this.#keys, this.#nextOfOpenssl++, bytes.subarray(at, end));
      if (opened?.type === RecordType.ALERT) {
        this.#count(sendRecord(this.#fd, RecordType.ALERT, opened.content));
      } else this.isWorn = true; // an answer to a KeyUpdate, after which OpenSSL has other keys
      at = end;
    }
  }
}
