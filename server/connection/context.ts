/**
 * The parts of the server that connections use.
 * @module
 */
import type { AddressLimits } from "../clients/address_limits.ts";
import type { Handler } from "./handler.ts";
import type { HttpClock } from "../http/date.ts";
import type { Accounting } from "../metrics/accounting.ts";
import type { Reactor } from "../loop/reactor.ts";
import type { ClientAddresses } from "../clients/client_addresses.ts";
import type { ServerLimits } from "../server_limits.ts";
import type { HttpRequest } from "../http/request.ts";
import type { HttpResponse } from "../http/response.ts";
import type { Tls } from "../transport/tls.ts";
import type { Transport } from "../transport/transport.ts";
import type { Buffers } from "./buffers.ts";

/** The objects that all connections of a server share. */
export interface ConnectionContext {
  readonly reactor: Reactor;
  readonly transport: Transport;
  /** The same as `transport` if the server has certificates; otherwise null. */
  readonly tls: Tls | null;
  readonly buffers: Buffers;
  readonly handler: Handler;
  readonly limits: ServerLimits;
  /** The limits for each client address; null if there are none. */
  readonly addressLimits: AddressLimits | null;
  /** Whether clients may speak HTTP/2. */
  readonly http2: boolean;
  /** Whether each connection begins with a header of the PROXY protocol. */
  readonly proxyProtocol: boolean;
  readonly clock: HttpClock;
  readonly accounting: Accounting;
  readonly clientAddresses: ClientAddresses;
  /** The fields of responses on a connection that stays open. */
  readonly keepAliveFields: Uint8Array<ArrayBuffer>;
  /** False if every response closes its connection. */
  readonly keepAlive: boolean;
  /** True once the server is stopping. Connections then wait for no further request. */
  readonly isDraining: boolean;
  readonly onHandlerError: (error: unknown) => void;
  /**
   * Answers a request that came without TLS. `isExpected` is true on a listener that leads clients to HTTPS, false on
   * one for HTTPS.
   */
  onPlainHttp(request: HttpRequest, isExpected: boolean): HttpResponse;
  /**
   * Returns true for a request for a host of another certificate than that of its connection, which has asked for
   * `serverName`; null without TLS.
   */
  isMisdirected(request: HttpRequest, serverName: string | null): boolean;
  /** Reports a connection that was closed because the poller failed to watch it (−errno). */
  onRefused(status: number): void;
  /** Reports that a client was rejected for lack of room. `reason` completes the message. */
  onFull(reason: string): void;
}
