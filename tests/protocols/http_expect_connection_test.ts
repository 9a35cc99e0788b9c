/**
 * The fields that decide what happens before and after a request: Expect and Connection. `⏎` stands for CR LF.
 * @module
 */
import { accepts, assertAccepted, postWith, refuses, withFields } from "../support/request_replay.ts";

// RFC 9110 §10.1.1: Expect

const awaited = { method: "POST", contentLength: 5, hasBody: true };

accepts(
  "RFC 9110 §10.1.1: 100-continue is recognised when a body follows, whatever its case",
  { ...awaited, expectsContinue: true },
  postWith("Content-Length: 5", "Expect: 100-continue"),
  postWith("expect:100-CONTINUE ", "Content-Length: 5"),
);

accepts(
  "RFC 9110 §10.1.1: 100-continue is recognised before a chunked body",
  { method: "POST", chunked: true, hasBody: true, expectsContinue: true },
  postWith("Expect: 100-continue", "Transfer-Encoding: chunked"),
);

accepts("RFC 9110 §10.1.1: 100-continue without a body is ignored", {}, withFields("Expect: 100-continue"));

accepts(
  "RFC 9110 §10.1.1: 100-continue before a body of no bytes is ignored",
  { method: "POST", contentLength: 0 },
  postWith("Content-Length: 0", "Expect: 100-continue"),
);

accepts(
  "RFC 9110 §10.1.1: an expectation of an HTTP/1.0 client is ignored",
  { ...awaited, minorVersion: 0, keepAlive: false },
  postWith("Content-Length: 5", "Expect: 100-continue").replace("1.1", "1.0"),
  postWith("Content-Length: 5", "Expect: a miracle").replace("1.1", "1.0"),
);

refuses(
  "RFC 9110 §10.1.1: another expectation is answered 417",
  417,
  postWith("Content-Length: 5", "Expect: 200-ok"),
  postWith("Content-Length: 5", "Expect:"),
  postWith("Content-Length: 5", "Expect: 100-continue-"),
  postWith("Content-Length: 5", "Expect: 100-continue", "Expect: x"),
  postWith("Content-Length: 5", "Expect: x", "Expect: 100-continue"),
  withFields("Expect: x"),
);

// RFC 9112 §9.3: persistence

Deno.test("RFC 9112 §9.3: an HTTP/1.1 connection persists unless one of its options is close", () => {
  const persistent = [
    "keep-alive",
    "Keep-Alive",
    "upgrade",
    "x, y",
    "closed",
    "clos",
    "close-x",
    '"close"',
    "",
    ",",
  ];
  for (const value of persistent) assertAccepted(withFields(`Connection: ${value}`), { keepAlive: true });
  const ending = [
    "close",
    "Close",
    "CLOSE",
    "keep-alive, close",
    "close,keep-alive",
    " x ,\tclose\t, y",
    ",,close",
  ];
  for (const value of ending) assertAccepted(withFields(`Connection: ${value}`), { keepAlive: false });
  assertAccepted(withFields("Connection: keep-alive", "X: y", "connection: close"), { keepAlive: false });
  assertAccepted(withFields("Connection: close", "Connection: keep-alive"), { keepAlive: false });
});

Deno.test("RFC 9112 §9.3: an HTTP/1.0 connection ends unless one of its options is keep-alive, and none is close", () => {
  const old = (...lines: string[]) => withFields(...lines).replace("1.1", "1.0");
  for (const value of ["", "x", "keep-alive-x", "close", "keep-alive, close", "close, keep-alive"]) {
    assertAccepted(old(`Connection: ${value}`), { minorVersion: 0, keepAlive: false });
  }
  for (const value of ["keep-alive", "Keep-Alive", "x, KEEP-ALIVE", "keep-alive,"]) {
    assertAccepted(old(`Connection: ${value}`), { minorVersion: 0, keepAlive: true });
  }
  assertAccepted(old("Connection: keep-alive", "Connection: close"), { minorVersion: 0, keepAlive: false });
  assertAccepted(old("Keep-Alive: timeout=5"), { minorVersion: 0, keepAlive: false });
  assertAccepted(old("Proxy-Connection: keep-alive"), { minorVersion: 0, keepAlive: false });
});
