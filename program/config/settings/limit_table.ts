/**
 * The limits of the server that a user can set, one entry each, in the order of `--help`. Their defaults are in
 * `server/server_limits.ts`.
 * @module
 */
import { STREAMS_MOST } from "../../../server/http2_limits.ts";
import { FIELDS_MOST, HEAD_BYTES_LEAST, HEAD_BYTES_MOST } from "../../../server/limits.ts";
import type { ServerLimits } from "../../../server/server_limits.ts";
import { COUNT, COUNT_OR_ANY, COUNT_OR_NULL, RATE, SIZE, size, TIME, wholeNumber } from "./kinds.ts";
import type { Entry } from "./setting.ts";

/** Limits that no user sets. */
type OwnLimit = "handlerTimeoutMs" | "keepAliveMinTimeoutMs";

type LimitTable = { readonly [K in Exclude<keyof ServerLimits, OwnLimit>]: Entry<ServerLimits[K]> };

/** Every limit that can be set: one that is missing does not compile. */
export const LIMIT_TABLE: LimitTable = {
  handshakeTimeoutMs: {
    kind: TIME,
    key: "handshakeTimeout",
    help: "time for the TLS handshake; then closed",
  },
  headTimeoutMs: { kind: TIME, key: "headTimeout", help: "time for a request header; then 408" },
  bodyTimeoutMs: { kind: TIME, key: "bodyTimeout", help: "longest pause in a request body; then 408" },
  sendTimeoutMs: {
    kind: TIME,
    key: "sendTimeout",
    isForStatic: false,
    help: "longest pause in a response; then cut off",
  },
  keepAliveTimeoutMs: {
    kind: TIME,
    key: "keepAliveTimeout",
    help: "an idle connection is closed after this",
  },
  receiveRateMin: { kind: SIZE, key: "minReceiveRate", help: "slowest body, bytes/s; 0: unlimited" },
  sendRateMin: {
    kind: SIZE,
    key: "minSendRate",
    isForStatic: false,
    help: "slowest response, bytes/s; 0: unlimited",
  },
  headBytesMax: {
    kind: size(HEAD_BYTES_LEAST, HEAD_BYTES_MOST, "bytes from 1K to 1M, as in 64K"),
    key: "maxHead",
    help: "largest request header; then 431",
  },
  fieldsMax: {
    kind: wholeNumber("COUNT", 1, FIELDS_MOST),
    key: "maxFields",
    help: "most header fields of a request; then 431",
  },
  bodyBytesMax: { kind: SIZE, key: "maxBody", help: "largest request body; then 413" },
  streamsMax: {
    kind: wholeNumber("COUNT", 1, STREAMS_MOST),
    key: "maxStreams",
    help: "most HTTP/2 requests at once per connection",
    description: "Requests of one HTTP/2 connection at the same time; clients send more of them later.",
  },
  connectionsMax: {
    kind: COUNT,
    key: "maxConnections",
    isForStatic: false,
    otherwise: "ulimit -n",
    help: "most connections; more get 503",
  },
  connectionsPerAddressMax: {
    kind: COUNT_OR_ANY,
    key: "maxPerIp",
    isForStatic: false,
    help: "connections per IP; more get 503",
    description: "Connections per IP address, or IPv6 /64; more get 503.",
  },
  requestRateMax: {
    kind: RATE,
    key: "rate",
    help: "requests per IP, as 100/m; then 429",
    description: "Requests per IP address, or IPv6 /64, such as 20/s or 100/m; more get 429.",
  },
  requestBurstMax: {
    kind: COUNT_OR_NULL,
    key: "rateBurst",
    otherwise: "the rate",
    help: "requests at once after a pause",
  },
  gracePeriodMs: {
    kind: TIME,
    key: "gracePeriod",
    isForStatic: false,
    help: "time to finish responses when it ends",
  },
};
