/**
 * The limits of the server that a user can set, one entry each, in the order of `--help`. Their defaults are in
 * `server/server_limits.ts`.
 * @module
 */
import { FIELDS_MOST, HEAD_BYTES_LEAST, HEAD_BYTES_MOST } from "../../../server/limits.ts";
import type { ServerLimits } from "../../../server/server_limits.ts";
import { COUNT, COUNT_OR_ANY, COUNT_OR_NULL, RATE, SIZE, size, TIME, wholeNumber } from "./kinds.ts";
import type { Entry } from "./setting.ts";

const isForStatic = true;

/** Limits that no user sets. */
type OwnLimit = "handlerTimeoutMs" | "keepAliveMinTimeoutMs";

/** Every limit that can be set: one that is missing does not compile. */
export const LIMIT_TABLE: { readonly [K in Exclude<keyof ServerLimits, OwnLimit>]: Entry<ServerLimits[K]> } =
  {
    headTimeoutMs: {
      kind: TIME,
      key: "headTimeout",
      isForStatic,
      help: "for the head of a request, from its first byte; past it: 408",
    },
    bodyTimeoutMs: {
      kind: TIME,
      key: "bodyTimeout",
      isForStatic,
      help: "in which more of a request's body has to come; past it: 408",
    },
    sendTimeoutMs: {
      kind: TIME,
      key: "sendTimeout",
      help: "in which a client has to take more of its response",
    },
    keepAliveTimeoutMs: {
      kind: TIME,
      key: "keepAliveTimeout",
      isForStatic,
      help: "between two requests, and before the first",
    },
    receiveRateMin: {
      kind: SIZE,
      key: "minReceiveRate",
      isForStatic,
      help: "bytes a second of a body, averaged over its timeout; 0: any",
    },
    sendRateMin: {
      kind: SIZE,
      key: "minSendRate",
      help: "bytes a second of a response, likewise; 0: any",
    },
    headBytesMax: {
      kind: size(HEAD_BYTES_LEAST, HEAD_BYTES_MOST, "bytes from 1K to 1M, as in 64K"),
      key: "maxHead",
      isForStatic,
      help: "the longest head of a request; past it: 431",
    },
    fieldsMax: {
      kind: wholeNumber("COUNT", 1, FIELDS_MOST),
      key: "maxFields",
      isForStatic,
      help: "lines of fields in a head; past it: 431",
    },
    bodyBytesMax: {
      kind: SIZE,
      key: "maxBody",
      isForStatic,
      help: "the largest body of a request; past it: 413",
    },
    connectionsMax: {
      kind: COUNT,
      key: "maxConnections",
      otherwise: "what ulimit -n leaves",
      help: "clients at the same time; past it: 503",
    },
    connectionsPerAddressMax: {
      kind: COUNT_OR_ANY,
      key: "maxPerIp",
      help: "clients of one address, or IPv6 /64; past it: 503",
    },
    requestRateMax: {
      kind: RATE,
      key: "rate",
      isForStatic,
      help: "requests of one address, as in 20/s or 100/m; past it: 429",
    },
    requestBurstMax: {
      kind: COUNT_OR_NULL,
      key: "rateBurst",
      otherwise: "its number",
      isForStatic,
      help: "how many of them may come at once, after a pause",
    },
    gracePeriodMs: {
      kind: TIME,
      key: "gracePeriod",
      help: "for what has begun when it is to end; then it is cut off",
    },
  };
