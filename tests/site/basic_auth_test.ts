/**
 * Password hashes, their checks, and what is remembered of them.
 * @module
 */
import { scryptSync } from "node:crypto";
import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { BasicAuth, BUSY_FIELDS, type Derive, PasswordChecks } from "../../handlers/site/auth/basic_auth.ts";
import { HttpError } from "../../server/http/http_error.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { PASSWORD_CHECKS_AT_ONCE_MAX, PASSWORD_CHECKS_WAITING_MAX } from "../../handlers/site/limits.ts";
import {
  deriveKey,
  hashPassword,
  isPasswordHash,
  parsePasswordHash,
} from "../../handlers/site/auth/password_hash.ts";
import { bytesOf, withFields } from "../support/request_replay.ts";
import { eventually } from "../support/waiting.ts";

const SALT = "c2FsdHNhbHRzYWx0c2FsdA";
const KEY = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U";

/** A hash that is made in a few milliseconds. Real ones take 32 times as long. */
function cheapHash(password: string, logN = 10): string {
  const key = scryptSync(password.normalize("NFC"), "saltsaltsaltsalt", 32, { N: 2 ** logN, r: 8, p: 1 });
  return `$scrypt$ln=${logN},r=8,p=1$${SALT}$${key.toString("base64").replace(/=+$/, "")}`;
}

function requestWith(...lines: string[]): HttpRequest {
  const bytes = bytesOf(withFields(...lines));
  const request = new HttpRequest();
  assertEquals(parseRequest(bytes, 0, bytes.length, request), bytes.length, lines.join());
  return request;
}

function login(user: string, password: string): HttpRequest {
  const pair = String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`));
  return requestWith(`Authorization: Basic ${btoa(pair)}`);
}

/** Computes keys, and records the passwords and the costs of the hashes. */
class Counted {
  readonly passwords: string[] = [];
  readonly costs: number[] = [];
  running = 0;
  most = 0;
  readonly derive: Derive = async (password, hash) => {
    this.passwords.push(password);
    this.costs.push(hash.logN);
    this.most = Math.max(this.most, ++this.running);
    try {
      return await deriveKey(password, hash);
    } finally {
      this.running--;
    }
  };
}

/** Returns the key that the test sets, when the test says so. */
class Held {
  readonly calls: { resolve(key: Uint8Array): void; reject(error: Error): void }[] = [];
  readonly derive: Derive = () => {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.calls.push({ resolve, reject });
    return promise;
  };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await null;
}

const RULE = { realm: "r", users: { ann: cheapHash("secret"), "bö": cheapHash("ü:b") } };

Deno.test("RFC 7914 §12: the key is that of scrypt", async () => {
  const key = await deriveKey("pleaseletmein", {
    logN: 14,
    r: 8,
    p: 1,
    salt: new TextEncoder().encode("SodiumChloride"),
    key: new Uint8Array(64),
  });
  const hex = Array.from(key, (byte) => byte.toString(16).padStart(2, "0")).join("");
  assertMatch(hex, /^7023bdcb3afd7348461c06cd81fd38ebfda8fbba.*45575887$/);
});

Deno.test("a hash is in the PHC format, salted, and matches only its password", async () => {
  const hash = hashPassword("pässword");
  assertMatch(hash, /^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assertNotEquals(hash, hashPassword("pässword"));
  assert(isPasswordHash(hash));
  const auth = new BasicAuth({ realm: "r", users: { ann: hash } });
  assertEquals(await auth.check(login("ann", "password")), false);
  assertEquals(await auth.check(login("ann", "pa\u0308ssword")), true); // typed on another system
  assertEquals(auth.check(login("ann", "pässword")), true);
});

Deno.test("a password that no request can carry is not hashed", () => {
  for (const [password, why] of [["", "empty"], ["a\n", "control"], ["x".repeat(513), "at most 512"]]) {
    assertThrows(() => hashPassword(password!), TypeError, why);
  }
});

Deno.test("a hash of another tool in this format is accepted; one that is too expensive, or cut off, is not", () => {
  const cases: [string, boolean][] = [
    [`$scrypt$ln=15,r=8,p=1$${SALT}$${KEY}`, true],
    [`$scrypt$ln=16,r=8,p=1$${SALT}$${KEY}`, true], // 64 MiB
    [`$scrypt$ln=15,r=8,p=8$${SALT}$${KEY}`, true],
    [`$scrypt$ln=10,r=8,p=1$${SALT}$${KEY}`, true],
    [`$scrypt$ln=15,r=1,p=1$${SALT}$${KEY}`, true],
    [`$scrypt$ln=17,r=8,p=1$${SALT}$${KEY}`, false], // 128 MiB
    [`$scrypt$ln=15,r=17,p=1$${SALT}$${KEY}`, false],
    [`$scrypt$ln=15,r=8,p=9$${SALT}$${KEY}`, false],
    [`$scrypt$ln=16,r=1,p=1$${SALT}$${KEY}`, false], // N < 2^(128 r / 8)
    [`$scrypt$ln=9,r=8,p=1$${SALT}$${KEY}`, false],
    [`$scrypt$ln=63,r=99,p=99$${SALT}$${KEY}`, false],
    [`$scrypt$ln=99,r=99,p=99$${SALT}$${KEY}`, false],
    [`$scrypt$ln=015,r=8,p=1$${SALT}$${KEY}`, false],
    [`$scrypt$ln=15,r=0,p=1$${SALT}$${KEY}`, false],
    [`$scrypt$ln=15,r=8,p=0$${SALT}$${KEY}`, false],
    [`$scrypt$ln=1e1,r=8,p=1$${SALT}$${KEY}`, false],
    [`$scrypt$ln=15,r=8,p=1$${SALT}`, false],
    [`$scrypt$ln=15,r=8,p=1$${SALT}$`, false],
    [`$scrypt$ln=15,r=8,p=1$$${KEY}`, false],
    [`$scrypt$ln=15,r=8,p=1$${SALT}$${KEY}=`, false],
    [`$scrypt$ln=15,r=8,p=1$${SALT}$${KEY.slice(0, -1)}F`, false], // unused bits are set
    [`$scrypt$ln=15,r=8,p=1$${SALT}$${KEY.slice(0, 21)}`, false],
    [`$scrypt$ln=15,r=8,p=1$${SALT}$${KEY}\n`, false],
    [` $scrypt$ln=15,r=8,p=1$${SALT}$${KEY}`, false],
    [`$scrypt$r=8,ln=15,p=1$${SALT}$${KEY}`, false],
    [`$argon2id$v=19$m=65536,t=3,p=4$${SALT}$${KEY}`, false],
    ["$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC", false],
    ["secret", false],
    ["", false],
  ];
  for (const [text, expected] of cases) assertEquals(isPasswordHash(text), expected, text);
  assertEquals(parsePasswordHash(cases[0]![0])?.key.length, 32);
});

Deno.test("the largest hashes that are allowed can be computed", async () => {
  for (const costs of ["ln=16,r=8,p=1", "ln=12,r=99,p=1", "ln=15,r=1,p=1", "ln=10,r=8,p=99"]) {
    const hash = parsePasswordHash(`$scrypt$${costs}$${SALT}$${KEY}`);
    assert(hash !== null, costs);
    assertEquals((await deriveKey("x", hash)).length, 32, costs);
  }
});

Deno.test("a rule that no request could satisfy is rejected", () => {
  const hash = cheapHash("x");
  const cases: [{ realm: string; users: Record<string, string> }, string][] = [
    [{ realm: "a\r\nb", users: {} }, "realm"],
    [{ realm: "r", users: { "a:b": hash } }, "colon"],
    [{ realm: "r", users: { "a\n": hash } }, "control"],
    [{ realm: "r", users: { ann: "secret" } }, `The password of user "ann" is no scrypt hash`],
  ];
  for (const [rule, why] of cases) assertThrows(() => new BasicAuth(rule), TypeError, why);
  const { challenge } = new BasicAuth({ realm: 'a"b', users: {} });
  assertEquals(challenge, [["WWW-Authenticate", 'Basic realm="a\\"b", charset="UTF-8"']]);
  assert(new HttpResponse(401, challenge, null));
  assert(new HttpResponse(503, BUSY_FIELDS, null));
});

Deno.test("users are accepted with their own passwords only", async () => {
  const auth = new BasicAuth(RULE);
  const cases: [string, string, boolean][] = [
    ["ann", "secret", true],
    ["bö", "ü:b", true],
    ["bo\u0308", "u\u0308:b", true],
    ["ann", "Secret", false],
    ["ann", "secre", false],
    ["ann", "secret ", false],
    ["ann", "", false],
    ["Ann", "secret", false],
    ["ann ", "secret", false],
    ["", "secret", false],
    ["bö", "secret", false],
    ["ann", "ü:b", false],
    ["constructor", "secret", false],
    ["__proto__", "secret", false],
  ];
  for (const times of ["the first time", "again"]) {
    for (const [user, password, expected] of cases) {
      assertEquals(await auth.check(login(user, password)), expected, `${user} ${password} ${times}`);
    }
  }
});

Deno.test("without valid credentials nothing is computed", () => {
  const counted = new Counted();
  const auth = new BasicAuth(RULE, new PasswordChecks(counted.derive));
  assertEquals(auth.check(requestWith()), false);
  for (const value of ["", "Basic", "Basic !", "Bearer YTpi", `Basic ${btoa("no colon")}`]) {
    assertEquals(auth.check(requestWith(`Authorization: ${value}`)), false, value);
  }
  const twice = `Authorization: Basic ${btoa("ann:secret")}`;
  assertEquals(auth.check(requestWith(twice, twice)), false);
  const withoutUsers = new BasicAuth({ realm: "r", users: {} }, new PasswordChecks(counted.derive));
  assertEquals(withoutUsers.check(login("ann", "secret")), false);
  assertEquals(counted.passwords, []);
});

Deno.test("correct credentials are accepted at once later; wrong ones are checked each time, and never accepted", async () => {
  const counted = new Counted();
  const auth = new BasicAuth(RULE, new PasswordChecks(counted.derive));
  for (let i = 0; i < 3; i++) assertEquals(await auth.check(login("ann", "wrong")), false);
  assertEquals(counted.passwords, ["wrong", "wrong", "wrong"]);
  assertEquals(await auth.check(login("ann", "secret")), true);
  assertEquals(auth.check(login("ann", "secret")), true);
  assertEquals(await auth.check(login("ann", "wrong")), false);
  assertEquals(auth.check(login("ann", "secret")), true);
  assertEquals(counted.passwords.length, 5);
  const other = new BasicAuth(RULE, new PasswordChecks(counted.derive));
  assertEquals(await other.check(login("ann", "secret")), true);
  assertEquals(counted.passwords.length, 6, "each rule has a memory of its own");
});

Deno.test("an unknown name takes the same work as a wrong password, also when costs differ", async () => {
  const costs: number[] = [];
  const users = { ann: cheapHash("a", 10), ben: cheapHash("b", 11), cem: cheapHash("c", 12) };
  const auth = new BasicAuth(
    { realm: "r", users },
    new PasswordChecks((_password, hash) => {
      costs.push(hash.logN);
      return Promise.resolve(hash.key); // as if the password matched every hash
    }),
  );
  for (let i = 0; i < 100; i++) {
    for (const password of ["a", "b"]) assertEquals(await auth.check(login(`unknown${i}`, password)), false);
    assertEquals(costs[2 * i], costs[2 * i + 1], "a name has one cost");
  }
  assertEquals(costs.length, 200);
  assertEquals(Array.from(new Set(costs)).sort(), [10, 11, 12], "fails by chance once in 10^17 runs");
});

Deno.test("a bounded number of checks runs, a bounded number waits, and more are rejected at once", async () => {
  const held = new Held();
  const checks = new PasswordChecks(held.derive);
  const auth = new BasicAuth(RULE, checks);
  const room = PASSWORD_CHECKS_AT_ONCE_MAX + PASSWORD_CHECKS_WAITING_MAX;
  const answers = Array.from({ length: room }, (_, i) => auth.check(login("ann", `wrong${i}`)));
  assertEquals(held.calls.length, PASSWORD_CHECKS_AT_ONCE_MAX);
  const other = new BasicAuth(RULE, checks);
  for (const one of [auth, other]) {
    const error = assertThrows(() => one.check(login("ann", "secret")), HttpError, "passwords");
    assertEquals(error.status, 503);
  }
  assert(auth.check(login("ann", "wrong0")) === answers[0], "the same is waited for together");
  assert(auth.check(login("ann", `wrong${room - 1}`)) === answers[room - 1]);
  for (let i = 0; i < room; i++) {
    assertEquals(held.calls.length, Math.min(i + PASSWORD_CHECKS_AT_ONCE_MAX, room), `after ${i}`);
    held.calls[i]!.resolve(new Uint8Array(32));
    assertEquals(await answers[i], false);
    await settle();
  }
  // There is room again for as many.
  for (let i = 0; i < room; i++) assert(auth.check(login("ann", `again${i}`)) instanceof Promise);
  assertThrows(() => auth.check(login("ann", "secret")), HttpError);
});

Deno.test("remembered credentials are accepted at once while others are guessed", async () => {
  const held = new Held();
  const auth = new BasicAuth(RULE, new PasswordChecks(held.derive));
  const answer = auth.check(login("ann", "secret"));
  held.calls[0]!.resolve(parsePasswordHash(RULE.users.ann)!.key);
  assertEquals(await answer, true);
  const room = PASSWORD_CHECKS_AT_ONCE_MAX + PASSWORD_CHECKS_WAITING_MAX;
  for (let i = 0; i < room; i++) auth.check(login("ann", `wrong${i}`));
  assertThrows(() => auth.check(login("ann", "wrong")), HttpError);
  assertEquals(auth.check(login("ann", "secret")), true);
});

Deno.test("concurrent requests with the same credentials share one check; a failed check is not reused later", async () => {
  const held = new Held();
  const auth = new BasicAuth(RULE, new PasswordChecks(held.derive));
  const first = auth.check(login("ann", "secret"));
  const second = auth.check(login("ann", "secret"));
  assert(first === second && first instanceof Promise);
  held.calls[0]!.reject(new Error("no memory"));
  assertEquals(await first.catch((error: Error) => error.message), "no memory");
  const third = auth.check(login("ann", "secret"));
  assertEquals(held.calls.length, 2);
  held.calls[1]!.resolve(parsePasswordHash(RULE.users.ann)!.key);
  assertEquals(await third, true);
});

Deno.test("no more checks run at a time than allowed, and all get their results", async () => {
  const counted = new Counted();
  const auth = new BasicAuth(RULE, new PasswordChecks(counted.derive));
  const passwords = Array.from({ length: 20 }, (_, i) => i === 13 ? "secret" : `wrong${i}`);
  const answers = await Promise.all(passwords.map((password) => auth.check(login("ann", password))));
  assertEquals(answers, passwords.map((password) => password === "secret"));
  assertEquals(counted.most, PASSWORD_CHECKS_AT_ONCE_MAX);
});

Deno.test("the event loop goes on while a password is checked", async () => {
  const auth = new BasicAuth({ realm: "r", users: { ann: hashPassword("secret") } });
  let isAnswered = false;
  let timers = 0;
  const answer = Promise.resolve(auth.check(login("ann", "secret"))).finally(() => isAnswered = true);
  const timer = setInterval(() => timers++, 0);
  try {
    await eventually(() => isAnswered, "the password is not tried");
  } finally {
    clearInterval(timer);
  }
  assertEquals(await answer, true);
  assert(timers >= 3, `${timers} timers fired`);
});
