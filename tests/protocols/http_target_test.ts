/**
 * The request target: its four forms, its limits, and the forbidden characters. `⏎` stands for CR LF.
 * @module
 */
import { assertEquals } from "@std/assert";
import { resolvePath } from "../../handlers/site/files/resolve_path.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HEAD_BYTES_MAX, TARGET_BYTES_MAX } from "../../server/limits.ts";
import {
  accepts,
  assertAccepted,
  assertIncomplete,
  assertRefused,
  refuses,
} from "../support/request_replay.ts";

const VERSION = "HTTP/1.1⏎Host: a⏎⏎";
const hexDigits = "0123456789abcdefABCDEF";

accepts("RFC 9112 §3.2.1: origin-form is a path", { path: "/a/b.html" }, `GET /a/b.html ${VERSION}`);

accepts(
  "RFC 9112 §3.2.1: the query begins at the first question mark",
  { path: "/a", query: "?b=c?d/e" },
  `GET /a?b=c?d/e ${VERSION}`,
);

accepts("RFC 3986 §3.4: a query may be empty", { path: "/a", query: "?" }, `GET /a? ${VERSION}`);

accepts(
  "RFC 9112 §3.2.1: two slashes at the beginning of a path do not start an authority",
  { path: "//evil.example/a" },
  `GET //evil.example/a ${VERSION}`,
);

accepts(
  "RFC 9112 §3.2.1: the parser does not resolve dots and escapes",
  { path: "/../a/./%2e%2E/%00", query: "?%zz" },
  `GET /../a/./%2e%2E/%00?%zz ${VERSION}`,
);

refuses(
  "RFC 9112 §3.2: a target of no form is refused",
  400,
  `GET a ${VERSION}`,
  `GET ?a ${VERSION}`,
  `GET \\a ${VERSION}`,
  `GET ./a ${VERSION}`,
  `GET example.org ${VERSION}`,
  `GET example.org:80 ${VERSION}`,
  `GET %2fa ${VERSION}`,
);

Deno.test("RFC 3986 §2.1: the parser leaves escapes in a path alone, and resolving the path refuses malformed ones", () => {
  for (const digit of hexDigits) {
    const path = `/%${digit}0%0${digit}`;
    assertAccepted(`GET ${path} ${VERSION}`, { path });
  }
  const bad = ["%", "%4", "%g0", "%0g", "%%41", "%4%31", "% 41", "%-1", "%@0", "%`0", "%/0", "%:0", "%u0041"];
  for (const escape of bad) {
    if (escape.includes(" ")) continue;
    assertAccepted(`GET /${escape} ${VERSION}`, { path: `/${escape}` });
    assertAccepted(`GET /a${escape}?b ${VERSION}`, { path: `/a${escape}`, query: "?b" });
    assertAccepted(`GET http://a/${escape} ${VERSION}`, { form: "absolute", path: `/${escape}` });
    const path = encodeUtf8(`/a/${escape}`);
    assertEquals(resolvePath(path, 0, path.length), 400);
  }
});

Deno.test("RFC 9112 §3.2: control characters, spaces and the number sign are refused; bytes above 0x7f are not", () => {
  for (let code = 0; code < 256; code++) {
    const byte = String.fromCharCode(code);
    const path = `/a${byte}b`;
    if (byte === "?" || byte === "%") continue;
    if (code <= 0x20 || code === 0x7f || byte === "#") assertRefused(400, `GET ${path} ${VERSION}`);
    else assertAccepted(`GET ${path} ${VERSION}`, { path });
    if (code <= 0x20 || code === 0x7f || byte === "#") assertRefused(400, `GET /?${byte}b ${VERSION}`);
    else assertAccepted(`GET /?${byte}b ${VERSION}`, { query: `?${byte}b` });
  }
});

// RFC 9112 §3.2.2: absolute-form

accepts(
  "RFC 9112 §3.2.2: absolute-form is accepted, and its authority overrides Host",
  { form: "absolute", path: "/b", query: "?c" },
  `GET http://example.org/b?c ${VERSION}`,
  `GET http://example.org:8080/b?c ${VERSION}`,
  `GET https://example.org/b?c ${VERSION}`,
  `GET HTTP://EXAMPLE.ORG/b?c ${VERSION}`,
  `GET Https://[::1]:443/b?c ${VERSION}`,
  `GET http://127.0.0.1/b?c ${VERSION}`,
);

accepts(
  "RFC 9112 §3.2.2: absolute-form without a path means the root",
  { form: "absolute", path: "/" },
  `GET http://example.org ${VERSION}`,
  `GET http://a ${VERSION}`,
);

accepts(
  "RFC 9112 §3.2.2: absolute-form may have a query without a path",
  { form: "absolute", path: "/", query: "?b/c" },
  `GET http://example.org?b/c ${VERSION}`,
);

refuses(
  "RFC 9110 §4.2.4: user information in an absolute-form target is refused",
  400,
  `GET http://user@example.org/ ${VERSION}`,
  `GET http://user:password@example.org/ ${VERSION}`,
  `GET http://@example.org/ ${VERSION}`,
  `GET http://example.org:80@evil.example/ ${VERSION}`,
);

refuses(
  "RFC 9110 §4.2.1: an absolute-form target with an empty or invalid host, or another scheme, is refused",
  400,
  `GET http:// ${VERSION}`,
  `GET http:/// ${VERSION}`,
  `GET http:///a ${VERSION}`,
  `GET http://?a ${VERSION}`,
  `GET http://:80/ ${VERSION}`,
  `GET http:a ${VERSION}`,
  `GET http:/a ${VERSION}`,
  `GET http://a\\b/ ${VERSION}`,
  `GET http://[::1/ ${VERSION}`,
  `GET http://[]/ ${VERSION}`,
  `GET http://[g::]/ ${VERSION}`,
  `GET http://::1/ ${VERSION}`,
  `GET http://a]/ ${VERSION}`,
  `GET http://a:8x/ ${VERSION}`,
  `GET http://a:123456/ ${VERSION}`,
  `GET http://a%4/ ${VERSION}`,
  `GET http://\xff/ ${VERSION}`,
  `GET ftp://a/ ${VERSION}`,
  `GET file:///etc/passwd ${VERSION}`,
  `GET httpx://a/ ${VERSION}`,
  `GET javascript:alert(1) ${VERSION}`,
);

// RFC 9112 §3.2.3: authority-form

accepts(
  "RFC 9112 §3.2.3: CONNECT has a host and a port for its target",
  { method: "CONNECT", form: "authority", path: "/" },
  `CONNECT example.org:443 ${VERSION}`,
  `CONNECT [::1]:443 ${VERSION}`,
);

refuses(
  "RFC 9112 §3.2.3: CONNECT takes no other form",
  400,
  `CONNECT / ${VERSION}`,
  `CONNECT * ${VERSION}`,
  `CONNECT example.org ${VERSION}`,
  `CONNECT example.org: ${VERSION}`,
  `CONNECT :443 ${VERSION}`,
  `CONNECT example.org:443/ ${VERSION}`,
  `CONNECT http://example.org:443 ${VERSION}`,
  `CONNECT http://example.org/ ${VERSION}`,
  `CONNECT user@example.org:443 ${VERSION}`,
);

// RFC 9112 §3.2.4: asterisk-form

accepts(
  "RFC 9112 §3.2.4: OPTIONS may ask about the server as a whole",
  { method: "OPTIONS", form: "asterisk", path: "*" },
  `OPTIONS * ${VERSION}`,
);

accepts(
  "RFC 9112 §3.2.4: OPTIONS may ask about a path",
  { method: "OPTIONS", path: "/a" },
  `OPTIONS /a ${VERSION}`,
);

refuses(
  "RFC 9112 §3.2.4: the asterisk is for OPTIONS, and stands alone",
  400,
  `GET * ${VERSION}`,
  `POST * ${VERSION}`,
  `OPTIONS ** ${VERSION}`,
  `OPTIONS *?a ${VERSION}`,
  `OPTIONS */ ${VERSION}`,
);

// The limit

Deno.test("RFC 9112 §3: a target of the longest allowed length is read, one byte more is answered 414", () => {
  const path = "/" + "a".repeat(TARGET_BYTES_MAX - 1);
  assertAccepted(`GET ${path} ${VERSION}`, { path });
  assertRefused(414, `GET ${path}a ${VERSION}`);
  const query = "?" + "b".repeat(TARGET_BYTES_MAX - 2);
  assertAccepted(`GET /${query} ${VERSION}`, { query });
  assertRefused(414, `GET /${query}b ${VERSION}`);
});

Deno.test("RFC 9110 §15.5.15: a target that never ends is answered 414 at the limit", () => {
  assertIncomplete("GET /" + "a".repeat(TARGET_BYTES_MAX - 1));
  assertRefused(414, "GET /" + "a".repeat(TARGET_BYTES_MAX));
  assertRefused(414, "GET " + "a".repeat(HEAD_BYTES_MAX));
});
