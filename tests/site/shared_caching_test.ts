/**
 * Responses behind a password are not for shared caches, even if a rule for all paths says so.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describeGuarded, isSpecificTo, withoutSharing } from "../../handlers/site/rules/shared_caching.ts";
import { DEFAULT_SITE_SETTINGS } from "../../handlers/site/settings/site_settings.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { runProgram, Site } from "../support/program.ts";
import { ServedSite } from "../support/served_site.ts";
import { get, head, type WireResponse } from "../support/wire.ts";

const HASH = hashOf("secret");
const ANNA = basic("anna", "secret");
const users = { anna: HASH };
const FILES = {
  "index.html": "home",
  "open.txt": "open",
  "private/index.html": "private",
  "private/a.txt": "secret a",
  "private/exact.txt": "secret exact",
  "private/assets/app-BhUr0q2X.js": "secret()",
  "private/list/x.txt": "x",
  "app/page.html": "application",
};

/** Returns every field that allows a shared cache to keep the response. */
function sharing({ fields }: WireResponse): string[] {
  return Object.entries(fields).filter(([name, value]) =>
    (/cache-control$/.test(name) && /public|s-maxage/i.test(value)) ||
    (/surrogate-control|edge-control|x-accel-expires/.test(name) && !/^(no-store|0)$/.test(value))
  ).map(([name, value]) => `${name}: ${value}`);
}

/** Returns whether a successful response that may be kept has `private` or `no-store`. */
function isForReaderAlone({ fields }: WireResponse): boolean {
  return /(^|, )(private|no-store)(,|$)/i.test(fields["cache-control"] ?? "");
}

Deno.test("a value for shared caches becomes one for private caches, in any spelling", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["public", "private"],
    ["PUBLIC, Max-Age=600", "private, Max-Age=600"],
    ["max-age=600,public", "private, max-age=600"],
    ["public , s-maxage=9 ,immutable", "private, immutable"],
    ['S-MaxAge="600", max-age="60"', 'private, max-age="60"'],
    ["public=1, s-maxage", "private"],
    ["max-age=600", "private, max-age=600"],
    ["max-age=600, must-revalidate", "private, max-age=600, must-revalidate"],
    ["public, private", "private"],
    ["private, max-age=5", "private, max-age=5"],
    ["no-store, public", "no-store"],
    ["No-Store", "No-Store"],
    // Only about some fields, RFC 9111 §5.2.2.7.
    ['private="set-cookie", max-age=5', 'private, private="set-cookie", max-age=5'],
    ['x="a, public, \\" s-maxage=9", public', 'private, x="a, public, \\" s-maxage=9"'],
    [", ,public,, max-age=1,", "private, max-age=1"],
    ["", "private"],
    // Malformed values, which caches interpret in different ways.
    ["public; max-age=600", "private"],
    ['x="public', "private"],
    ["max-age=6 public", "private"],
  ];
  for (const [value, expected] of cases) {
    assertEquals(withoutSharing(value), expected, value);
    assertEquals(withoutSharing(expected), expected);
  }
});

Deno.test("a rule is specific to a path if it names the path, has the auth rule's glob, or stays in its directory", () => {
  const cases: readonly (readonly [source: string, auth: string | null, boolean])[] = [
    ["/**", "/**", false],
    ["/**", "/private/**", false],
    ["/*", "/**", false],
    ["/assets/**", "/**", false],
    ["/private/**", "/private/**", true],
    ["/private/assets/*.js", "/private/**", true],
    ["/private*/**", "/private/**", false],
    ["/{private,public}/**", "/private/**", false],
    ["/**/*.js", "/private/**", false],
    ["/privat[e]/x", "/private/**", false],
    ["/private/x", "/private/**", true],
    ["/private/x", "/**", true],
    ["/open", null, true],
    ["/open*", null, false],
    ["/a/*.html", "/a/*.html", true],
    ["/a/b*.html", "/a/*.html", false],
    ["/**/*.html", "/**/*.html", true],
  ];
  for (const [source, auth, expected] of cases) {
    assertEquals(isSpecificTo(source, auth), expected, `${source} ${auth}`);
  }
});

/** Everything behind the password: the file, 304, 206, HEAD, a listing, redirects, the target of a rewrite. */
const PROTECTED: readonly (readonly [request: string, status: number])[] = [
  [get("/private/a.txt", ANNA), 200],
  [head("/private/a.txt", ANNA), 200],
  [get("/private/a.txt", ANNA, "Range: bytes=0-1"), 206],
  [get("/private/a.txt", ANNA, "Range: bytes=0-1,3-4"), 206],
  [get("/private/a.txt", ANNA, "If-None-Match: *"), 304],
  [get("/private/", ANNA), 200],
  [get("/private/assets/app-BhUr0q2X.js", ANNA), 200],
  [get("/private/list/", ANNA), 200],
  [get("/private/list", ANNA), 301],
  [get("/rewritten", ANNA), 200],
  [get("/listed/", ANNA), 200],
  [get("/private/moved"), 308],
  [get("/%70rivate/a.txt", ANNA), 200],
  [get("/nowhere", ANNA, "Accept: text/html"), 200], // the --spa page
];
const ERRORS: readonly (readonly [request: string, status: number])[] = [
  [get("/private/a.txt"), 401],
  [get("/rewritten"), 401],
  [get("/private/missing.txt", ANNA), 404],
  [get("/private/a.txt", ANNA, "Range: bytes=99-"), 416],
  [get("/private/a.txt", ANNA, "If-Match: x"), 412],
];
const RULES = {
  browse: true,
  spa: "/app/page.html",
  redirects: [{ source: "/private/moved", destination: "/private/a.txt", status: 308 }],
  rewrites: [
    { source: "/rewritten", destination: "/private/a.txt" },
    { source: "/listed/", destination: "/private/list/" },
  ],
  auth: [{ source: "/private/**", users }, { source: "/app/**", users }],
};

Deno.test("rules for all paths make nothing behind a password public", async () => {
  const wide = (headers: Record<string, string>) => ({ headers: [{ source: "/**", headers }] });
  const settings: readonly object[] = [
    { cacheControl: "public, max-age=600" },
    { cacheControl: "Public, S-MaxAge=600, max-age=60" },
    wide({ "cache-control": "public, max-age=600" }),
    wide({ "Cache-Control": 'max-age="60", s-maxage="600", must-revalidate' }),
    wide({ "Cache-Control": "max-age=60, must-revalidate" }),
    wide({ "CDN-Cache-Control": "public, max-age=600", "Vercel-CDN-Cache-Control": "s-maxage=9" }),
    wide({ "Surrogate-Control": "max-age=600", "Edge-Control": "max-age=9", "X-Accel-Expires": "600" }),
    { cacheControl: "off", ...wide({ Expires: "Thu, 31 Dec 2099 23:59:59 GMT" }) },
    {
      headers: [{ source: "/{*,**/*}", headers: { "Cache-Control": "public" } }, {
        source: "/p*/**",
        headers: {},
      }],
    },
    {
      headers: ["/**/*.{txt,js,html}", "/p*/**", "/{private,rewritten,listed,nowhere}{,/**}"].map((
        source,
      ) => ({
        source,
        headers: { "Cache-Control": "public, max-age=31536000, immutable" },
      })),
    },
    {},
  ];
  for (const own of settings) {
    await using served = await ServedSite.start(FILES, { config: { ...RULES, ...own } });
    for (let i = 0; i < 3; i++) {
      for (const [request, status] of [...PROTECTED, ...ERRORS]) {
        const response = await served.ask(request);
        const what = `${JSON.stringify(own)}\n${request}`;
        assertEquals([response.status, sharing(response)], [status, []], what);
        const isKept = [200, 206, 304].includes(status);
        const isListing = response.fields["content-type"]?.startsWith("text/html") &&
          response.text.includes("x.txt");
        // --cache-control is about files, and not about listings.
        if (isKept && !isListing) {
          assert(isForReaderAlone(response), `${what}${response.fields["cache-control"]}`);
        }
      }
    }
  }
});

Deno.test("paths without a password are public as before, and hashed names keep their year", async () => {
  const headers = [{ source: "/**", headers: { "Surrogate-Control": "max-age=600" } }];
  await using served = await ServedSite.start(FILES, {
    config: { ...RULES, cacheControl: "public, max-age=600", headers },
  });
  const { fields } = await served.ask(get("/open.txt", ANNA));
  assertEquals([fields["cache-control"], fields["surrogate-control"]], [
    "public, max-age=600",
    "max-age=600",
  ]);
  await using plain = await ServedSite.start(FILES, { config: RULES });
  const script = await plain.ask(get("/private/assets/app-BhUr0q2X.js", ANNA));
  assertEquals(script.fields["cache-control"], "private, max-age=31536000, immutable");
});

Deno.test("a rule for exactly that path may say public, and only there", async () => {
  const rule = (source: string, value: string) => ({ source, headers: { "Cache-Control": value } });
  const config = {
    ...RULES,
    headers: [
      rule("/**", "public, max-age=1"),
      rule("/private/assets/**", "public, max-age=2"),
      rule("/private/exact.txt", "s-maxage=3"),
      rule("/rewritten", "public, max-age=4"),
    ],
  };
  await using served = await ServedSite.start(FILES, { config });
  const cases: readonly (readonly [target: string, expected: string])[] = [
    ["/private/a.txt", "private, max-age=1"],
    ["/private/assets/app-BhUr0q2X.js", "public, max-age=2"],
    ["/private/exact.txt", "s-maxage=3"],
    ["/rewritten", "public, max-age=4"],
    ["/open.txt", "public, max-age=1"],
  ];
  for (const [target, expected] of cases) {
    assertEquals((await served.ask(get(target, ANNA))).fields["cache-control"], expected, target);
  }
});

Deno.test("with a password for the whole site a flag and a rule for a directory do not make it public either", async () => {
  const args = [
    "--auth",
    `anna:${HASH}`,
    "--cache-control",
    "public, max-age=5",
    "-H",
    "CDN-Cache-Control: public",
  ];
  await using flags = await ServedSite.start(FILES, { args });
  const { fields } = await flags.ask(get("/open.txt", ANNA));
  assertEquals([fields["cache-control"], fields["cdn-cache-control"]], ["private, max-age=5", "private"]);
  const headers = [{ source: "/private/**", headers: { "Cache-Control": "public" } }];
  await using ruled = await ServedSite.start(FILES, { config: { headers, auth: [{ users }] } });
  assertEquals((await ruled.ask(get("/private/a.txt", ANNA))).fields["cache-control"], "private");
});

Deno.test("--check warns of settings for all paths that do not apply behind a password, and of nothing else", async () => {
  const site = { ...DEFAULT_SITE_SETTINGS, auth: [{ source: "/private/**", realm: "", users }] };
  const header = (source: string, name: string, value: string) => ({
    ...site,
    headers: [{ source, fields: [[name, value]] as const }],
  });
  for (
    const settings of [
      { ...site, cacheControl: "PUBLIC, max-age=5" },
      { ...site, cacheControl: 's-maxage="5"' },
      header("/**", "Cache-Control", "public"),
      header("/**/*.js", "cdn-cache-control", "public"),
      header("/p*/**", "X-Accel-Expires", "60"),
      header("/**", "Surrogate-Control", "max-age=5"),
    ]
  ) {
    const lines = describeGuarded(settings);
    assertEquals(lines.length, 1, JSON.stringify(settings));
    assertMatch(
      lines[0]!,
      /would let shared caches keep what the auth rule for \/private\/\*\* protects: that is sent with "/,
    );
  }
  for (
    const settings of [
      site,
      { ...site, cacheControl: "max-age=5" },
      { ...site, cacheControl: "public", auth: [] },
      header("/private/**", "Cache-Control", "public"),
      header("/assets/**", "Cache-Control", "public"),
      header("/**", "Cache-Control", "private, max-age=5"),
      header("/**", "X-Public", "public"),
    ]
  ) assertEquals(describeGuarded(settings), []);
  using folder = new Site({
    "html/index.html": "",
    "epollet.json": JSON.stringify({
      cacheControl: "public, max-age=5",
      auth: [{ source: "/a/**", users }],
      hosts: { "same.example": {}, "other.example": { auth: [{ source: "/b/**", users }] } },
    }),
  });
  const { code, stdout, stderr } = await runProgram(["--check"], folder.root);
  // One line for each auth rule, and the warnings.
  assertEquals([code, stderr.split("\n").length], [0, 7], stderr);
  assertStringIncludes(
    stderr,
    `epollet: cacheControl "public, max-age=5" would let shared caches keep what the auth rule for /a/** protects`,
  );
  assertStringIncludes(stderr, "epollet: host other.example: cacheControl");
  assertStringIncludes(stderr, "different passwords");
  assertEquals(JSON.parse(stdout).cacheControl, "public, max-age=5");
  assertEquals((await runProgram(["--check", "-q"], folder.root)).stderr, "");
});

Deno.test("--check warns of a root below another site's, either way round, through links, and of one root with two passwords", async () => {
  using folder = new Site({
    "www/shop/index.html": "",
    "www/.hidden/x": "",
    "beside/x": "",
    "www/own/x": "",
  });
  Deno.symlinkSync("www/shop", folder.path("link"));
  const root = Deno.realPathSync(folder.root);
  const warnings = async (config: unknown) => {
    folder.write("conf.json", JSON.stringify(config));
    const { code, stderr } = await runProgram(["--check", "--config", "conf.json"], folder.root);
    assertEquals(code, 0, stderr);
    return stderr.split("\n").slice(0, -1);
  };
  const inner =
    `the root of host a.example, ${root}/www/shop, is below that of the default site, ${root}/www: its files are there, too, at /shop/, by the rules of the default site`;
  for (const own of ["www/shop", "link", "beside/../www/shop/."]) {
    assertEquals(await warnings({ root: "www", hosts: { "a.example": { root: own } } }), [
      `epollet: ${inner}`,
    ]);
  }
  assertEquals(await warnings({ root: "www/shop", hosts: { "a.example": { root: "www" } } }), [
    `epollet: the root of the default site, ${root}/www/shop, is below that of host a.example, ${root}/www: its files are there, too, at /shop/, by the rules of host a.example`,
  ]);
  const two = { "a.example": { root: "www/own" }, "b.example": { root: "www" } };
  assertMatch(
    (await warnings({ root: "beside", hosts: two })).join("\n"),
    /^[^\n]*a\.example[^\n]*below[^\n]*b\.example[^\n]*$/,
  );
  const auth = [{ users }];
  assertMatch(
    (await warnings({ root: "www", auth, hosts: { "a.example": { auth: [] } } })).join("\n"),
    /^epollet: The auth rule for .* everything\nepollet: host a\.example and the default site have the same root, .*\/www, and different passwords/,
  );
  for (const own of ["beside", "www/.hidden", "www"]) {
    assertEquals(await warnings({ root: "www", hosts: { "a.example": { root: own } } }), [], own);
  }
});
