/**
 * A second group of sockets with another handler, such as an admin port, in the loop of a server.
 * @module
 */
import { AddressLimits } from "./clients/address_limits.ts";
import { checkKinds, FUNCTION } from "./embedder/option_kinds.ts";
import { keepAliveFieldsOf } from "./http/persistence.ts";
import { type GroupContext, ListenerGroup } from "./listen/listener_group.ts";
import { Accounting } from "./metrics/accounting.ts";
import { limitsOf } from "./server_limits.ts";
import { LISTENING_SOCKETS, type SecondService } from "./server_options.ts";

/**
 * Watches the sockets of `second`. What it does not set is as in `context`, that of the server. `networkOf` returns the
 * network of the client on a descriptor, and `onError` receives the lines for the error log.
 * @throws {SystemError} when the poller fails to watch a socket
 * @throws {TypeError | RangeError} for invalid settings
 */
export function openSecond(
  context: GroupContext,
  second: SecondService,
  networkOf: (fd: number) => string | null,
  onError: (message: string) => void,
): ListenerGroup {
  checkKinds(second, { handler: FUNCTION, sockets: LISTENING_SOCKETS });
  const limits = limitsOf(second);
  const own: GroupContext = {
    ...context,
    handler: second.handler,
    accounting: new Accounting(false),
    proxyProtocol: false,
    limits,
    addressLimits: AddressLimits.for(limits, networkOf),
    keepAliveFields: keepAliveFieldsOf(limits.keepAliveTimeoutMs),
    isDraining: false,
  };
  return new ListenerGroup(own, second.sockets, {
    service: null,
    speaksHttp: true,
    onStoppedAccepting() {},
    onDrained() {},
    onError,
  });
}
