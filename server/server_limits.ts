/**
 * What clients may take of a server, and for how long: everything that can be set about it, in one place.
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

/** So many requests in so much time. */
export interface Rate {
  /** How many; unless `requestBurstMax` says otherwise also how many may come at once, after a pause. */
  readonly requests: number;
  /** Milliseconds. */
  readonly periodMs: number;
}

/**
 * The limits of a server. Infinity takes a limit away, but for those of heads, which have a range, and that of all
 * connections: there the limit of descriptors is left. What is spoken in bytes is closed where HTTP would get a status.
 */
export interface ServerLimits {
  /** From the first byte of a request to the end of its head. Past it: 408. */
  readonly headTimeoutMs: number;
  /** In which some of a body has to arrive, while it is waited for. Past it: 408. */
  readonly bodyTimeoutMs: number;
  /** In which the client has to take some of its response. Past it, it is cut off. */
  readonly sendTimeoutMs: number;
  /** Between two requests, and before the first. Clients are told of it (`Keep-Alive: timeout=60`). */
  readonly keepAliveTimeoutMs: number;
  /**
   * So long an idle connection stays open at least when the server is to stop, counted from its last answer: the next request
   * may be on its way. That one is answered, with `Connection: close`.
   */
  readonly keepAliveMinTimeoutMs: number;
  /** What a handler may take for its answer. Past it: 503. */
  readonly handlerTimeoutMs: number;
  /** What is being sent when the server is to end may take so long. Past it, it is cut off. */
  readonly gracePeriodMs: number;
  /** Bytes a second of a body, on the average of `bodyTimeoutMs`; 0: any. Below it: 408. */
  readonly receiveRateMin: number;
  /** Bytes a second of a response, on the average of `sendTimeoutMs`; 0: any. Below it, the client is cut off. */
  readonly sendRateMin: number;
  /** The longest head of a request in bytes, from 1 KiB to 1 MiB; its target may have 8 KiB. Past it: 431. */
  readonly headBytesMax: number;
  /** Lines of fields in a head, from 1 to 10,000. Past it: 431. */
  readonly fieldsMax: number;
  /** The largest body of a request in bytes. Past it: 413. */
  readonly bodyBytesMax: number;
  /** Clients at the same time. Past it: 503. What the limit of descriptors leaves, unless told otherwise. */
  readonly connectionsMax: number;
  /** Clients of one address (of one /64 in IPv6) at the same time. Past it: 503. Infinity unless told otherwise. */
  readonly connectionsPerAddressMax: number;
  /** Requests of one address (of one /64 in IPv6). Past it: 429. Null, unless told otherwise: as many as it likes. */
  readonly requestRateMax: Rate | null;
  /** Requests of one address that may come at once, after a pause. Null, unless told otherwise: as many as the rate names. */
  readonly requestBurstMax: number | null;
}

/** What holds unless told otherwise. */
export const DEFAULT_LIMITS: ServerLimits = {
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
  connectionsMax: Infinity,
  connectionsPerAddressMax: Infinity,
  requestRateMax: null,
  requestBurstMax: null,
};

/** The smallest value that each limit may have. */
const LEAST: Readonly<Record<Exclude<keyof ServerLimits, "requestRateMax" | "requestBurstMax">, number>> = {
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
  connectionsMax: 1,
  connectionsPerAddressMax: 1,
};

/** Limits of what is kept in memory in one piece: whole numbers, and no more than that. */
const MOST: Readonly<Partial<Record<keyof ServerLimits, number>>> = {
  headBytesMax: HEAD_BYTES_MOST,
  fieldsMax: FIELDS_MOST,
};

/**
 * The limits among `options`, and the defaults for those that are left open.
 * @throws {TypeError | RangeError} for a limit that is no number, too small, or larger than it can be
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

/** Unless it is said how many connections there may be: what leaves descriptors for files. */
export function withinDescriptors(limits: ServerLimits, descriptors: number): ServerLimits {
  if (limits.connectionsMax < Infinity || descriptors === 0) return limits;
  const kept = Math.max(Math.ceil(descriptors / DESCRIPTORS_PER_KEPT_ONE), DESCRIPTORS_KEPT_MIN);
  return { ...limits, connectionsMax: Math.max(descriptors - kept, 1) };
}

/** Those who are connected are counted on, unless they have to be counted in another way. */
export function isSameForAddresses(one: ServerLimits, other: ServerLimits): boolean {
  return one.connectionsPerAddressMax === other.connectionsPerAddressMax &&
    one.requestBurstMax === other.requestBurstMax &&
    one.requestRateMax?.requests === other.requestRateMax?.requests &&
    one.requestRateMax?.periodMs === other.requestRateMax?.periodMs;
}
