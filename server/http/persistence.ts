/**
 * What a response says of its connection's future. Source: RFC 9112 §9.3; `Keep-Alive` is RFC 2068's §19.7.1.1, and
 * what clients look at when they decide how long a connection that rests may be used again.
 * @module
 */
import { KEEP_ALIVE_TIMEOUT_MS } from "../limits.ts";
import { encodeUtf8 } from "./characters.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The fields of a connection that stays open for `timeoutMs` between two requests. In whole seconds: less than one is
 * said as none, so that nobody counts on it.
 */
export function keepAliveFields(timeoutMs: number): Bytes {
  const timeout = Number.isFinite(timeoutMs) ? `Keep-Alive: timeout=${Math.floor(timeoutMs / 1000)}\r\n` : "";
  return encodeUtf8(`Connection: keep-alive\r\n${timeout}`);
}

/** Those that hold unless told otherwise. */
export const DEFAULT_KEEP_ALIVE: Bytes = keepAliveFields(KEEP_ALIVE_TIMEOUT_MS);

/** What ends the head of a connection's last response. */
export const CLOSE_AND_BLANK_LINE: Bytes = encodeUtf8("Connection: close\r\n\r\n");

/** What responses say of a connection that stays open. */
export function keepAliveFieldsOf(keepAliveTimeoutMs: number): Uint8Array<ArrayBuffer> {
  return keepAliveTimeoutMs === KEEP_ALIVE_TIMEOUT_MS
    ? DEFAULT_KEEP_ALIVE // which responses are made with
    : keepAliveFields(keepAliveTimeoutMs);
}
