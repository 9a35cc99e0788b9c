/**
 * Content negotiation: the preferred coding by Accept-Encoding, and the preferred type by Accept. RFC 9110 §12.4.2,
 * §12.5.1, §12.5.3.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { cpuSeconds } from "../../ffi/process/usage.ts";
import { acceptsHtml, codingsOf, prefersJson } from "../../server/http/fields/negotiation.ts";
import { CACHED_ACCEPT_ENCODING_BYTES_MAX, CACHED_ACCEPT_ENCODINGS_MAX } from "../../server/limits.ts";
import { repeat } from "../support/random.ts";

/** Asserts the codings, best first, for values of Accept-Encoding. */
function assertCodings(rows: readonly (readonly [field: string | null, expected: string])[]): void {
  for (const [field, expected] of rows) assertEquals(codingsOf(field).join(" "), expected, String(field));
}

Deno.test("RFC 9110 §12.5.3: without the field, or with an empty one, no coding is used", () => {
  assertCodings([[null, "identity"], ["", "identity"], [" ", "identity"], [",", "identity"], [
    " ,\t, ",
    "identity",
  ]]);
});

Deno.test("among codings of equal weight br comes first, then zstd, then gzip, and identity last", () => {
  assertCodings([
    ["gzip, deflate, br, zstd", "br zstd gzip identity"], // Chromium
    ["gzip, deflate", "gzip identity"],
    ["gzip", "gzip identity"],
    ["zstd,gzip", "zstd gzip identity"],
    ["identity, gzip", "gzip identity"],
    ["gzip;q=0.5, zstd;q=0.5, identity;q=0.5", "zstd gzip identity"],
    ["deflate", "identity"],
    ["compress, br2, xbr, g-zip", "identity"],
    ["gzip,,br,", "br gzip identity"],
  ]);
});

Deno.test("RFC 9110 §12.4.2: the higher weight comes first, and 0 excludes", () => {
  assertCodings([
    ["gzip;q=1, br;q=0.5", "gzip br identity"],
    ["gzip;q=1.0, zstd; q=0.8, br;q=0.801", "gzip br zstd identity"],
    ["br;q=0.001", "br identity"],
    ["br;q=0, gzip", "gzip identity"],
    ["br;q=0.0, gzip;q=0.00, zstd;q=0.000", "identity"],
    ["gzip;q=0.5, identity", "identity gzip"],
    ["gzip;q=0.5, identity;q=0.6, br;q=0.7", "br identity gzip"],
    ["identity;q=0.001, gzip;q=0.001", "gzip identity"],
  ]);
});

Deno.test("RFC 9110 §12.5.3: a star stands for the codings that are not named", () => {
  assertCodings([
    ["*", "br zstd gzip identity"],
    ["*;q=0.5, gzip", "gzip br zstd identity"],
    ["*, br;q=0", "zstd gzip identity"],
    ["gzip;q=0.2, *;q=0.5", "br zstd gzip identity"],
    ["*;q=0.5, identity;q=0.9", "identity br zstd gzip"],
  ]);
});

Deno.test("RFC 9110 §12.5.3: identity is acceptable unless it, or the star without it, has weight 0", () => {
  assertCodings([
    ["identity;q=0, gzip", "gzip"],
    ["identity;q=0", ""],
    ["*;q=0", ""],
    ["gzip, *;q=0", "gzip"],
    ["gzip, *;q=0, identity;q=0.5", "gzip identity"],
    ["identity, *;q=0", "identity"],
    ["identity;q=0, *", "br zstd gzip"],
  ]);
});

Deno.test("RFC 9110 §8.4.1: the case of names does not matter, and x-gzip is gzip", () => {
  assertCodings([
    ["GZIP, Br;Q=0.5", "gzip br identity"],
    ["x-gzip", "gzip identity"],
    ["X-GZip;q=0, *", "br zstd identity"],
    ["IDENTITY;q=0, ZSTD", "zstd"],
  ]);
});

Deno.test("an element with a malformed weight is ignored, and the first of two weights counts", () => {
  assertCodings([
    ["gzip;q=abc", "identity"],
    ["gzip;q=, br", "br identity"],
    ["gzip;q, br", "br identity"],
    ["gzip;q=2", "identity"],
    ["gzip;q=1.001", "identity"],
    ["gzip;q=-0.5", "identity"],
    ["gzip;q=0,5, br", "br identity"],
    ["gzip;q=.", "identity"],
    ['gzip;q="1"', "identity"],
    ["gzip;q=1e-1", "identity"],
    ["gzip;q=NaN, br;q=Infinity", "identity"],
    ["identity;q=x", "identity"],
    ["gzip;q=x, *;q=0.5", "br zstd gzip identity"],
    ["gzip;q=0, gzip", "identity"],
    ["gzip, gzip;q=0", "gzip identity"],
    ["gzip;q=0;q=1", "identity"],
  ]);
});

Deno.test("blanks, further parameters, and weights like .2 and 0.12345 do no harm", () => {
  assertCodings([
    [" gzip \t; \tq=0 , br ;q=0.1 ", "br identity"],
    ["gzip;q = 0, br", "br identity"],
    ["gzip;q=.2, br;q=.1", "gzip br identity"],
    ["gzip;q=0.12345, br;q=0.12344", "gzip br identity"],
    ["gzip;q=1., br;q=0.", "gzip identity"],
    ["gzip;level=9;q=0, br", "br identity"],
    ["gzip;;q=0, br", "br identity"],
    [";q=1, =, ;, gzip", "gzip identity"],
  ]);
});

Deno.test("the same text gives the same array, which cannot be changed", () => {
  const codings = codingsOf("gzip, br;q=0.123");
  assert(codingsOf("gzip, br;" + "q=0.123") === codings);
  assert(Object.isFrozen(codings) && Object.isFrozen(codingsOf(null)) && Object.isFrozen(codingsOf("")));
});

Deno.test("texts are evicted when there are too many, and long ones are not cached", () => {
  const first = codingsOf("gzip, first");
  for (let i = 0; i <= CACHED_ACCEPT_ENCODINGS_MAX; i++) codingsOf(`gzip, text-${i}`);
  assert(codingsOf("gzip, first") !== first);
  assertEquals(codingsOf("gzip, first"), first);
  for (const [length, isKept] of [[0, true], [1, false]] as const) {
    const text = "gzip" + " ".repeat(CACHED_ACCEPT_ENCODING_BYTES_MAX - 4 + length);
    assertEquals(codingsOf(text) === codingsOf(text), isKept);
    assertEquals(codingsOf(text), ["gzip", "identity"]);
  }
});

Deno.test("codings are ranked as in a slow sort by weight", () => {
  repeat(3000, (random) => {
    const names = new Set(["br", "gzip", "zstd", "identity", "*", "deflate"]);
    const elements: { name: string; thousandths: number }[] = [];
    for (let left = random.below(names.size + 1); left > 0; left--) {
      const name = random.pick([...names]);
      names.delete(name);
      elements.push({ name, thousandths: random.pick([0, 1, 500, 900, 1000]) });
    }
    const field = elements.map(({ name, thousandths }) =>
      thousandths === 1000 && random.oneIn(2) ? name : `${name};q=${(thousandths / 1000).toFixed(3)}`
    ).join(random.pick([",", ", ", " , ,"]));
    const named = (name: string) => elements.find((element) => element.name === name)?.thousandths;
    const wanted: string[] = [];
    for (let thousandths = 1000; thousandths > 0; thousandths--) {
      for (const coding of ["br", "zstd", "gzip"]) {
        if ((named(coding) ?? named("*") ?? 0) === thousandths) wanted.push(coding);
      }
      if (named("identity") === thousandths) wanted.push("identity");
    }
    if (named("identity") === undefined && named("*") !== 0) wanted.push("identity");
    assertEquals<readonly string[]>(codingsOf(field), wanted, field);
  });
});

const FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const CHROMIUM =
  "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8," +
  "application/signed-exchange;v=b3;q=0.7";

Deno.test("HTML is accepted by requests that name it, as navigations do", () => {
  for (
    const field of [
      FIREFOX,
      CHROMIUM,
      "text/html",
      "TEXT/HTML",
      "text/html;level=1",
      "application/xhtml+xml;q=0.1",
      "application/json, text/html;q=0.001",
      'x/y;a="\\",", text/html',
      "text/html;q=0, text/html;level=2",
    ]
  ) {
    assertEquals(acceptsHtml(field), true, field);
  }
  for (
    const field of [
      null,
      "",
      "*/*",
      "text/*",
      "*",
      "text/html;q=0",
      "text/html;q=x, */*",
      "text/html;q=0.000",
      "text/htmlx",
      "text / html",
      "image/avif,image/webp,*/*;q=0.8",
      "text/css,*/*;q=0.1",
      "application/json, text/plain, */*",
      'x/y;a=",text/html,"',
      "x/y;a=text/html",
    ]
  ) {
    assertEquals(acceptsHtml(field), false, String(field));
  }
});

Deno.test("RFC 9110 §12.5.1: JSON is preferred by requests that give it more weight, or name it more precisely", () => {
  for (
    const field of [
      "application/json",
      "Application/JSON; charset=utf-8",
      "application/*",
      "application/json, text/plain, */*",
      "application/json, */*;q=0.5",
      "application/*, */*",
      "text/html;q=0.9, application/json",
      "text/html;q=0.9, application/*",
      "text/html;q=0.9, */*",
      "text/*, application/json",
      "application/json;q=0.1",
      'application/json;profile="a,b;q=0"',
      "application/json;q=0.2, application/json;indent=2, text/html;q=0.5",
      "application/json, application/json;indent=2;q=0.2, text/html;q=0.5",
    ]
  ) {
    assertEquals(prefersJson(field), true, field);
  }
  for (
    const field of [
      null,
      "",
      "*/*",
      "*",
      FIREFOX,
      CHROMIUM,
      "text/html",
      "text/html, application/json",
      "application/json, text/html",
      "text/html, application/*",
      "application/json;q=0.9, text/html",
      "application/json;q=0.5, */*",
      "application/json;q=0",
      "application/json;q=0, text/html;q=0",
      "application/json;q=0, application/*",
      "application/json;q=x",
      "application/xml",
      "image/*",
      "application/jsonp",
      "text/*, application/*",
      'x/y;a="application/json',
    ]
  ) {
    assertEquals(prefersJson(field), false, String(field));
  }
});

Deno.test("a long field is read in linear time, and nothing in it causes an error", () => {
  const parts = [
    ",",
    ";",
    '"',
    "\\",
    '"\\',
    " ",
    "\t",
    "gzip,",
    "q=",
    ";q=0",
    ";q=0.",
    "0",
    "*;q=1,",
    '";',
    "\xff",
  ];
  for (const part of parts) {
    for (const start of ["", "gzip;q=0.", "gzip;q", '"', "text/html;", "*/*,"]) {
      for (const end of ["", "x", '"', "\\", ";q=1"]) {
        const field = start + part.repeat(50_000 / part.length) + end;
        const began = cpuSeconds();
        codingsOf(field);
        acceptsHtml(field);
        prefersJson(field);
        // Quadratic time would be many seconds.
        assert(
          cpuSeconds() - began < 0.5,
          `${start} ${part} again and again, then ${end}, takes too long`,
        );
      }
    }
  }
});
