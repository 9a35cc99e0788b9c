/**
 * The limits of a server that can be set.
 * @module
 */
import {
  BODY_BYTES_MAX,
  BODY_TIMEOUT_MS,
  DESCRIPTORS_KEPT_MIN,
  DESCRIPTORS_PER_KEPT_ONE,
  FIELDS_MAX,
  FIELDS_MOST,
  GRACE_PERIOD_MS,
  HANDLER_TIMEOUT_MS,
  HEAD_BYTES_LEAST,
  HEAD_BYTES_MAX,
  HEAD_BYTES_MOST,
  HEAD_TIMEOUT_MS,
  KEEP_ALIVE_MIN_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  RECEIVE_RATE_BYTES_MIN,
  SEND_RATE_BYTES_MIN,
  SEND_TIMEOUT_MS,
} from "./limits.ts";
import { STREAMS_MAX, STREAMS_MOST } from "./http2_limits.ts";
import { HANDSHAKE_TIMEOUT_MS } from "./tls_limits.ts";

/** A rate of requests. */
export interface Rate {
  /**
   * The number of requests in `periodMs`. Unless `requestBurstMax` is set, also the number that may come at once after
   * a pause.
   */
  readonly requests: number;
  /** The period in milliseconds. */
  readonly periodMs: number;
}

/**
 * The limits of a server. Infinity disables a limit, except for those of heads, which have a range, and
 * `connectionsMax`, for which the limit of descriptors remains. A connection with a byte protocol is closed where an
 * HTTP client would get a status.
 */
export interface ServerLimits {
  /** The longest time in milliseconds for the TLS handshake. Over it, the connection is closed. Default 10,000. */
  readonly handshakeTimeoutMs: number;
  /** The longest time in milliseconds from a request's first byte to the end of its head. Over it: 408. Default 15,000. */
  readonly headTimeoutMs: number;
  /** The longest time in milliseconds without a byte of a body that is waited for. Over it: 408. Default 30,000. */
  readonly bodyTimeoutMs: number;
  /**
   * The longest time in milliseconds in which the client takes no byte of its response. Over it, the connection is
   * closed. Default 30,000.
   */
  readonly sendTimeoutMs: number;
  /**
   * The longest idle time in milliseconds between two requests, and before the first one. It is announced to clients
   * (`Keep-Alive: timeout=60`). Default 60,000.
   */
  readonly keepAliveTimeoutMs: number;
  /**
   * The time in milliseconds for which an idle connection stays open when the server is stopping, from its last
   * response on: the next request may be on its way. That request is answered with `Connection: close`. Default 1,000.
   */
  readonly keepAliveMinTimeoutMs: number;
  /** The longest time in milliseconds that a handler may take. Over it: 503. Default 30,000. */
  readonly handlerTimeoutMs: number;
  /**
   * The longest time in milliseconds for sending what has started when the server is stopping. After it, connections
   * are closed. Default 30,000.
   */
  readonly gracePeriodMs: number;
  /**
   * The lowest rate of a request's body in bytes per second, on the average of `bodyTimeoutMs`. Under it: 408. 0
   * disables it. Default 500.
   */
  readonly receiveRateMin: number;
  /**
   * The lowest rate of a response in bytes per second, on the average of `sendTimeoutMs`. Under it, the connection is
   * closed. 0 disables it. Default 500.
   */
  readonly sendRateMin: number;
  /**
   * The longest head of a request in bytes, from 1 KiB to 1 MiB. Over it: 431. Default 16 KiB. The target may have at
   * most 8 KiB.
   */
  readonly headBytesMax: number;
  /** The greatest number of field lines in a head, from 1 to 10,000. Over it: 431. Default 100. */
  readonly fieldsMax: number;
  /** The largest body of a request in bytes. Over it: 413. Default 1 MiB. */
  readonly bodyBytesMax: number;
  /**
   * The greatest number of requests of one HTTP/2 connection at the same time, from 1 to 10,000. More are refused, and
   * clients send them later. Default 100. Open connections keep the value that they began with.
   */
  readonly streamsMax: number;
  /** The greatest number of connections. Over it: 503. By default it is derived from the limit of descriptors. */
  readonly connectionsMax: number;
  /** The greatest number of connections from one address (IPv6: one /64). Over it: 503. Default Infinity. */
  readonly connectionsPerAddressMax: number;
  /**
   * The greatest rate of requests from one address (IPv6: one /64). Over it: 429. Null, the default, does not limit it.
   */
  readonly requestRateMax: Rate | null;
  /**
   * The number of requests from one address that may come at once after a pause. Null, the default, means `requests` of
   * the rate.
   */
  readonly requestBurstMax: number | null;
}

/** The defaults. */
export const DEFAULT_LIMITS: ServerLimits = {
  handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
  headTimeoutMs: HEAD_TIMEOUT_MS,
  bodyTimeoutMs: BODY_TIMEOUT_MS,
  sendTimeoutMs: SEND_TIMEOUT_MS,
  keepAliveTimeoutMs: KEEP_ALIVE_TIMEOUT_MS,
  keepAliveMinTimeoutMs: KEEP_ALIVE_MIN_TIMEOUT_MS,
  handlerTimeoutMs: HANDLER_TIMEOUT_MS,
  gracePeriodMs: GRACE_PERIOD_MS,
  receiveRateMin: RECEIVE_RATE_BYTES_MIN,
  sendRateMin: SEND_RATE_BYTES_MIN,
  headBytesMax: HEAD_BYTES_MAX,
  fieldsMax: FIELDS_MAX,
  bodyBytesMax: BODY_BYTES_MAX,
  streamsMax: STREAMS_MAX,
  connectionsMax: Infinity,
  connectionsPerAddressMax: Infinity,
  requestRateMax: null,
  requestBurstMax: null,
};

/** The smallest permitted value of each limit. */
const LEAST: Readonly<Record<Exclude<keyof ServerLimits, "requestRateMax" | "requestBurstMax">, number>> = {
  handshakeTimeoutMs: 1,
  headTimeoutMs: 1,
  bodyTimeoutMs: 1,
  sendTimeoutMs: 1,
  keepAliveTimeoutMs: 1,
  keepAliveMinTimeoutMs: 0,
  handlerTimeoutMs: 1,
  gracePeriodMs: 0,
  receiveRateMin: 0,
  sendRateMin: 0,
  headBytesMax: HEAD_BYTES_LEAST,
  fieldsMax: 1,
  bodyBytesMax: 0,
  streamsMax: 1,
  connectionsMax: 1,
  connectionsPerAddressMax: 1,
};

/** The greatest permitted values of limits for what is kept in memory. These must be integers. */
const MOST: Readonly<Partial<Record<keyof ServerLimits, number>>> = {
  headBytesMax: HEAD_BYTES_MOST,
  fieldsMax: FIELDS_MOST,
  streamsMax: STREAMS_MOST,
};

/**
 * Returns the limits in `options`, and the defaults for the others.
 * @throws {TypeError | RangeError} for a limit that is not a number, too small, or too large
 */
export function limitsOf(options: Partial<ServerLimits>): ServerLimits {
  const limits: Record<string, unknown> = { ...DEFAULT_LIMITS };
  for (const [name, least] of Object.entries(LEAST)) {
    const value: unknown = Reflect.get(options, name);
    if (value === undefined) continue;
    if (typeof value !== "number") throw new TypeError(`${name} must be a number, not ${typeof value}`);
    if (!(value >= least)) throw new RangeError(`${name} must be at least ${least}, not ${value}`);
    const most = MOST[name as keyof ServerLimits];
    if (most !== undefined && !(value <= most && Number.isInteger(value))) {
      throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
    }
    limits[name] = value;
  }
  const rate = options.requestRateMax ?? null;
  if (
    rate !== null && ![rate.requests, rate.periodMs].every((value) => Number.isFinite(value) && value >= 1)
  ) {
    throw new RangeError("requestRateMax must be { requests, periodMs }, two numbers from 1 on");
  }
  limits["requestRateMax"] = rate;
  const burst = options.requestBurstMax ?? null;
  if (burst !== null && !(Number.isFinite(burst) && burst >= 1)) {
    throw new RangeError("requestBurstMax must be a number from 1 on");
  }
  limits["requestBurstMax"] = burst;
  return limits as unknown as ServerLimits;
}

/**
 * Returns the limits with `connectionsMax` set, if it is Infinity, to what leaves some of `descriptors` for files. 0
 * means that the limit of descriptors is not known.
 */
export function withinDescriptors(limits: ServerLimits, descriptors: number): ServerLimits {
  if (limits.connectionsMax < Infinity || descriptors === 0) return limits;
  const kept = Math.max(Math.ceil(descriptors / DESCRIPTORS_PER_KEPT_ONE), DESCRIPTORS_KEPT_MIN);
  return { ...limits, connectionsMax: Math.max(descriptors - kept, 1) };
}

/** Returns true if both have the same limits for each address, so that the counters can be kept. */
export function isSameForAddresses(one: ServerLimits, other: ServerLimits): boolean {
  return one.connectionsPerAddressMax === other.connectionsPerAddressMax &&
    one.requestBurstMax === other.requestBurstMax &&
    one.requestRateMax?.requests === other.requestRateMax?.requests &&
    one.requestRateMax?.periodMs === other.requestRateMax?.periodMs;
}
