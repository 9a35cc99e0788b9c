/**
 * Fair queues of password checks: wrong passwords from one network do not block a right one from another.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { BasicAuth, type Derive, PasswordChecks } from "../../handlers/site/auth/basic_auth.ts";
import type { HandlerContext } from "../../server/connection/handler.ts";
import { HttpError } from "../../server/http/http_error.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import {
  PASSWORD_CHECKS_WAITING_MAX,
  PASSWORD_CHECKS_WAITING_TOTAL_MAX,
} from "../../handlers/site/limits.ts";
import { parsePasswordHash } from "../../handlers/site/auth/password_hash.ts";
import { eventually } from "../support/descriptors.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { RawClient } from "../support/raw_client.ts";
import { bytesOf, withFields } from "../support/request_replay.ts";
import { ServedSite } from "../support/served_site.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

const HASH = hashOf("right");

/** Passwords in the order of their checks. Each check ends when the test says so. */
class Tried {
  readonly passwords: string[] = [];
  readonly #ends: (() => void)[] = [];
  readonly derive: Derive = (password) => {
    this.passwords.push(password);
    const { key } = parsePasswordHash(HASH)!;
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    this.#ends.push(() => resolve(password === "right" ? key : new Uint8Array(key.length)));
    return promise;
  };

  /** Ends the running check, and all checks after it. */
  async endAll(): Promise<void> {
    for (let end = this.#ends.shift(); end !== undefined; end = this.#ends.shift()) {
      end();
      for (let i = 0; i < 20; i++) await null;
    }
  }
}

function setUp(): {
  tried: Tried;
  ask(password: string, network: string | null): boolean | Promise<boolean>;
} {
  const tried = new Tried();
  const auth = new BasicAuth({ realm: "r", users: { ann: HASH } }, new PasswordChecks(tried.derive));
  return {
    tried,
    ask(password, network) {
      const bytes = bytesOf(withFields(basic("ann", password)));
      const request = new HttpRequest();
      assert(parseRequest(bytes, 0, bytes.length, request) > 0);
      return auth.check(request, { networkOf: () => network } as unknown as HandlerContext);
    },
  };
}

Deno.test("networks take turns, however many passwords each of them sends", async () => {
  const { tried, ask } = setUp();
  for (let i = 0; i < 6; i++) ask(`a${i}`, "192.0.2.1");
  for (let i = 0; i < 3; i++) ask(`b${i}`, "192.0.2.2");
  const right = ask("right", "2001:db8:0:1::/64");
  await tried.endAll();
  assertEquals(tried.passwords.join(" "), "a0 a1 b0 right a2 b1 a3 b2 a4 a5");
  assertEquals(await right, true);
});

Deno.test("a network has a bounded number of places; when all are taken, the network with most of them loses one", async () => {
  const { tried, ask } = setUp();
  const waiting: (boolean | Promise<boolean>)[] = [];
  const refused: string[] = [];
  const wait = (password: string, network: string) => {
    const answer = ask(password, network);
    assert(answer instanceof Promise);
    answer.catch((error) => {
      assert(error instanceof HttpError && error.status === 503, String(error));
      refused.push(password);
    });
    waiting.push(answer);
  };
  wait("first", "x"); // which is being checked
  const networks = PASSWORD_CHECKS_WAITING_TOTAL_MAX / PASSWORD_CHECKS_WAITING_MAX;
  for (let network = 0; network < networks; network++) {
    for (let i = 0; i < PASSWORD_CHECKS_WAITING_MAX; i++) wait(`${network}.${i}`, `n${network}`);
    assertThrows(() => ask("one more", `n${network}`), HttpError);
  }
  for (let i = 0; i < 3; i++) wait(`late ${i}`, "late");
  wait("right", "10.0.0.1");
  await sleep(0);
  assertEquals(refused.length, 4);
  assert(refused.every((password) => /^\d+\.31$/.test(password)), "the last ones of the longest queues");
  await tried.endAll();
  assertEquals(tried.passwords.length, 1 + PASSWORD_CHECKS_WAITING_TOTAL_MAX);
  assert(tried.passwords.indexOf("right") <= networks + 2, "within one round");
});

Deno.test("when each place has another network, a further network's password is rejected, and so is a second one of a network", () => {
  const { ask } = setUp();
  for (let i = 0; i <= PASSWORD_CHECKS_WAITING_TOTAL_MAX; i++) ask(`wrong ${i}`, `n${i}`);
  assertThrows(() => ask("right", "other"), HttpError);
  assertThrows(() => ask("another", "n7"), HttpError);
});

Deno.test("the same password in another network's queue is not waited for", async () => {
  const { tried, ask } = setUp();
  for (let i = 0; i < 10; i++) ask(`a${i}`, "192.0.2.1");
  const slow = ask("right", "192.0.2.1");
  const quick = ask("right", "192.0.2.2");
  assert(slow !== quick);
  assertEquals(ask("right", "192.0.2.2"), quick);
  await tried.endAll();
  assert(tried.passwords.indexOf("right") <= 2);
  assertEquals([await slow, await quick], [true, true]);
});

/** Returns how many responses had each status. */
type Statuses = Map<number, number>;

/** Sends guesses on GUESSERS connections, each one after the response to the one before, while `task` runs. */
async function whileGuessing(
  port: number,
  lines: readonly string[],
  task: (statuses: Statuses) => Promise<void>,
): Promise<Statuses> {
  const statuses: Statuses = new Map();
  let isOver = false;
  let guesses = 0;
  const wires = await Promise.all(Array.from({ length: GUESSERS }, () => Wire.connect(port)));
  const guessing = wires.map(async (wire) => {
    while (!isOver) {
      await wire.send(get("/a.txt", basic("ann", `wrong ${guesses++}`), ...lines));
      const { status } = await wire.expect();
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 503) await sleep(20);
    }
    wire[Symbol.dispose]();
  });
  try {
    await eventually(() => statuses.has(401) && statuses.has(503), "their queue is not full");
    await task(statuses);
  } finally {
    isOver = true;
    await Promise.all(guessing);
  }
  return statuses;
}

const CONFIG = { auth: [{ source: "/**", users: { ann: hashOf("right", 13), ben: hashOf("right", 13) } }] };
const GUESSERS = 40;
/**
 * Guesses that are answered while a right password waits: a running one, one of each network, and those that arrive
 * meanwhile.
 */
const ANSWERED_BEFORE_MAX = 5;

/** Returns how many guesses were answered during `ask`. */
async function countWhile(statuses: Statuses, ask: () => Promise<void>): Promise<number> {
  const before = statuses.get(401) ?? 0;
  await ask();
  return (statuses.get(401) ?? 0) - before;
}

Deno.test("40 connections that guess do not block a right password from another address", async () => {
  await using served = await ServedSite.start({ "a.txt": "a" }, { config: CONFIG });
  await whileGuessing(served.port, [], async (statuses) => {
    for (const [user, host] of [["ann", 2], ["ben", 3]] as const) {
      using client = await RawClient.connect(served.port, undefined, host);
      const answered = await countWhile(statuses, async () => {
        await client.send(get("/a.txt", basic(user, "right"), "Connection: close"));
        const buffer = new Uint8Array(4096);
        const text = new TextDecoder().decode(buffer.subarray(0, await client.receive(buffer)));
        assertMatch(text, /^HTTP\/1\.1 200 OK\r\n/);
      });
      assert(answered <= ANSWERED_BEFORE_MAX, `${user} came after ${answered} guesses`);
    }
  });
});

Deno.test("behind a trusted proxy the same holds for the clients that the proxy names, each by its /64", async () => {
  await using served = await ServedSite.start({ "a.txt": "a" }, {
    config: CONFIG,
    args: ["--trust-proxy", "127.0.0.1"],
  });
  const from = (address: string) => `X-Forwarded-For: ${address}`;
  await whileGuessing(served.port, [from("2001:db8::1")], async (statuses) => {
    const answered = await countWhile(statuses, async () => {
      assertEquals(await served.say("/a.txt", basic("ann", "right"), from("2001:db8:0:1::1")), "200 a");
    });
    assert(answered <= ANSWERED_BEFORE_MAX, `after ${answered} guesses`);
    // Another address of the network that guesses waits behind the guesses, or gets 503.
    let answer = "";
    const behind = await countWhile(statuses, async () => {
      answer = await served.say("/a.txt", basic("ben", "right"), from("2001:db8::2"));
    });
    assert(answer.startsWith("503") || behind > ANSWERED_BEFORE_MAX, `${answer} after ${behind} guesses`);
  });
});

Deno.test("without a trusted proxy a client cannot claim another network", async () => {
  await using served = await ServedSite.start({ "a.txt": "a" }, { config: CONFIG });
  await whileGuessing(served.port, [], async (statuses) => {
    let answer = "";
    const named = ["X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7"];
    const behind = await countWhile(statuses, async () => {
      answer = await served.say("/a.txt", basic("ann", "right"), ...named);
    });
    assert(answer.startsWith("503") || behind > ANSWERED_BEFORE_MAX, `${answer} after ${behind} guesses`);
  });
});
