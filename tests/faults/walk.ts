/**
 * Makes each call that a connection makes on its socket fail in turn.
 * @module
 */
import {
  EAGAIN,
  ECONNRESET,
  EHOSTUNREACH,
  EINTR,
  EIO,
  ENOBUFS,
  ENOMEM,
  EPIPE,
  ETIMEDOUT,
} from "../../ffi/libc/errno.ts";
import type { ScriptedSocket } from "../support/scripted.ts";

/** After these errors the call is repeated. */
export const HARMLESS: readonly number[] = [EINTR, EAGAIN];
/** After these the connection ends. */
export const FATAL: readonly number[] = [ECONNRESET, EPIPE, ENOBUFS, ENOMEM, EIO, ETIMEDOUT, EHOSTUNREACH];

/** The most calls that a fault may add. */
export const FURTHER_CALLS_MAX = 40;

const CALLS = ["recv", "peek", "recvUrgent", "send", "sendfile", "shutdownWrite"] as const;

/** The calls so far. */
export interface CallCounter {
  calls: number;
}

/** Counts the calls on `socket`, and makes call number `when` fail. */
export function tamper(socket: ScriptedSocket, when: number, errno: number): CallCounter {
  const counter = { calls: 0 };
  const table = socket as unknown as Record<string, (...args: unknown[]) => number>;
  for (const name of CALLS) {
    const real = table[name]!.bind(socket);
    table[name] = (...args) => ++counter.calls === when ? -errno : real(...args);
  }
  return counter;
}
