/**
 * Patterns for paths: tables, a comparison with a slow, obvious matcher, and patterns that are hard to match.
 * @module
 */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { expandDestination, Glob } from "../../handlers/site/rules/glob.ts";
import { encodePath } from "../../handlers/site/files/resolve_path.ts";
import { GLOB_ALTERNATIVES_MAX, GLOB_WILDCARDS_MAX } from "../../handlers/site/limits.ts";
import { type Random, repeat } from "../support/random.ts";

type Captures = readonly string[] | null;

function assertMatches(pattern: string, table: Readonly<Record<string, Captures>>): void {
  const glob = new Glob(pattern);
  for (const [path, captures] of Object.entries(table)) {
    assertEquals(glob.match(path), captures, `${pattern} on ${path}`);
  }
}

Deno.test("a pattern without wildcards matches one path", () => {
  assertMatches("/a/b.html", { "/a/b.html": [], "/a/b.htm": null, "/a/b.html/": null, "/a/b_html": null });
  assertMatches("/", { "/": [], "/a": null });
  assertMatches("/a.", { "/a.": [], "/ab": null });
  assertMatches("/A", { "/A": [], "/a": null });
});

Deno.test("a star matches any number of characters except slashes, and is captured", () => {
  assertMatches("/*", { "/": [""], "/a": ["a"], "/a.html": ["a.html"], "/a/": null, "/a/b": null });
  assertMatches("/*.js", {
    "/a.js": ["a"],
    "/.js": [""],
    "/a.js.js": ["a.js"],
    "/a.css": null,
    "/a/b.js": null,
  });
  assertMatches("/a/*/c", { "/a/b/c": ["b"], "/a/c": null, "/a/b/b/c": null });
  assertMatches("/*-*", { "/a-b-c": ["a-b", "c"], "/-": ["", ""], "/ab": null });
  assertMatches("/a*/", { "/a/": [""], "/ab/": ["b"], "/a": null });
});

Deno.test("two stars match any number of characters, slashes included", () => {
  assertMatches("/a**b", { "/ab": [""], "/a/x/b": ["/x/"], "/axb": ["x"], "/a": null });
  assertMatches("/**.js", { "/a.js": ["a"], "/a/b.js": ["a/b"], "/.js": [""] });
  assertMatches("/*/**.js", { "/a/b.js": ["a", "b"], "/a/b/c.js": ["a", "b/c"], "/a.js": null });
});

Deno.test("two stars at the end match the directory itself, with its slash and without", () => {
  assertMatches("/a/**", {
    "/a": [""],
    "/a/": [""],
    "/a/b": ["b"],
    "/a/b/": ["b/"],
    "/a/b/c": ["b/c"],
    "/ab": null,
    "/": null,
  });
  assertMatches("/**", { "/": [""], "/a": ["a"], "/a/b/": ["a/b/"] });
  assertMatches("/*/**", { "/a": ["a", ""], "/a/": ["a", ""], "/a/b/c": ["a", "b/c"], "/": ["", ""] });
  assertMatches("/{a,b/c}/**", { "/a": [""], "/b/c": [""], "/b": null, "/b/c/d": ["d"] });
});

Deno.test("two stars between slashes may match nothing", () => {
  assertMatches("/**/x.js", {
    "/x.js": [""],
    "/a/x.js": ["a"],
    "/a/b/x.js": ["a/b"],
    "/ax.js": null,
    "/a/x.js/": null,
  });
  assertMatches("/a/**/b", { "/a/b": [""], "/a/x/b": ["x"], "/a/b/b": ["b"], "/ab": null, "/a/xb": null });
  assertMatches("/**/*.js", { "/x.js": ["", "x"], "/a/b/x.js": ["a/b", "x"] });
  assertMatches("/**/a/**", { "/a": ["", ""], "/a/a": ["a", ""], "/b/a/c": ["b", "c"], "/b": null });
  assertMatches("/**/**", { "/": ["", ""], "/a": ["", "a"], "/a/b": ["a", "b"] });
  assertMatches("/a/**/", { "/a/": [""], "/a/b/": ["b"], "/a/b/c/": ["b/c"], "/a/b": null });
});

Deno.test("a question mark and a class match one character, however many bytes it has", () => {
  assertMatches("/?", {
    "/a": [],
    "/": null,
    "/ab": null,
    "/%C3%A9": [],
    "/%E4%B8%AD": [],
    "/%F0%9F%98%80": [],
  });
  assertMatches("/a?b", { "/a/b": null, "/a%20b": [], "/a%FFb": [], "/a%C3%A9%C3%A9b": null });
  assertMatches("/[abc]", { "/a": [], "/c": [], "/d": null, "/": null });
  assertMatches("/v[0-9][!0-9]", { "/v1a": [], "/v12": null, "/v1/": null, "/v1%C3%A9": [] });
  assertMatches("/[^a]", { "/b": [], "/a": null });
  assertMatches("/[à-ü]", { "/%C3%A9": [], "/e": null });
  assertMatches("/[a-cx-z-]", { "/b": [], "/y": [], "/-": [], "/d": null });
  assertMatches("/[\\]\\-a]", { "/%5D": [], "/-": [], "/a": [], "/%5C": null });
});

Deno.test("braces are alternatives; the captures are those of the first one that matches", () => {
  assertMatches("/*.{js,css}", { "/a.js": ["a"], "/a.css": ["a"], "/a.jscss": null });
  assertMatches("/{a,b{c,d}}/{x,}", { "/a/x": [], "/bc/": [], "/bd/x": [], "/b/x": null, "/a": null });
  assertMatches("/{*,a/*}.js", { "/b.js": ["b"], "/a/b.js": ["b"], "/b/b.js": null });
  assertMatches("/{ab,a*}c", { "/abc": [], "/axc": ["x"] });
  assertMatches("/a,b", { "/a,b": [] });
  assertMatches("/{[,}],x}", { "/,": [], "/%7D": [], "/x": [] });
});

Deno.test("a backslash or percent-encoding makes a special character an ordinary one", () => {
  assertMatches("/\\*", { "/*": [], "/a": null });
  assertMatches("/%2A", { "/*": [], "/a": null });
  assertMatches("/\\{a\\,b\\}", { "/%7Ba,b%7D": [] });
  assertMatches("/{a\\,b,c}", { "/a,b": [], "/c": [], "/a": null });
  assertMatches("/\\\\", { "/%5C": [] });
  assertMatches("/%5b?", { "/%5Ba": [], "/a": null });
});

Deno.test("a pattern may be written in UTF-8 or percent-encoded, in either case", () => {
  const paths = { "/caf%C3%A9/%20x": ["%20x"], "/cafe/x": null, "/caf%C3%A8/x": null };
  for (const pattern of ["/café/*", "/caf%C3%A9/*", "/caf%c3%a9/*", "/%63af\u00e9/*"]) {
    assertMatches(pattern, paths);
  }
  assertMatches("/a b/100%25", { "/a%20b/100%25": [] });
  assertMatches("/*%A9", { "/%C3%A9": null, "/%A9": [""], "/a%A9": ["a"] });
  assertMatches("/*A9", { "/%C3%A9": null, "/A9": [""] });
  assertMatches("/😀?", { "/%F0%9F%98%80%F0%9F%98%81": [] });
  assertMatches("/%ED%A0%80", { "/%ED%A0%80": [] }); // a surrogate: three bytes that are not a character
  assertMatches("/?", { "/%ED%A0%80": null, "/%C0%AF": null, "/%F5%80%80%80": null, "/%E0%80%80": null });
});

Deno.test("a malformed pattern is an error that quotes it and says what is wrong", () => {
  const table: readonly (readonly [string, string])[] = [
    ["", "does not begin with a slash"],
    ["*.js", "does not begin with a slash"],
    ["{/a,b}", "does not begin with a slash"],
    ["/{a", "has a { without a }"],
    ["/a}", "has a } without a {"],
    ["/{a,{b}", "has a { without a }"],
    ["/[a", "has a [ without a ]"],
    ["/[]", "has an empty class"],
    ["/[!]", "has an empty class"],
    ["/[z-a]", "has a class whose range goes backwards"],
    ["/[a/b]", "has a slash in a class"],
    ["/***", "has three stars in a row"],
    ["/a\\", "ends with a backslash"],
    ["/100%", "has a % without two hexadecimal digits"],
    ["/a%2Fb", "has an encoded slash"],
    ["/" + "*a".repeat(GLOB_WILDCARDS_MAX + 1), "wildcards"],
    ["/" + "{a,b}".repeat(9), `has more than ${GLOB_ALTERNATIVES_MAX} alternatives`],
    ["/{" + ",".repeat(GLOB_ALTERNATIVES_MAX) + "}", `has more than ${GLOB_ALTERNATIVES_MAX} alternatives`],
    ["/" + "{".repeat(1000) + "}".repeat(1000), "has too many braces in braces"],
    ["/" + "{a,b}".repeat(8) + "x".repeat(100), "characters in them"],
  ];
  for (const [pattern, problem] of table) {
    const error = assertThrows(() => new Glob(pattern), TypeError, problem);
    assert(error.message.startsWith(`the pattern ${JSON.stringify(pattern)} `), error.message);
  }
  assertThrows(() => new Glob("/" + "x".repeat(100_000)), TypeError, "characters in them");
  assertEquals(new Glob("/" + "{a,b}".repeat(8)).match("/abababab"), []);
});

Deno.test("a pattern that is hard to match is matched in no time, on the longest path", () => {
  const hard: readonly (readonly [string, string])[] = [
    ["/" + "*a".repeat(30) + "b", "/" + "a".repeat(8000)],
    ["/" + "**a".repeat(30) + "b", "/" + "a".repeat(8000)],
    ["/" + "*?".repeat(30) + "b", "/" + "a".repeat(8000)],
    ["/" + "**/".repeat(30) + "b", "/" + "a/".repeat(4000)],
    ["/" + "**/*a".repeat(15) + "b", "/" + "a/".repeat(4000)],
    ["/" + "*[!b]?".repeat(30) + "c", "/" + "%C3%A9".repeat(1300)],
    ["/" + "**aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab".repeat(30), "/" + "a".repeat(8000)],
  ];
  for (const [pattern, path] of hard) {
    const glob = new Glob(pattern);
    const startMs = performance.now();
    // A backtracking matcher would take longer than the age of the universe; this one takes some milliseconds.
    assertEquals(glob.match(path), null, pattern);
    const fitting = path.endsWith("/") ? path + "b" : path + "bc";
    glob.match(fitting);
    assertLess(performance.now() - startMs, 2000, pattern);
  }
});

/** A slow, obvious matcher: returns the captures of the greediest match from `p` and `t` on. */
function reference(pattern: readonly string[], path: readonly string[], p = 0, t = 0): string[] | null {
  if (p === pattern.length) return t === path.length ? [] : null;
  const next = pattern[p];
  const isAtEnd = t === path.length;
  const isTaken = pattern[p - 1] === "**" && pattern[p - 2] === "/"; // belongs to the stars before it
  if (next === "/" && !isTaken && pattern[p + 1] === "**" && p + 2 === pattern.length) {
    if (isAtEnd) return [""];
    return path[t] === "/" ? [path.slice(t + 1).join("")] : null;
  }
  if (next === "*" || next === "**") {
    const isWhole = next === "**" && pattern[p - 1] === "/" && pattern[p + 1] === "/";
    let longest = t;
    while (longest < path.length && (next === "**" || path[longest] !== "/")) longest++;
    for (let stop = longest; stop >= t; stop--) {
      if (isWhole && path[stop] !== "/") continue;
      const rest = reference(pattern, path, p + 1, stop);
      if (rest !== null) return [path.slice(t, stop).join(""), ...rest];
    }
    const rest = isWhole ? reference(pattern, path, p + 2, t) : null;
    return rest === null ? null : ["", ...rest];
  }
  const isFitting = !isAtEnd &&
    (next === "?" ? path[t] !== "/" : next === "[ab]" ? "ab".includes(path[t]!) : next === path[t]);
  return isFitting ? reference(pattern, path, p + 1, t + 1) : null;
}

const SIGNS = ["a", "b", "/", "*", "**", "?", "[ab]", "é", "/", "**"];
const CHARACTERS = ["a", "b", "/", "é", "a", "/"];

function randomRow(random: Random, choices: readonly string[], lengthMax: number): string[] {
  const row = ["/"];
  const length = random.below(lengthMax);
  while (row.length < length) {
    const next = random.pick(choices);
    const previous = row[row.length - 1]!;
    const isDouble = next === "/" && previous === "/" || next.startsWith("*") && previous.startsWith("*");
    if (!isDouble) row.push(next);
  }
  return row;
}

Deno.test("Glob agrees with a slow, obvious matcher, captures included", () => {
  const encoder = new TextEncoder();
  const encode = (text: string) => encodePath(encoder.encode(text), false).slice(1);
  let matches = 0;
  repeat(20_000, (random) => {
    const pattern = randomRow(random, SIGNS, 10);
    const path = randomRow(random, CHARACTERS, 12);
    const expected = reference(pattern, path)?.map(encode) ?? null;
    if (expected !== null) matches++;
    const actual = new Glob(pattern.join("")).match(encode(path.join("")));
    assertEquals(actual, expected, `${pattern.join("")} on ${path.join("")}`);
  });
  assertLess(1000, matches, "hardly anything fits: the test says little");
});

Deno.test("a destination contains the captures", () => {
  const table: readonly (readonly [string, readonly string[], string])[] = [
    ["/new/$1", ["a/b"], "/new/a/b"],
    ["/$2/$1", ["a", "b"], "/b/a"],
    ["/$1$1", ["a"], "/aa"],
    ["/$3", ["a"], "/"],
    ["/$$1", ["a"], "/$1"],
    ["/$$$1", ["a"], "/$a"],
    ["/$0$", ["a"], "/$0$"],
    ["/$12", ["a"], "/a2"],
    ["https://example.com/$1", ["a"], "https://example.com/a"],
    ["/plain", [], "/plain"],
    ["/$1", ["$2", "x"], "/$2"],
  ];
  for (const [destination, captures, expected] of table) {
    assertEquals(expandDestination(destination, captures), expected, destination);
  }
});

Deno.test("a destination on this host stays there, whatever was captured", () => {
  const captures = new Glob("/x**").match("/x/evil.com");
  assertEquals(captures, ["/evil.com"]);
  assertEquals(expandDestination("/$1", captures ?? []), "/evil.com");
  assertEquals(expandDestination("//cdn.example/$1", ["a"]), "//cdn.example/a"); // chosen by the rule itself
});
