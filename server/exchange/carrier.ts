/**
 * The interface between an exchange and the protocol that carries it.
 * @module
 */
import type { Connection } from "../connection/connection.ts";
import type { Fields } from "../http/field_lines.ts";
import type { HttpResponse } from "../http/response.ts";

/** A protocol that carries requests and responses. After each wake-up an exchange calls `connection.proceed()`. */
export interface Carrier<Exchange> {
  readonly connection: Connection;
  /** True if the connection has other streams, whose bodies wait for room when this one's is not read. */
  readonly isMultiplexed?: boolean;
  /** True while output waits for the client. */
  readonly isBlocked: boolean;
  /** True if the client may be gone, because it has closed its writing half. */
  readonly mayHaveLeft: boolean;
  /** The total of received bytes, whose growth shows that a body arrives. */
  readonly receivedBytes: number;
  /** Sends an interim response 103 (RFC 8297), unless the client's version of HTTP has none. */
  sendHints(exchange: Exchange, fields: Fields): void;
  /** Sends `response`: all of it, which ends the exchange, or its head if its body is a stream. */
  respond(exchange: Exchange, response: HttpResponse): void;
  /** Sends a piece of the response's body, of at least one byte. */
  write(exchange: Exchange, piece: Uint8Array<ArrayBuffer>): void;
  /** Sends the end of the response, which ends the exchange. `trailers` is null for none. */
  finish(exchange: Exchange, trailers: Fields | null): void;
  /** Ends the connection or stream in the middle of the response. */
  reset(exchange: Exchange): void;
  /** Gives back a request that was not looked at, so that the client may send it again. */
  refuse(exchange: Exchange): void;
  /** Receives more of the request's body. Sends 100 (Continue) first if the client waits for it. */
  wantBody(exchange: Exchange): void;
}
