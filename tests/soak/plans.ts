/**
 * Behaviours of clients: the use of one connection, from its beginning to its end.
 * @module
 */
import type { Random } from "../support/random.ts";
import type { Exchange } from "./exchange.ts";
import type { Traffic } from "./traffic.ts";

/** The use of one connection. */
export interface Plan {
  readonly behaviour: string;
  readonly exchanges: readonly Exchange[];
  /** The number of requests that are sent before the client waits for a response. */
  readonly atOnce: number;
  /** The client ends its half with its last request. */
  readonly halfCloses?: boolean;
  /** Each request is sent in two parts, with this many milliseconds between them. */
  readonly splitMs?: number;
  /** The client leaves instead of sending the second part. */
  readonly leavesInRequest?: boolean;
  /** The client leaves after it has received this many bytes. */
  readonly leavesAfterBytes?: number;
  /** The client leaves by a reset, not by FIN. */
  readonly resets?: boolean;
  /** The receive buffer to ask for, and the number of bytes that are read at a time, a millisecond apart. */
  readonly receiveBytes?: number;
  /** HTTP/2: the client resets each fourth stream once it has this many bytes of it. */
  readonly cancelsAfterBytes?: number;
  /** HTTP/2: the windows of its streams. */
  readonly windowBytes?: number;
  /** The second part is never sent, so the server has to answer 408. */
  readonly waitsFor408?: boolean;
}

/** How often each behaviour occurs, per thousand. The remaining clients keep the connection for some requests. */
export interface Mixture {
  readonly single: number;
  readonly pipelined: number;
  readonly halfClosing: number;
  readonly leaving: number;
  readonly stalling: number;
  readonly refused: number;
  readonly slow: number;
  /** Per ten thousand. */
  readonly silent: number;
  /** The number of requests for each change of the site. */
  readonly requestsPerChange: number;
}

/** Requests of a connection that fills the server's cache of heads. */
export const FILLING_REQUESTS = 64;

/** A mixture with many requests per connection. */
export const MANY_REQUESTS: Mixture = {
  single: 300,
  pipelined: 150,
  halfClosing: 80,
  leaving: 80,
  stalling: 30,
  refused: 40,
  slow: 4,
  silent: 4,
  requestsPerChange: 20,
};

/** A mixture with many connections: one request each, except for clients that leave early. */
export const MANY_CONNECTIONS: Mixture = {
  single: 850,
  pipelined: 0,
  halfClosing: 60,
  leaving: 50,
  stalling: 5,
  refused: 30,
  slow: 1,
  silent: 1,
  requestsPerChange: 100,
};

/** Sends each head twice in a row, so that the server's cache of heads remembers it. */
export function fillingPlan(traffic: Traffic, first: number): Plan {
  const exchanges = Array.from(
    { length: FILLING_REQUESTS },
    (_, i) => traffic.small({ kind: "filling", query: `?filling-${first + (i >> 1)}` }),
  );
  return { behaviour: "filling", exchanges, atOnce: FILLING_REQUESTS };
}

/** Returns the next plan. */
export function nextPlan(traffic: Traffic, random: Random, mixture: Mixture): Plan {
  if (random.below(10_000) < mixture.silent) {
    return {
      behaviour: "silent in a head",
      exchanges: [traffic.small()],
      atOnce: 1,
      splitMs: 0,
      waitsFor408: true,
    };
  }
  let chance = random.below(1000);
  const isIn = (share: number) => (chance -= share) < 0;
  if (isIn(mixture.single)) {
    // Either end may close the connection first.
    return {
      behaviour: "one request",
      exchanges: [traffic.next(random.oneIn(2))],
      atOnce: 1,
      resets: random.oneIn(8),
    };
  }
  if (isIn(mixture.pipelined)) {
    const exchanges = several(traffic, random, 2 + random.below(24));
    return { behaviour: "pipelined", exchanges, atOnce: 1 + random.below(exchanges.length) };
  }
  if (isIn(mixture.halfClosing)) {
    const exchanges = mixture.pipelined === 0 || random.oneIn(2)
      ? [random.oneIn(50) ? traffic.large() : whole(traffic, false)]
      : several(traffic, random, 2 + random.below(4));
    return { behaviour: "half-closed", exchanges, atOnce: exchanges.length, halfCloses: true };
  }
  if (isIn(mixture.leaving)) return leaving(traffic, random);
  if (isIn(mixture.stalling)) {
    const exchanges = Array.from({ length: 1 + random.below(3) }, () => traffic.small());
    return { behaviour: "stalled in a head", exchanges, atOnce: 1, splitMs: 1 + random.below(300) };
  }
  if (isIn(mixture.refused)) {
    const before = mixture.pipelined === 0 || random.oneIn(2) ? [] : [whole(traffic, false)];
    const exchanges = [...before, traffic.refused()];
    return { behaviour: "refused", exchanges, atOnce: 1 + random.below(exchanges.length) };
  }
  if (isIn(mixture.slow)) {
    const receiveBytes = 2048 << random.below(4);
    const exchanges = [random.oneIn(3) ? traffic.large() : traffic.medium({})];
    return { behaviour: "slow reader", exchanges, atOnce: 1, receiveBytes };
  }
  const exchanges = Array.from({ length: 2 + random.below(40) }, () => traffic.next(false));
  return { behaviour: "kept alive", exchanges, atOnce: 1 };
}

/** Returns the next plan of a client that speaks HTTP/2, on as many streams as requests are sent at once. */
export function nextHttp2Plan(traffic: Traffic, random: Random): Plan {
  const exchanges = Array.from({ length: 1 + random.below(60) }, () => traffic.next(false));
  const atOnce = 1 + random.below(Math.min(exchanges.length, 50));
  const plan = { behaviour: "streams", exchanges, atOnce };
  switch (random.below(10)) {
    case 0:
      return { ...plan, behaviour: "streams with small windows", windowBytes: 1000 + random.below(10_000) };
    case 1:
    case 2:
      return { ...plan, behaviour: "streams that are reset", cancelsAfterBytes: random.below(3000) };
    case 3:
      return {
        ...plan,
        behaviour: "left in a stream",
        leavesAfterBytes: random.below(100_000),
        resets: random.oneIn(2),
      };
    case 4:
      return {
        ...plan,
        behaviour: "half-closed",
        atOnce: exchanges.length,
        halfCloses: true,
        windowBytes: 1 << 24,
      };
    case 5:
      return random.oneIn(10)
        ? { ...plan, behaviour: "slow reader", receiveBytes: 4096 << random.below(4) }
        : { ...plan, behaviour: "one request", exchanges: [traffic.next(false)], atOnce: 1 };
    default:
      return plan;
  }
}

function several(traffic: Traffic, random: Random, count: number): Exchange[] {
  const closes = random.oneIn(3);
  return Array.from({ length: count }, (_, i) => whole(traffic, closes && i === count - 1));
}

/** Returns a request that can be sent in one part. */
function whole(traffic: Traffic, closes: boolean): Exchange {
  for (;;) {
    const exchange = traffic.next(closes);
    if (exchange.late === null) return exchange;
  }
}

function leaving(traffic: Traffic, random: Random): Plan {
  const resets = random.oneIn(2);
  switch (random.below(4)) {
    case 0: // half a head is sent
      return {
        behaviour: "left in a request",
        exchanges: [whole(traffic, false)],
        atOnce: 1,
        splitMs: random.below(5),
        leavesInRequest: true,
        resets,
      };
    case 1: // nothing is sent, or the request has just been sent
      return {
        behaviour: "left at once",
        exchanges: [whole(traffic, false)],
        atOnce: 1,
        leavesAfterBytes: 0,
        resets,
      };
    case 2: // in the middle of many requests
      return {
        behaviour: "left while pipelining",
        exchanges: several(traffic, random, 10),
        atOnce: 10,
        leavesAfterBytes: random.below(20_000),
        resets,
      };
    default: {
      const exchange = random.oneIn(10) ? traffic.large() : traffic.medium({});
      const leavesAfterBytes = random.below(300_000);
      return { behaviour: "left in an answer", exchanges: [exchange], atOnce: 1, leavesAfterBytes, resets };
    }
  }
}
