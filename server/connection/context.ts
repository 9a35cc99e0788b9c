/**
 * What a connection needs of the server around it.
 * @module
 */
import type { AddressLimits } from "../clients/address_limits.ts";
import type { Handler } from "./handler.ts";
import type { HttpClock } from "../http/date.ts";
import type { Accounting } from "../metrics/accounting.ts";
import type { Reactor } from "../loop/reactor.ts";
import type { ClientAddresses } from "../clients/client_addresses.ts";
import type { ServerLimits } from "../server_limits.ts";
import type { Transport } from "../transport/transport.ts";
import type { Buffers } from "./buffers.ts";

/** What all connections of a server share. */
export interface ConnectionContext {
  readonly reactor: Reactor;
  readonly transport: Transport;
  readonly buffers: Buffers;
  readonly handler: Handler;
  readonly limits: ServerLimits;
  /** Who is connected from where; null when nobody asks. */
  readonly addressLimits: AddressLimits | null;
  /** Each connection begins with the header of the PROXY protocol. */
  readonly proxyProtocol: boolean;
  readonly clock: HttpClock;
  readonly accounting: Accounting;
  readonly clientAddresses: ClientAddresses;
  /** What responses say of a connection that stays open. */
  readonly keepAliveFields: Uint8Array<ArrayBuffer>;
  /** False: every response closes its connection. */
  readonly keepAlive: boolean;
  /** True once the server is to stop: no further request is waited for. */
  readonly isDraining: boolean;
  readonly onHandlerError: (error: unknown) => void;
  /** A connection is lost, since the poller does not take it. */
  onRefused(status: number): void;
  /** A client finds no room, because … */
  onFull(reason: string): void;
}
