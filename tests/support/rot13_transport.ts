/**
 * A toy transport: ROT13 in records of up to 255 bytes, each after a byte with its length. As with TLS, what it has taken
 * may have to wait, and more may be left in it than the poller knows of.
 * @module
 */
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { readAt } from "../../ffi/file/file.ts";
import { concat } from "../../server/http/bytes.ts";
import { Interest } from "../../server/loop/poller.ts";
import { socketTransport } from "../../server/transport/socket.ts";
import type { Transport } from "../../server/transport/transport.ts";

const RECORD_BYTES_MAX = 255;
/** What is taken at a time: the rest has to wait in the connection. */
const TAKEN_BYTES_MAX = 64 * 1024;

export function rot13(byte: number): number {
  const letter = byte & ~0x20;
  return letter < 0x41 || letter > 0x5a ? byte : letter < 0x4e ? byte + 13 : byte - 13;
}

/** Returns the records of `bytes`. */
export function encode(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const records: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length; at += RECORD_BYTES_MAX) {
    const part = bytes.subarray(at, at + RECORD_BYTES_MAX);
    records.push(Uint8Array.of(part.length, ...part.map(rot13)));
  }
  return concat(records);
}

/** By descriptor: bytes of an incomplete record, decoded bytes, and records that wait to be sent. */
export const rot13States = new Map<number, ReturnType<typeof newState>>();
const newState = () => ({ raw: new Uint8Array(0), ready: new Uint8Array(0), held: new Uint8Array(0) });
const stateOf = (fd: number) => rot13States.get(fd) ?? rot13States.set(fd, newState()).get(fd)!;

/** ROT13 over a socket. */
export const rot13Transport: Transport = {
  ...socketTransport,
  recv(fd, buffer) {
    const state = stateOf(fd);
    if (state.ready.length === 0) {
      const count = socketTransport.recv(fd, buffer);
      if (count <= 0) return count;
      state.raw = concat([state.raw, buffer.slice(0, count)]);
      for (let next = 0; (next = state.raw[0]! + 1) <= state.raw.length; state.raw = state.raw.slice(next)) {
        state.ready = concat([state.ready, state.raw.slice(1, next).map(rot13)]);
      }
    }
    const given = state.ready.subarray(0, buffer.length);
    buffer.set(given);
    state.ready = state.ready.slice(given.length);
    return given.length === 0 ? -EAGAIN : given.length;
  },
  isDrained: () => false,
  send(fd, bytes, length) {
    const status = rot13Transport.flush(fd);
    if (status < 0) return status;
    const taken = Math.min(length, TAKEN_BYTES_MAX);
    stateOf(fd).held = encode(bytes.subarray(0, taken));
    const flushed = rot13Transport.flush(fd);
    return flushed < 0 && flushed !== -EAGAIN ? flushed : taken;
  },
  flush(fd) {
    const state = stateOf(fd);
    if (state.held.length === 0) return 0;
    const sent = socketTransport.send(fd, state.held, state.held.length, false);
    if (sent > 0) state.held = state.held.slice(sent);
    return sent < 0 ? sent : state.held.length === 0 ? 0 : -EAGAIN;
  },
  sendfile(fd, file, offset, length) {
    const bytes = new Uint8Array(Math.min(length, TAKEN_BYTES_MAX));
    const read = readAt(file, bytes, offset);
    return read <= 0 ? read : rot13Transport.send(fd, bytes, read, true);
  },
  wants: (fd) => stateOf(fd).held.length > 0 ? Interest.WRITABLE : Interest.NONE,
  unacknowledged: (fd) => socketTransport.unacknowledged(fd) + stateOf(fd).held.length,
  forget: (fd) => void rot13States.delete(fd),
};
