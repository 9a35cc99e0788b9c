/**
 * Fuzzes globs. The reference expands the alternatives of a pattern and then tries every possible match.
 * @module
 */
import { GLOB_ALTERNATIVES_MAX, GLOB_EXPANDED_CHARACTERS_MAX } from "../../handlers/site/limits.ts";
import { Glob } from "../../handlers/site/rules/glob.ts";
import type { Random } from "../support/random.ts";
import { type Input, pure, requireSame, shown } from "./fuzz_target.ts";

/** Returns a random pattern of few different characters, so that short paths often match. */
function randomPattern(random: Random): string {
  const pieces = [
    "a",
    "b",
    "/",
    "/",
    "*",
    "**",
    "/**/",
    "?",
    "[ab]",
    "[!a]",
    "{a,b}",
    "{a/,**,}",
    "\\*",
    "%61",
    ".",
  ];
  let pattern = "/";
  for (let i = random.below(8); i > 0; i--) pattern += random.pick(pieces);
  return pattern + (random.oneIn(5) ? "/**" : "");
}

function randomPath(random: Random): string {
  let path = "/";
  for (let i = random.below(10); i > 0; i--) {
    path += random.pick(["a", "b", "a", "b", "/", "/", ".", "*", "%E4%B8%AD"]);
  }
  return path;
}

/** One element of an alternative: a character that fits, or a wildcard. */
type Sign = { kind: "one"; fits: (c: string) => boolean } | { kind: "star" | "globstar" | "maybe" | "below" };

/** Returns the alternatives of the braces in `pattern`, which are not nested here. */
function expanded(pattern: string): string[] {
  const brace = /\{([^}]*)\}/.exec(pattern);
  if (brace === null) return [pattern];
  const [before, after] = [pattern.slice(0, brace.index), pattern.slice(brace.index + brace[0].length)];
  return brace[1]!.split(",").flatMap((choice) => expanded(before + choice + after));
}

/**
 * Returns the elements of one alternative. Returns null for a malformed pattern, and for one that this reference does
 * not support.
 */
function signsOf(pattern: string): Sign[] | null {
  const signs: Sign[] = [];
  let rest = pattern;
  let before = "";
  let isAfterWildcard = false;
  const one = (fits: (c: string) => boolean) => signs.push({ kind: "one", fits });
  while (rest !== "") {
    const [token] = /^(?:\*{3,}|\*\*|\*|\?|\[[^\]]*\]|\\.|%61|[^])/.exec(rest)!;
    const next = rest.slice(token.length);
    let isWildcard = false;
    if (token.length > 2 && token.startsWith("***")) return null;
    if (token === "*" || token === "**") {
      isWildcard = true;
      const isAlone = token === "**" && before === "/";
      if (isAlone && !isAfterWildcard && next === "") {
        signs.pop();
        signs.push({ kind: "below" });
      } else if (isAlone && next.startsWith("/")) {
        signs.push({ kind: "maybe" });
        rest = next.slice(1);
        before = "/";
        isAfterWildcard = true;
        continue;
      } else signs.push({ kind: token === "*" ? "star" : "globstar" });
    } else if (token === "?") one((c) => c !== "/");
    else if (token === "[ab]") one((c) => c === "a" || c === "b");
    else if (token === "[!a]") one((c) => c !== "a" && c !== "/");
    else if (token === "%61") one((c) => c === "a");
    else if (token.startsWith("\\")) one((c) => c === token[1]);
    else one((c) => c === token);
    before = token;
    isAfterWildcard = isWildcard;
    rest = next;
  }
  return signs;
}

/**
 * Returns the text that each wildcard from `at` on takes of `path`, the first as much as it can; null when `path`
 * does not match.
 */
function matchFrom(signs: readonly Sign[], path: readonly string[], at: number): string[] | null {
  if (signs.length === 0) return at === path.length ? [] : null;
  const [sign, ...rest] = signs as [Sign, ...Sign[]];
  if (sign.kind === "one") {
    return at < path.length && sign.fits(path[at]!) ? matchFrom(rest, path, at + 1) : null;
  }
  for (let end = path.length; end >= at; end--) {
    const taken = path.slice(at, end).join("");
    const capture = sign.kind === "below"
      ? taken.slice(1)
      : sign.kind === "maybe"
      ? taken.slice(0, -1)
      : taken;
    const may = sign.kind === "globstar" ||
      (sign.kind === "star" && !taken.includes("/")) ||
      (sign.kind === "maybe" && (taken === "" || taken.endsWith("/"))) ||
      (sign.kind === "below" && end === path.length && (taken === "" || taken.startsWith("/")));
    const others = may ? matchFrom(rest, path, end) : null;
    if (others !== null) return [capture, ...others];
  }
  return null;
}

function check([pattern, path]: Input): void {
  const isJudged = /^\/(?:[ab./?]|\*|\[ab\]|\[!a\]|\{[ab/*.,]*\}|\\\*|%61)*$/.test(pattern!);
  if (!isJudged || !/^\/(?:[ab./*]|%E4%B8%AD)*$/.test(path!)) return;
  const patterns = expanded(pattern!);
  const isTooLong = patterns.length > GLOB_ALTERNATIVES_MAX ||
    patterns.join("").length > GLOB_EXPANDED_CHARACTERS_MAX;
  const alternatives = patterns.map(signsOf);
  let given: readonly string[] | null;
  try {
    given = new Glob(pattern!).match(path!);
  } catch (error) {
    if (error instanceof TypeError && (isTooLong || alternatives.some((signs) => signs === null))) return;
    throw error;
  }
  if (alternatives.some((signs) => signs === null)) throw new Error(`${shown(pattern!)} was accepted`);
  const characters = path!.match(/%E4%B8%AD|[^]/g)!;
  const wanted =
    alternatives.map((signs) => matchFrom(signs!, characters, 0)).find((found) => found !== null) ?? null;
  requireSame(given, wanted, `${shown(pattern!)} and ${shown(path!)}`);
}

export const globs = pure({
  name: "globs",
  batch: 2000,
  make: (random) => [randomPattern(random), randomPath(random)],
  check,
});
