/**
 * Fuzzes the configuration file. Any text is either accepted, or refused in one line that names the place.
 *
 * An accepted text means the same without its comments and blanks, and is written back unchanged. Each of its keys is
 * one that the program knows.
 * @module
 */
import { parse } from "@std/jsonc";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { configSchema } from "../../program/config/file/schema.ts";
import { UsageError } from "../../server/usage_error.ts";
import type { Random } from "../support/random.ts";
import { type Input, pure, requireSame, shown } from "./fuzz_target.ts";
import { mutate } from "./mutations.ts";

const FILE = "conf/epollet.json";
const HASH = "$scrypt$ln=14,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const CONFIGS: readonly string[] = [
  "{}",
  '{ "port": 8080, "host": "::1", "keepAlive": false, "poller": "epoll-edge", "handler": "static" }',
  '{ "root": "html", "index": ["a.html", "b.html"], "cleanUrls": true, "spa": "/app.html", "browse": true }',
  '{ "cacheSize": "64M", "cacheFileSize": 1024, "cacheValidate": "stat", "compress": true, "etag": "mtime" }',
  '// comment\n{ "errorPages": { "404": "/e.html", "500": "/f.html", }, /* more */ "cors": ["https://a.example"] }',
  '{ "headers": [{ "source": "/**/*.{js,css}", "headers": { "X-A": "b", "Server": null } }], "cors": true }',
  '{ "headers": { "X-A": "\\u00e4" }, "securityHeaders": true, "cacheControl": "max-age=60" }',
  '{ "redirects": [{ "source": "/a/*/b/**", "destination": "https://b.example/$1/$2?x", "status": 308 }] }',
  '{ "rewrites": [{ "source": "/[a-z]?/*", "destination": "/$1.html", "ifMissing": true }] }',
  `{ "auth": [{ "source": "/p/**", "realm": "x", "users": { "ann": "${HASH}" } }] }`,
  '{ "hosts": { "example.org": { "root": "/srv" }, "*.example.org": { "index": "x.html", "spa": false } } }',
];
const KEYS = Object.keys(configSchema.shape);
const VALUES = [
  ...'null true false 0 -1 1.5 65536 1e400 9007199254740993 "" "/" "a" "**" "/**" [] {} [[]] [1,"a"] [{}]'
    .split(" "),
  '"/../x"',
  '"/%zz"',
  '"/{a,b"',
  '"/$1"',
  '"\\u0000"',
  '"\\ud800"',
  '{"__proto__":1}',
  '{"constructor":"a"}',
  '{"source":"/a","destination":"/b"}',
  '{"source":"/a","headers":{"a":"b\\nc"}}',
  '{"users":{"a:b":"x"}}',
  '["https://a.example","*"]',
  '"\u4e2d"',
  "undefined",
];

function make(random: Random): Input {
  let text = random.pick(CONFIGS);
  if (random.oneIn(2)) { // another key, or another value after a colon
    const entry = `"${random.oneIn(8) ? "__proto__" : random.pick(KEYS)}": ${random.pick(VALUES)}`;
    const colons = [...text.matchAll(/: (?:"[^"]*"|[^\s,{}[\]]+|\[[^\]]*\])/g)];
    if (colons.length === 0 || random.oneIn(2)) text = text.replace("{", `{ ${entry}, `);
    else {
      const { index, 0: old } = random.pick(colons);
      text = `${text.slice(0, index)}: ${random.pick(VALUES)}${text.slice(index + old.length)}`;
    }
  }
  if (random.oneIn(2)) text = mutate(text, random, CONFIGS);
  if (random.oneIn(500)) text = random.pick(["[", '{"a":']).repeat(random.below(20_000)) + text;
  return [text];
}

/** Returns the choices as JSON, or the line that refuses the text. */
function outcomeOf(text: string): { chosen: string } | { refused: string } {
  try {
    const { program, site, hosts } = parseConfig(FILE, text);
    return { chosen: JSON.stringify([program, site, [...hosts]]) };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { refused: error.message };
  }
}

function check([text]: Input): void {
  let outcome: ReturnType<typeof outcomeOf>;
  try {
    outcome = outcomeOf(text!);
  } catch (error) {
    throw new Error(`${error} is no UsageError, for ${shown(text!)}`, { cause: error });
  }
  if ("refused" in outcome) {
    const { refused } = outcome;
    if (!refused.startsWith(FILE) || /\p{Cc}/u.test(refused)) {
      throw new Error(`${shown(refused)} for ${shown(text!)}`);
    }
    const says = /^conf\/epollet\.json(?::\d+:\d+: Bad JSON: .|(?::\d+)?: (?:Bad|Missing|Unknown key) .)/
      .test(
        refused,
      );
    if (!says || refused.length > 400) {
      throw new Error(`${shown(refused)} names no place, for ${shown(text!)}`);
    }
    return;
  }
  const value = parse(text!);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`accepted: ${shown(text!)}`);
  }
  for (const key of Object.keys(value)) {
    if (!KEYS.includes(key)) throw new Error(`the key ${shown(key)} was overlooked in ${shown(text!)}`);
  }
  requireSame(outcomeOf(JSON.stringify(value)), outcome, `without comments: ${shown(text!)}`);
  requireSame(
    outcomeOf(` /* x */ ${JSON.stringify(value, null, 1)}\n//`),
    outcome,
    `with comments: ${shown(text!)}`,
  );
}

export const config = pure({ name: "config", batch: 200, make, check });
