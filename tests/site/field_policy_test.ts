/**
 * The fields that a site's settings add to its responses.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { FieldPolicy, type ResponseFacts } from "../../handlers/site/rules/field_policy.ts";
import { Rules } from "../../handlers/site/rules/rules.ts";
import {
  DEFAULT_SITE_SETTINGS,
  type HeaderRule,
  type SiteSettings,
} from "../../handlers/site/settings/site_settings.ts";
import { errorResponse } from "../../server/exchange/error_response.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";

const PAGE: ResponseFacts = {
  path: "/",
  status: 200,
  fileName: "index.html",
  mediaType: "text/html; charset=utf-8",
  origin: null,
};
const SCRIPT: ResponseFacts = {
  ...PAGE,
  path: "/assets/app.3f2a9c81.js",
  fileName: "app.3f2a9c81.js",
  mediaType: "text/javascript; charset=utf-8",
};
const MISSING: ResponseFacts = { ...PAGE, path: "/none", status: 404, fileName: null, mediaType: null };

function policyOf(settings: Partial<SiteSettings>): FieldPolicy {
  const whole = { ...DEFAULT_SITE_SETTINGS, ...settings };
  return new FieldPolicy(whole, new Rules(whole));
}

function fieldsOf(settings: Partial<SiteSettings>, what: ResponseFacts, extraFields: Fields = []): Fields {
  const fields = policyOf(settings).fieldsOf(extraFields, what);
  assert(new HttpResponse(what.status, fields, null));
  return fields;
}

function valueOf(
  name: string,
  settings: Partial<SiteSettings>,
  what: ResponseFacts,
  extraFields: Fields = [],
): string | null {
  const values = fieldsOf(settings, what, extraFields).filter(([other]) =>
    other.toLowerCase() === name.toLowerCase()
  );
  assert(values.length <= 1, `${name} stands there ${values.length} times`);
  return values.length === 0 ? null : values[0]![1];
}

/** Rules for every path. */
function everywhere(...fields: (readonly [string, string | null])[]): { headers: HeaderRule[] } {
  return { headers: [{ source: "/**", fields }] };
}

Deno.test("auto: a file with a hash in its name is cached for a year, everything else is revalidated", () => {
  const year = "max-age=31536000, immutable";
  const cases: [Partial<ResponseFacts>, string | null][] = [
    [PAGE, "no-cache"],
    [SCRIPT, year],
    [{ ...SCRIPT, status: 206 }, year],
    [{ ...SCRIPT, status: 304 }, year],
    [{ ...PAGE, status: 206 }, "no-cache"],
    [{ ...PAGE, status: 304 }, "no-cache"],
    [{ ...SCRIPT, path: "/assets/index-B_x-zT1a.js", fileName: "index-B_x-zT1a.js" }, year], // the directory decides
    [{ ...SCRIPT, path: "/%C3%BC.3f2a9c81.js", fileName: "ü.3f2a9c81.js" }, year],
    [{ ...SCRIPT, path: "/app.js", fileName: "app.js" }, "no-cache"],
    // A page that is sent for a path that looks like a hash, and a file that another name leads to.
    [{ ...SCRIPT, fileName: "index.html", mediaType: "text/html" }, "no-cache"],
    [{ ...SCRIPT, fileName: "index.html" }, "no-cache"],
    [{ ...SCRIPT, path: "/latest.js" }, "no-cache"],
    [{ ...SCRIPT, fileName: "app.5b0e77d2.js" }, "no-cache"],
    [{ ...SCRIPT, mediaType: "text/html; charset=utf-8" }, "no-cache"],
    [{ ...SCRIPT, mediaType: "TEXT/HTML" }, "no-cache"],
    // A listing.
    [{ ...PAGE, fileName: null, mediaType: null }, "no-cache"],
    ...[204, 301, 308, 400, 401, 403, 404, 405, 412, 416, 500, 503].map((status) => {
      return [{ ...SCRIPT, status }, null] as [Partial<ResponseFacts>, null];
    }),
  ];
  for (const [facts, expected] of cases) {
    const what = { ...PAGE, ...facts };
    assertEquals(valueOf("Cache-Control", {}, what), expected, JSON.stringify(what));
    assertEquals(valueOf("Cache-Control", { cacheControl: "off" }, what), null);
  }
});

Deno.test("a response behind a password is not for shared caches", () => {
  const auth = [{ source: "/assets/**", realm: "r", users: {} }];
  assertEquals(valueOf("Cache-Control", { auth }, SCRIPT), "private, max-age=31536000, immutable");
  assertEquals(valueOf("Cache-Control", { auth }, { ...PAGE, path: "/assets/" }), "private, no-cache");
  assertEquals(valueOf("Cache-Control", { auth }, PAGE), "no-cache");
});

Deno.test("a Cache-Control from the settings is for every file, and for nothing else", () => {
  const settings = { cacheControl: "max-age=60" };
  for (const what of [PAGE, SCRIPT, { ...PAGE, status: 206 }, { ...PAGE, status: 304 }]) {
    assertEquals(valueOf("Cache-Control", settings, what), "max-age=60");
  }
  assertEquals(valueOf("Cache-Control", settings, { ...PAGE, fileName: null }), null);
  for (const status of [204, 301, 404, 416, 500]) {
    assertEquals(valueOf("Cache-Control", settings, { ...PAGE, status }), null, String(status));
  }
  assertThrows(() => policyOf({ cacheControl: "a\r\nb" }), TypeError, "Cache-Control");
});

Deno.test("by default an error gets no field, and a file one", () => {
  const extraFields: Fields = [["Content-Type", "text/plain"], ["X-Content-Type-Options", "nosniff"]];
  assertEquals(fieldsOf({}, MISSING, extraFields), extraFields);
  assertEquals(fieldsOf({}, PAGE, extraFields), [...extraFields, ["Cache-Control", "no-cache"]]);
});

Deno.test("the security fields are in every response, each once", () => {
  const names = [
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Referrer-Policy",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
  ];
  for (
    const what of [PAGE, SCRIPT, MISSING, { ...PAGE, status: 304 }, { ...PAGE, status: 301, fileName: null }]
  ) {
    const extraFields: Fields = [["x-content-type-options", "nosniff"]];
    const given = fieldsOf({ securityHeaders: true, cacheControl: "off" }, what, extraFields).map(([name]) =>
      name
    );
    assertEquals(given, names);
    assertEquals(fieldsOf({ cacheControl: "off" }, what, extraFields), extraFields);
  }
  const secure = { securityHeaders: true };
  assertEquals(valueOf("Strict-Transport-Security", secure, PAGE), "max-age=31536000");
  assertEquals(
    valueOf("Content-Security-Policy", secure, PAGE),
    "frame-ancestors 'self'; base-uri 'self'; object-src 'self'",
  );
  assert(valueOf("Permissions-Policy", secure, PAGE)?.startsWith("camera=(self), "));
  // Each can be replaced or removed.
  const rules = everywhere(
    ...names.map((name, i) => [name.toLowerCase(), i % 2 === 0 ? null : "mine"] as const),
  );
  for (const what of [PAGE, MISSING]) {
    const given = fieldsOf({ ...secure, ...rules, cacheControl: "off" }, what);
    assertEquals<unknown>(
      given,
      names.filter((_, i) => i % 2 === 1).map((name) => [name.toLowerCase(), "mine"]),
    );
  }
});

Deno.test("rules replace fields of the same name in any case; null removes them; the last rule wins", () => {
  const extraFields: Fields = [["Content-Type", "text/html"], ["ETag", '"a"'], ["X-A", "own"], [
    "x-a",
    "own again",
  ]];
  const cases: [rules: readonly HeaderRule[], expected: Fields][] = [
    [[], extraFields],
    [[{ source: "/**", fields: [["X-B", "b"]] }], [...extraFields, ["X-B", "b"]]],
    [[{ source: "/other", fields: [["X-B", "b"]] }], extraFields],
    [[{ source: "/**", fields: [["X-a", "rule"]] }], [...extraFields.slice(0, 2), ["X-a", "rule"]]],
    [[{ source: "/**", fields: [["X-A", null]] }], extraFields.slice(0, 2)],
    [[{ source: "/**", fields: [["X-C", null]] }], extraFields],
    [[{ source: "/**", fields: [["X-B", ""]] }], [...extraFields, ["X-B", ""]]],
    [
      [{ source: "/**", fields: [["X-B", "1"]] }, { source: "/", fields: [["x-b", "2"]] }],
      [...extraFields, ["x-b", "2"]],
    ],
    [[{ source: "/**", fields: [["X-B", "1"]] }, { source: "/", fields: [["x-b", null]] }], extraFields],
    [[{ source: "/**", fields: [["X-B", null]] }, { source: "/", fields: [["x-b", "2"]] }], [...extraFields, [
      "x-b",
      "2",
    ]]],
    [[{ source: "/**", fields: [["X-B", "1"], ["X-B", "2"]] }], [...extraFields, ["X-B", "2"]]],
    [[{ source: "/**", fields: [["etag", null], ["content-type", "a/b"]] }], [...extraFields.slice(2), [
      "content-type",
      "a/b",
    ]]],
  ];
  for (const [headers, expected] of cases) {
    const before = JSON.stringify(extraFields);
    assertEquals(
      fieldsOf({ headers, cacheControl: "off" }, PAGE, extraFields),
      expected,
      JSON.stringify(headers),
    );
    assertEquals(JSON.stringify(extraFields), before, "what is given is not changed");
  }
  assertEquals(valueOf("Cache-Control", everywhere(["cache-control", "no-store"]), PAGE), "no-store");
  assertEquals(valueOf("Cache-Control", everywhere(["Cache-Control", null]), SCRIPT), null);
  const cors = { cors: ["*"] };
  assertEquals(
    valueOf(
      "Access-Control-Allow-Origin",
      { ...cors, ...everywhere(["Access-Control-Allow-Origin", null]) },
      PAGE,
    ),
    null,
  );
});

Deno.test("values of Vary are only added", () => {
  const cors = ["https://a.example"];
  const cases: [
    extraFields: string | null,
    cors: boolean,
    rules: (string | null)[],
    expected: string | null,
  ][] = [
    [null, false, [], null],
    ["Accept-Encoding", false, [], "Accept-Encoding"],
    ["Accept-Encoding", true, [], "Accept-Encoding, Origin"],
    [null, true, [], "Origin"],
    ["Accept-Encoding", true, ["Cookie"], "Accept-Encoding, Origin, Cookie"],
    ["Accept-Encoding", true, [null], "Accept-Encoding, Origin"],
    ["Accept-Encoding", false, ["Cookie", null, "DNT"], "Accept-Encoding, Cookie, DNT"],
    ["Accept-Encoding", true, ["origin , accept-encoding,,"], "Accept-Encoding, Origin"],
    ["Accept-Encoding", true, ["*"], "*"],
    ["*", true, ["Cookie"], "*"],
    [null, false, ["Cookie"], "Cookie"],
    [null, false, [null], null],
  ];
  for (const [extraFields, hasCors, rules, expected] of cases) {
    const settings = {
      ...everywhere(...rules.map((value) => ["vary", value] as const)),
      cors: hasCors ? cors : null,
    };
    for (const what of [PAGE, MISSING]) {
      const given = valueOf("Vary", settings, what, extraFields === null ? [] : [["Vary", extraFields]]);
      assertEquals(given, expected, JSON.stringify([extraFields, hasCors, rules]));
    }
  }
  const twice: Fields = [["Vary", "A"], ["vary", "B"]];
  assertEquals(valueOf("Vary", everywhere(["Vary", "C"]), PAGE, twice), "A, B, C");
});

Deno.test("a rule's fields about content are only in the 200 and 206 of a file", () => {
  const names = ["Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition"];
  const settings = everywhere(...names.map((name) => [name, "x"] as const), ["Content-Security-Policy", "y"]);
  const extraFields: Fields = [["Content-Type", "text/plain; charset=utf-8"]];
  for (const what of [{ ...PAGE }, { ...PAGE, status: 206 }]) {
    for (const name of names) assertEquals(valueOf(name, settings, what, extraFields), "x", name);
    assertEquals(valueOf("Content-Security-Policy", settings, what, extraFields), "y");
  }
  const others = [MISSING, { ...PAGE, status: 404 }, { ...PAGE, fileName: null }, { ...PAGE, status: 304 }];
  for (const what of [...others, { ...PAGE, status: 301, fileName: null }, { ...PAGE, status: 416 }]) {
    for (const name of names) {
      assertEquals(
        valueOf(name, settings, what, extraFields),
        name === "Content-Type" ? extraFields[0]![1] : null,
        name,
      );
    }
    assertEquals(valueOf("Content-Security-Policy", settings, what, extraFields), "y");
  }
  const multipart: Fields = [["Content-Type", "multipart/byteranges; boundary=a"]];
  const range = { ...PAGE, status: 206 };
  assertEquals(valueOf("Content-Type", settings, range, multipart), multipart[0]![1]);
});

Deno.test("a rule's fields about caching are not in an error: a file's year is not for its absence", () => {
  for (const name of ["Cache-Control", "Expires", "Pragma", "CDN-Cache-Control", "Surrogate-Control"]) {
    const settings = everywhere([name, "x"]);
    for (const status of [200, 206, 301, 304]) {
      assertEquals(valueOf(name, settings, { ...PAGE, status }), "x", name);
    }
    for (const status of [400, 401, 404, 416, 500, 503]) {
      assertEquals(valueOf(name, settings, { ...PAGE, status }), null, `${name} ${status}`);
    }
  }
  assertEquals(valueOf("X-Expires", everywhere(["X-Expires", "x"]), MISSING), "x");
});

Deno.test("CORS fields are as in the settings, also in errors", () => {
  for (const what of [PAGE, MISSING, { ...PAGE, status: 304 }]) {
    assertEquals(valueOf("Access-Control-Allow-Origin", { cors: ["*"] }, what), "*");
    assertEquals(valueOf("Vary", { cors: ["*"] }, what), null);
    const list = { cors: ["https://a.example", "https://b.example"] };
    assertEquals(
      valueOf("Access-Control-Allow-Origin", list, { ...what, origin: "https://b.example" }),
      "https://b.example",
    );
    for (const origin of [null, "https://c.example"]) {
      assertEquals(valueOf("Access-Control-Allow-Origin", list, { ...what, origin }), null);
      assertEquals(valueOf("Vary", list, { ...what, origin }), "Origin");
    }
  }
});

Deno.test("it is known whether the fields of errors depend on path and origin", () => {
  const cases: [Partial<SiteSettings>, boolean][] = [
    [{}, true],
    [{ securityHeaders: true, cacheControl: "max-age=1", cors: ["*"] }, true],
    [everywhere(["X-A", "b"]), true],
    [{ cors: ["https://a.example"] }, false],
    [{ headers: [{ source: "/a/**", fields: [["X-A", "b"]] }] }, false],
    [{ headers: [{ source: "/**/*", fields: [["X-A", "b"]] }] }, false],
  ];
  for (const [settings, expected] of cases) {
    const policy = policyOf(settings);
    assertEquals(policy.isUniform, expected, JSON.stringify(settings));
    if (!expected) continue;
    const first = policy.fieldsOf([], MISSING);
    for (const path of ["", "/", "/a/b", SCRIPT.path]) {
      assertEquals(policy.fieldsOf([], { ...MISSING, path, origin: "https://a.example" }), first);
    }
  }
});

Deno.test("a response without a path gets the fields of rules for every path", () => {
  const headers = [
    { source: "/**", fields: [["X-A", "1"] as const] },
    { source: "/*", fields: [["X-B", "2"] as const] },
  ];
  assertEquals(fieldsOf({ headers }, { ...MISSING, path: "", status: 400 }), [["X-A", "1"]]);
  assert(errorResponse(400, fieldsOf({ headers }, { ...MISSING, path: "", status: 400 })));
});
