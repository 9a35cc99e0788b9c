/**
 * The fields of a response about its connection. Source: RFC 9112 §9.3. `Keep-Alive` is from RFC 2068 §19.7.1.1;
 * clients read it to decide how long they may reuse an idle connection.
 * @module
 */
import { KEEP_ALIVE_TIMEOUT_MS } from "../limits.ts";
import { encodeUtf8 } from "./characters.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Returns the fields for a connection that may be idle for `timeoutMs` milliseconds. The timeout is rounded down to
 * seconds, so that no client waits longer. Infinity is not announced.
 */
export function keepAliveFields(timeoutMs: number): Bytes {
  const timeout = Number.isFinite(timeoutMs) ? `Keep-Alive: timeout=${Math.floor(timeoutMs / 1000)}\r\n` : "";
  return encodeUtf8(`Connection: keep-alive\r\n${timeout}`);
}

/** Fields for the default timeout. */
export const DEFAULT_KEEP_ALIVE: Bytes = keepAliveFields(KEEP_ALIVE_TIMEOUT_MS);

/** The end of the head of a connection's last response. */
export const CLOSE_AND_BLANK_LINE: Bytes = encodeUtf8("Connection: close\r\n\r\n");

/** Returns the fields for a connection that stays open. The default timeout always gives the same bytes. */
export function keepAliveFieldsOf(keepAliveTimeoutMs: number): Uint8Array<ArrayBuffer> {
  return keepAliveTimeoutMs === KEEP_ALIVE_TIMEOUT_MS
    ? DEFAULT_KEEP_ALIVE // the bytes that responses are created with
    : keepAliveFields(keepAliveTimeoutMs);
}
