/**
 * The rules of a site for a path: redirects, rewrites, passwords, fields.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodePath, resolvePath } from "../../handlers/site/files/resolve_path.ts";
import { type FieldRules, Rules } from "../../handlers/site/rules/rules.ts";
import { DEFAULT_SITE_SETTINGS, type SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { bytesOf } from "../support/request_replay.ts";
import { repeat } from "../support/random.ts";

function rulesOf(settings: Partial<SiteSettings>): Rules {
  return new Rules({ ...DEFAULT_SITE_SETTINGS, ...settings });
}

function redirecting(source: string, destination: string, status = 301): Rules {
  return rulesOf({ redirects: [{ source, destination, status }] });
}

function locationOf(source: string, destination: string, path: string, query = ""): string | null {
  return redirecting(source, destination).redirect(path, query)?.location ?? null;
}

Deno.test("without rules there is nothing for any path", () => {
  const rules = rulesOf({});
  for (const path of ["/", "/a", "/a/b/", ""]) {
    assertEquals(rules.redirect(path, "?x"), null);
    assertEquals(rules.rewrite(path, true), null);
    assertEquals(rules.rewrite(path, false), null);
    assertEquals(rules.auth(path), null);
    assertEquals(rules.headers(path, "text/html"), []);
  }
  assert(rules.headers("/a", null) === rules.headers("/b", null), "nothing is made for nothing");
  assertEquals(rules.fieldsDependOnPath, false);
});

Deno.test("the first redirect that matches is used, with its status", () => {
  const rules = rulesOf({
    redirects: [
      { source: "/old/*", destination: "/new/$1", status: 308 },
      { source: "/old/**", destination: "https://example.org/$1", status: 302 },
    ],
  });
  assertEquals(rules.redirect("/old/a", ""), { location: "/new/a", status: 308, source: "/old/*" });
  assertEquals(rules.redirect("/old/a/b", ""), {
    location: "https://example.org/a/b",
    status: 302,
    source: "/old/**",
  });
  assertEquals(rules.redirect("/new/a", ""), null);
});

Deno.test("a redirect keeps the query, unless it has one of its own, and puts it before the fragment", () => {
  const cases: [destination: string, query: string, location: string][] = [
    ["/b", "", "/b"],
    ["/b", "?x=1&y", "/b?x=1&y"],
    ["/b", "?", "/b?"],
    ["/b?z", "?x=1", "/b?z"],
    ["/b?", "?x=1", "/b?"],
    ["/b#part", "?x=1", "/b?x=1#part"],
    ["/b?z#part", "?x=1", "/b?z#part"],
    ["/b#part?no", "?x=1", "/b?x=1#part?no"],
    ["https://example.org", "?x=1", "https://example.org?x=1"],
    ["https://example.org/#a", "?x=1", "https://example.org/?x=1#a"],
    ["/b", "?\xc3\xbc \"<>'", "/b?%C3%BC%20\"<>'"],
    ["/b", "?q=\xff%zz", "/b?q=%FF%zz"],
  ];
  for (const [destination, query, location] of cases) {
    assertEquals(locationOf("/a", destination, "/a", query), location, `${destination} ${query}`);
  }
});

Deno.test("characters that are not allowed in a URL are encoded, and encoded ones stay", () => {
  const cases: [destination: string, location: string][] = [
    ["/über mich", "/%C3%BCber%20mich"],
    ["/%C3%BCber%20mich", "/%C3%BCber%20mich"],
    ["/100%", "/100%25"],
    ["/%zz%4", "/%25zz%254"],
    ["/a\\b", "/a%5Cb"],
    ['/"<>^`{|}', "/%22%3C%3E%5E%60%7B%7C%7D"],
    ["/a\r\nSet-Cookie: x", "/a%0D%0ASet-Cookie:%20x"],
    ["/\ud83d\ude00", "/%F0%9F%98%80"],
    ["/\ud83d", "/%EF%BF%BD"],
    ["/?q=ü b", "/?q=%C3%BC%20b"],
    ["/!$&'()*+,;=:@~-._[]", "/!$&'()*+,;=:@~-._[]"],
  ];
  for (const [destination, location] of cases) {
    assertEquals(locationOf("/from", destination, "/from"), location, destination);
    assert(new HttpResponse(301, [["Location", location]], null));
  }
});

Deno.test("a redirect on this host never leads to another", () => {
  const cases: [source: string, destination: string, path: string, location: string][] = [
    ["/go/**", "/$1", "/go/evil.example", "/evil.example"],
    ["/go/*x/**", "/$1/$2", "/go/x/evil.example", "/evil.example"],
    ["/go/*x/**", "/$1/$1/$2", "/go/x/evil.example", "/evil.example"],
    ["/go", "//evil.example", "/go", "/evil.example"],
    ["/go", "///evil.example", "/go", "/evil.example"],
    ["/go", "/\\evil.example", "/go", "/%5Cevil.example"],
    ["/go", "/\t/evil.example", "/go", "/%09/evil.example"],
    ["/go/**", "/$1", "/go/%5Cevil.example", "/%5Cevil.example"],
    ["/go/**", "/$1", "/go/%09/evil.example", "/%09/evil.example"],
  ];
  for (const [source, destination, path, location] of cases) {
    assertEquals(locationOf(source, destination, path), location, `${source} ${destination} ${path}`);
  }
  let redirected = 0;
  repeat(2000, (random) => {
    const parts = ["/", "\\", "$1", "$2", ".", "%2F", "%5C", "\t", "e.example", "@", ":", "?", "#"];
    const draw = (choices: readonly string[]) =>
      Array.from({ length: random.below(6) }, () => random.pick(choices)).join("");
    const destination = "/" + draw(parts);
    const sent = bytesOf("/x/" + draw(["/", "%5C", "%2F", "%09", ".", "e.example", "@", ":"]) + "x/y");
    const resolved = resolvePath(sent, 0, sent.length);
    if (typeof resolved === "number") return;
    const path = encodePath(resolved.path, resolved.isDirectory);
    const location = locationOf("/**x/**", destination, path);
    if (location === null) return;
    assertEquals(
      new URL(location, "http://site.example/x/").host,
      "site.example",
      `${destination} for ${path}`,
    );
    assert(!/^\/[/\\]/.test(location), location);
    redirected++;
  });
  assert(redirected > 500, `only ${redirected} were redirected`);
});

Deno.test("a redirect to the URL of the request is none, in any spelling", () => {
  const cases: [destination: string, path: string, query: string, location: string | null][] = [
    ["/a", "/a", "", null],
    ["/a", "/a", "?x", null],
    ["/a#part", "/a", "?x", null],
    ["/a?x", "/a", "?x", null],
    ["/a?x", "/a", "?y", "/a?x"],
    ["/a?x", "/a", "", "/a?x"],
    ["/%61", "/a", "", null],
    ["/./b/../a", "/a", "", null],
    ["//a", "/a", "", null],
    ["/a/", "/a", "", "/a/"],
    ["/a", "/a/", "", "/a"],
    ["/A", "/a", "", "/A"],
    ["/ü", "/%C3%BC", "?\xc3", null],
    ["/%c3%bc", "/%C3%BC", "", null],
    ["https://example.org/a", "/a", "", "https://example.org/a"],
  ];
  for (const [destination, path, query, location] of cases) {
    assertEquals(locationOf("/**", destination, path, query), location, `${destination} for ${path}${query}`);
  }
});

Deno.test("an invalid rule is an error that quotes it", () => {
  for (
    const destination of [
      "",
      "b",
      "$1",
      "$1/b",
      "b/$1",
      "?x",
      "#x",
      "https:/example.org",
      "https://",
      "https:///x",
      "https://$1",
      "https://$1.example.org/",
      "https://example.org$1",
      "https://a@$1/",
      "https://example.org\\$1",
      "javascript:alert(1)",
      "javascript://a/%0Aalert(1)",
      " /b",
    ]
  ) {
    assertThrows(() => redirecting("/a/**", destination), TypeError, '"/a/**" leads to');
  }
  for (
    const destination of ["/", "/$1", "https://example.org", "HTTP://example.org:80/$1", "https://a/?$1"]
  ) {
    assert(redirecting("/a/**", destination));
  }
  for (const status of [200, 300, 304, 305, 404, 0, NaN]) {
    assertThrows(() => redirecting("/a", "/b", status), TypeError, '"/a" has status');
  }
  for (const destination of ["", "b", "$1", "/b?x", "/b#x", "https://example.org/"]) {
    const rewrites = [{ source: "/a", destination, ifMissing: false }];
    assertThrows(() => rulesOf({ rewrites }), TypeError, '"/a" leads to');
  }
  for (
    const [name, value] of [
      ["A B", "x"],
      ["", "x"],
      ["A", "x\r\nB: y"],
      ["Content-Length", "1"],
      ["connection", null],
      ["Transfer-Encoding", "chunked"],
      ["Date", null],
      ["content-range", "bytes 0-1/2"],
    ] as const
  ) {
    const headers = [{ source: "/a", fields: [[name, value] as const] }];
    assertThrows(() => rulesOf({ headers }), TypeError, '"/a"');
  }
  for (const key of ["headers", "redirects", "rewrites", "auth"] as const) {
    const rule = { source: "no slash", fields: [], destination: "/b", status: 301, ifMissing: true };
    assertThrows(() => rulesOf({ [key]: [{ ...rule, realm: "r", users: {} }] }), TypeError, '"no slash"');
  }
});

Deno.test("the first rewrite of its kind is used, and its path is encoded", () => {
  const rules = rulesOf({
    rewrites: [
      { source: "/docs/*", destination: "/pages/$1.html", ifMissing: false },
      { source: "/docs/**", destination: "/missing/$1", ifMissing: true },
      { source: "/docs/**", destination: "/never", ifMissing: true },
      { source: "/x/**", destination: "//$1/ü %", ifMissing: false },
      { source: "/same/**", destination: "/same/$1", ifMissing: false },
      { source: "/same/**", destination: "/other", ifMissing: false },
    ],
  });
  const cases: [path: string, isMissing: boolean, rewritten: string | null, source: string][] = [
    ["/docs/a", false, "/pages/a.html", "/docs/*"],
    ["/docs/a", true, "/missing/a", "/docs/**"],
    ["/docs/a/b", false, null, ""],
    ["/docs/a/b", true, "/missing/a/b", "/docs/**"],
    ["/docs/%3F%23", false, "/pages/%3F%23.html", "/docs/*"],
    ["/x/a", false, "/a/%C3%BC%20%25", "/x/**"],
    ["/same/a", false, null, ""],
    ["/y", true, null, ""],
  ];
  for (const [path, isMissing, rewritten, source] of cases) {
    const expected = rewritten === null ? null : { path: rewritten, source };
    assertEquals(rules.rewrite(path, isMissing), expected, `${path} ${isMissing}`);
  }
});

Deno.test("the first auth rule that matches is used", () => {
  const rules = rulesOf({
    auth: [
      { source: "/private/open/**", realm: "one", users: {} },
      { source: "/private/**", realm: "two", users: {} },
    ],
  });
  const realmOf = (path: string) => rules.auth(path)?.basicAuth.challenge[0]?.[1] ?? null;
  const two = 'Basic realm="two", charset="UTF-8"';
  assertEquals(realmOf("/private/open/a"), 'Basic realm="one", charset="UTF-8"');
  for (const path of ["/private", "/private/", "/private/a", "/private/a/b"]) {
    assertEquals(realmOf(path), two, path);
  }
  for (const path of ["/", "/privat", "/private2", "/a/private/"]) assertEquals(realmOf(path), null, path);
  assert(rules.auth("/private/a") === rules.auth("/private/b"), "one memory for a rule");
  assertEquals(rules.auth("/private/a")?.source, "/private/**");
});

Deno.test("all header rules that match are used, in their order", () => {
  const rules = rulesOf({
    headers: [
      { source: "/**", fields: [["A", "1"], ["B", "2"]] },
      { source: "/*.js", fields: [["A", "3"]] },
      { source: "/*.css", fields: [["C", null]] },
    ],
  });
  const cases: [path: string, fields: FieldRules][] = [
    ["/", [["A", "1"], ["B", "2"]]],
    ["/a.js", [["A", "1"], ["B", "2"], ["A", "3"]]],
    ["/a.css", [["A", "1"], ["B", "2"], ["C", null]]],
    ["/b/a.js", [["A", "1"], ["B", "2"]]],
    ["", [["A", "1"], ["B", "2"]]],
  ];
  for (const [path, fields] of cases) {
    assertEquals(rules.headers(path, null).flatMap((rule) => rule.fields), fields, path);
  }
  assertEquals(rules.fieldsDependOnPath, true);
  assertEquals(rulesOf({ headers: [{ source: "/**", fields: [] }] }).fieldsDependOnPath, false);
});
