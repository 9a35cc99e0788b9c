/**
 * What connections need of a server, for tests that have no server.
 * @module
 */
import { ClientAddresses } from "../../server/clients/client_addresses.ts";
import { Buffers } from "../../server/connection/buffers.ts";
import { errorResponse } from "../../server/exchange/error_response.ts";
import { HttpClock } from "../../server/http/date.ts";
import { DEFAULT_KEEP_ALIVE } from "../../server/http/persistence.ts";
import type { GroupContext } from "../../server/listen/listener_group.ts";
import { Accounting } from "../../server/metrics/accounting.ts";
import { DEFAULT_LIMITS } from "../../server/server_limits.ts";

/** What differs from test to test. `report` gets all errors; it may be replaced for each kind. */
type Own = Pick<GroupContext, "reactor" | "transport" | "handler"> & Partial<GroupContext>;

/** Returns a context with the defaults of a server, and makes its reactor check the gather buffer between the phases. */
export function groupContext(own: Own, report: (error: unknown) => void): GroupContext {
  const clock = new HttpClock();
  clock.update(Date.now());
  const context: GroupContext = {
    buffers: new Buffers(),
    limits: DEFAULT_LIMITS,
    addressLimits: null,
    keepAliveFields: DEFAULT_KEEP_ALIVE,
    accounting: new Accounting(false),
    clientAddresses: new ClientAddresses(),
    http2: false,
    proxyProtocol: false,
    tls: null,
    clock,
    keepAlive: true,
    isDraining: false,
    onPlainHttp: () => errorResponse(400),
    isMisdirected: () => false,
    onHandlerError: report,
    onRefused: report,
    onFull: report,
    ...own,
  };
  own.reactor.betweenPhases = () => context.buffers.checkGathered();
  return context;
}
