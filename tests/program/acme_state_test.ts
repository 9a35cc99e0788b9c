/**
 * When certificates are renewed, and when the authority is asked again after a failure.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { readCertificateName } from "../../server/certificate_name.ts";
import { Expected } from "../../server/usage_error.ts";
import {
  afterFailure,
  afterSuccess,
  atStart,
  dueMs,
  factsFor,
  readState,
  type SavedState,
  suggestedRenewal,
  usualRenewal,
  writeState,
} from "../../program/acme/saved_state.ts";
import { describeChallenge } from "../../program/acme/problem.ts";
import { certificateIdentifier } from "../../program/acme/renewal_info.ts";
import { loadLibc } from "../../ffi/libc/libc.ts";
import { loadOpenssl } from "../../ffi/openssl/openssl.ts";
import { Store } from "../../program/acme/store.ts";
import { Site } from "../support/site.ts";
import { openssl, TestCertificates } from "../support/test_certificates.ts";

loadLibc(); // outside of any test, because libraries stay open
loadOpenssl();

const DAY_MS = 86_400_000;
const WANTED = { directory: "https://a.example/dir", profile: null };
const NOW = Date.now();
const FACTS = {
  names: ["a.example"],
  subject: "",
  issuer: "",
  notBeforeMs: NOW - 10 * DAY_MS,
  notAfterMs: NOW + 80 * DAY_MS,
  keyType: "ECDSA 256",
  isSelfSigned: false,
  chainLength: 2,
};

Deno.test("a certificate is renewed at two thirds of its lifetime, at most a thirtieth earlier, or when its authority suggests", () => {
  assertEquals(usualRenewal(FACTS), FACTS.notBeforeMs + 60 * DAY_MS);
  assertEquals(usualRenewal(FACTS, 1), FACTS.notBeforeMs + 57 * DAY_MS);
  const suggested = afterSuccess(WANTED, NOW + DAY_MS, NOW, NOW);
  assertEquals(dueMs(FACTS, suggested, WANTED), NOW + DAY_MS);
  const late = afterSuccess(WANTED, FACTS.notAfterMs + 1, NOW, NOW);
  assertEquals(dueMs(FACTS, late, WANTED), usualRenewal(FACTS));
});

Deno.test("a suggestion does not renew a certificate within 6 hours, unless that is usual for its lifetime", () => {
  const usualMs = usualRenewal(FACTS);
  assertEquals(suggestedRenewal(NOW + DAY_MS, NOW, usualMs), NOW + DAY_MS);
  assertEquals(suggestedRenewal(0, NOW, usualMs), NOW + DAY_MS / 4);
  assertEquals(suggestedRenewal(5, 0, usualMs), DAY_MS / 4);
  assertEquals(suggestedRenewal(NOW, NOW, NOW + 60_000), NOW + 60_000);
});

Deno.test("a certificate is asked for at once if there is none, it has expired, or it is of another authority or profile", () => {
  const state = afterSuccess(WANTED, NOW + DAY_MS, NOW, NOW);
  assertEquals(dueMs(null, state, WANTED), 0);
  assertEquals(dueMs({ ...FACTS, notAfterMs: NOW - 1 }, state, WANTED), 0);
  assertEquals(dueMs(FACTS, state, { ...WANTED, directory: "https://b.example/dir" }), 0);
  assertEquals(dueMs(FACTS, state, { ...WANTED, profile: "shortlived" }), 0);
});

Deno.test("pauses after failures double up to a day, for 30 days; a start shortens them, unless the authority has named the time", () => {
  const failure = { message: "refused", isRefused: true, retryAfterMs: null };
  let state: SavedState = afterSuccess(WANTED, 0, 0, NOW);
  const pauses: number[] = [];
  let atMs = NOW;
  while (state.tryAgainAtMs !== null || state.failures === 0) {
    state = afterFailure(state, failure, atMs, 0);
    if (state.tryAgainAtMs === null) break;
    pauses.push(state.tryAgainAtMs - atMs);
    atMs = state.tryAgainAtMs;
  }
  assertEquals(pauses.slice(0, 4), [60_000, 120_000, 240_000, 480_000]);
  assertEquals(Math.max(...pauses), DAY_MS);
  const days = (atMs - NOW) / DAY_MS;
  assert(days > 30 && days < 32, `${days}`);
  assertEquals(dueMs(null, state, WANTED), null);
  assertEquals(atStart(state).tryAgainAtMs, atMs + 60_000);
  const unreached = afterFailure(afterSuccess(WANTED, 0, 0, NOW), { ...failure, isRefused: false }, NOW, 0);
  assertEquals(unreached.tryAgainAtMs, NOW + 5000);
  const limited = afterFailure(unreached, { ...failure, retryAfterMs: 3 * DAY_MS }, NOW, 0);
  assertEquals(limited.tryAgainAtMs, NOW + 3 * DAY_MS);
  assertEquals(atStart(limited), limited);
});

Deno.test("what was saved is read again, and a damaged file counts as none", () => {
  using scene = new Site();
  const store = new Store(`${scene.root}/acme`);
  store.make();
  const state = afterFailure(
    readState(store, "a.example"),
    { message: "x", isRefused: true, retryAfterMs: null },
    NOW,
    0,
  );
  writeState(store, "a.example", state);
  assertEquals(readState(store, "a.example"), state);
  Deno.writeTextFileSync(`${store.directory}/a.example.json`, '{ "failures": "many", "lastError": 3 }');
  assertEquals(readState(store, "a.example").failures, 0);
  Deno.writeTextFileSync(`${store.directory}/a.example.json`, "{");
  assertEquals(readState(store, "a.example").lastError, null);
});

Deno.test("only one process holds the lock of a directory, and its holder removes what a killed one has left", () => {
  using scene = new Site();
  const store = new Store(`${scene.root}/acme`);
  store.make();
  Deno.writeTextFileSync(`${store.directory}/.new-a.example.pem`, "half");
  Deno.writeTextFileSync(`${store.directory}/challenges/abcdefghijklmnopqrstuvwxyz`, "old");
  {
    using _ = store.lock();
    assertEquals(store.lock(), null);
    assertEquals([...Deno.readDirSync(store.directory)].map(({ name }) => name).sort(), [
      "accounts",
      "challenges",
      "lock",
    ]);
    assertEquals([...Deno.readDirSync(`${store.directory}/challenges`)], []);
  }
  using again = store.lock();
  assert(again !== null);
});

Deno.test("a certificate counts only for its name, and with its own key", () => {
  using certificates = new TestCertificates();
  const { cert, key } = certificates.make({ names: ["a.example"], isIssued: true });
  const other = certificates.make({ names: ["a.example"] });
  assertEquals(factsFor("a.example", key + cert)?.names, ["a.example"]);
  assertEquals(factsFor("b.example", key + cert), null);
  assertEquals(factsFor("a.example", other.key + cert), null);
  assertEquals(factsFor("a.example", cert), null);
  assertEquals(factsFor("a.example", "nothing"), null);
});

Deno.test("names are brought into the form of certificates, and what no challenge can prove is refused", () => {
  assertEquals(readCertificateName("Example.ORG"), "example.org");
  assertEquals(readCertificateName("bücher.example"), "xn--bcher-kva.example");
  assertEquals(readCertificateName("localhost"), "localhost");
  for (
    const text of [
      "*.a.example",
      "192.0.2.1",
      "::1",
      "a.example:443",
      "",
      ".",
      "a..b",
      "-a.example",
      "a b",
      "a/b",
      "../x",
      "a.example.",
      "x".repeat(64),
    ]
  ) {
    assertThrows(() => readCertificateName(text), Expected);
  }
});

Deno.test("the identifier of a certificate is the one of its authority's key and its number", () => {
  using certificates = new TestCertificates();
  const made = certificates.make({ names: ["a.example"] });
  // The test's certificates have no extension for the authority's key.
  assertEquals(certificateIdentifier(made.cert), null);
  const issued = `${certificates.directory}/aki.pem`;
  const key = certificates.write(made.key);
  openssl(
    "req",
    "-x509",
    "-key",
    key,
    "-subj",
    "/CN=x",
    "-set_serial",
    "0x87654321",
    "-addext",
    "authorityKeyIdentifier=keyid:always",
    "-out",
    issued,
  );
  const text = openssl("x509", "-in", issued, "-noout", "-ext", "authorityKeyIdentifier");
  const hex = /([0-9A-F]{2}:){19}[0-9A-F]{2}/.exec(text)![0];
  const bytes = Uint8Array.from(hex.split(":"), (pair) => parseInt(pair, 16));
  const base64 = (bytes: Uint8Array) =>
    btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  // A number whose first bit is set has a zero before it (RFC 9773 §4.1).
  assertEquals(certificateIdentifier(Deno.readTextFileSync(issued)), `${base64(bytes)}.AIdlQyE`);
});

Deno.test("what the authority found is told as an operator understands it", () => {
  const told = (detail: string) => describeChallenge("a.example", "http-01", { type: "connection", detail });
  const start = "the authority could not fetch http://a.example/.well-known/acme-challenge/…: ";
  assertEquals(
    told("192.0.2.1: Fetching http://a.example/…: Connection refused"),
    `${start}connection refused. Is port 80 open?`,
  );
  assertEquals(
    told("Timeout during connect (likely firewall problem)"),
    `${start}no answer in time. Does a firewall block port 80?`,
  );
  assertEquals(
    told("DNS problem: NXDOMAIN looking up A for a.example"),
    `${start}the name has no address in DNS. Has it an A or AAAA record?`,
  );
  assertEquals(told("status 404"), `${start}status 404. Does port 80 of that name lead to this server?`);
});
