/**
 * From the path of a URL to a path below the root, and back: a table, and a comparison with a slow, obvious
 * implementation on strings. RFC 3986.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { encodePath, resolvePath } from "../../handlers/site/files/resolve_path.ts";
import { type Random, repeat } from "../support/random.ts";
import { bytesOf, textOf } from "../support/request_replay.ts";

/** A path below the root, with `/` at its end for a directory; or a status. */
function resolve(path: string): string | number {
  const bytes = bytesOf(`garbage/..${path}%2f..garbage`);
  const resolved = resolvePath(bytes, 10, 10 + path.length);
  if (typeof resolved === "number") return resolved;
  return textOf(resolved.path) + (resolved.isDirectory ? "/" : "");
}

function assertTable(table: Readonly<Record<string, string | number>>): void {
  for (const [path, expected] of Object.entries(table)) assertEquals(resolve(path), expected, path);
}

Deno.test("a path is relative to the root, and the root itself is a directory", () => {
  assertTable({ "/": "/", "": "/", "/a": "a", "/a.html": "a.html", "/a/b/c.d": "a/b/c.d", "/a b": "a b" });
});

Deno.test("a slash at the end means a directory, and so does a dot or two", () => {
  assertTable({
    "/a/": "a/",
    "/a/b/": "a/b/",
    "/a/.": "a/",
    "/a/./": "a/",
    "/a/b/..": "a/",
    "/a/b/../": "a/",
    "/a/..": "/",
    "/.": "/",
    "/./": "/",
    "/a/b/%2e%2e": "a/",
    "/a%2f": "a/",
  });
});

Deno.test("RFC 3986 §5.2.4: dots are resolved", () => {
  assertTable({
    "/a/./b": "a/b",
    "/./a": "a",
    "/a/../b": "b",
    "/a/b/../../c": "c",
    "/a/b/c/../../d/./e": "a/d/e",
    "/aa/bbb/../c": "aa/c",
  });
});

Deno.test("a path that climbs above the root is rejected, even if it comes back", () => {
  const above = [
    "/..",
    "/../",
    "/../a",
    "/a/../..",
    "/a/../../a",
    "/./..",
    "/%2e%2e/a",
    "/.%2e",
    "/a/%2E./..",
    "//..",
  ];
  for (const path of [...above, "/..%2fa", "%2f..", "/../..", "/.git/../.."]) {
    assertEquals(resolve(path), 400, path);
  }
});

Deno.test("empty segments are merged, as in the file system", () => {
  assertTable({ "//": "/", "//a": "a", "/a//b": "a/b", "/a///": "a/", "/a//../b": "b", "///a//.//b": "a/b" });
});

Deno.test("RFC 3986 §2.1: escapes are decoded, in either case; an escaped slash or dot is an ordinary one", () => {
  assertTable({
    "/%61": "a",
    "/%C3%a9": "\xc3\xa9",
    "/%ff\xfe": "\xff\xfe",
    "/%20%23%3F%25": " #?%",
    "/a%2fb": "a/b",
    "/a%2Fb%2f%2f": "a/b/",
    "/a/%2e/b": "a/b",
    "/a/.%2e/b": "b",
    "/a%0d%0ab": "a\r\nb",
    "/%5c..%5c": "\\..\\",
    "/+": "+",
  });
});

Deno.test("RFC 3986 §2.4: escapes are decoded once", () => {
  assertTable({
    "/%252e%252e/a": "%2e%2e/a",
    "/%252f": "%2f",
    "/%2500": "%00",
    "/%25%32%65": "%2e",
  });
});

Deno.test("a NUL is rejected anywhere", () => {
  for (const path of ["/%00", "/a%00", "/%00a/b", "/a/%00/../b", "/a.html%00.png", "/.git%00"]) {
    assertEquals(resolve(path), 400, path);
  }
});

Deno.test("names that begin with a dot are hidden, at every depth and in every spelling", () => {
  const hidden = [
    "/.git",
    "/.git/",
    "/.git/config",
    "/a/.env",
    "/a/.b/c",
    "/...",
    "/.a/",
    "/..a",
    "/%2egit",
    "/%2Eenv",
  ];
  for (const path of [...hidden, "/a/%2e%2e%2e", "/a%2f.env", "//.git", "/a/../.git", "/. ", "/.%20"]) {
    assertEquals(resolve(path), 404, path);
  }
  assertTable({ "/a.b": "a.b", "/a.": "a.", "/a..": "a..", "/.git/../a": "a" });
});

Deno.test("RFC 8615 §3: /.well-known/ is not hidden, but only at the top, and hidden names in it stay hidden", () => {
  assertTable({
    "/.well-known": ".well-known",
    "/.well-known/": ".well-known/",
    "/.well-known/security.txt": ".well-known/security.txt",
    "/.well-known/a/b": ".well-known/a/b",
    "/%2ewell-known/a": ".well-known/a",
    "/a/../.well-known/b": ".well-known/b",
    "/.well-known/.env": 404,
    "/.well-known/a/.env": 404,
    "/.well-known/.well-known": 404,
    "/a/.well-known": 404,
    "/a/.well-known/b": 404,
    "/.well-know": 404,
    "/.well-known2": 404,
    "/.well-known2/a": 404,
    "/.Well-Known/a": 404,
    "/..well-known": 404,
  });
});

/** The slow, obvious implementation. */
function resolveSlowly(path: string): string | number {
  const decoded = path.replace(
    /%([0-9a-f]{2})/gi,
    (_, digits: string) => String.fromCharCode(parseInt(digits, 16)),
  );
  if (decoded.includes("\0")) return 400;
  const names: string[] = [];
  for (const name of decoded.split("/")) {
    if (name === "..") {
      if (names.pop() === undefined) return 400;
    } else if (name !== "" && name !== ".") names.push(name);
  }
  if (names.some((name, i) => name.startsWith(".") && !(i === 0 && name === ".well-known"))) return 404;
  return names.join("/") + (/(^|\/)\.{0,2}$/.test(decoded) ? "/" : "");
}

const PIECES = [
  "/",
  "/",
  "/",
  ".",
  ".",
  "..",
  "a",
  "b.c",
  "%2e",
  "%2E",
  "%2f",
  "%61",
  "%25",
  "%ff",
  "\\",
  "\xe9",
];
const RARE = ["%00", ".well-known", "/.well-known/", "%0a", "%252e", "%5c", "%7f", "~"];

function randomPath(random: Random): string {
  let path = "/";
  for (let pieces = random.below(12); pieces > 0; pieces--) {
    path += random.pick(random.oneIn(12) ? RARE : PIECES);
  }
  return path;
}

Deno.test("random paths are resolved as by the slow implementation", () => {
  const counts = new Map<string, number>();
  repeat(20_000, (random) => {
    const path = randomPath(random);
    const expected = resolveSlowly(path);
    assertEquals(resolve(path), expected, path);
    const kind = typeof expected === "number" ? String(expected) : "found";
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  });
  for (const kind of ["found", "400", "404"]) {
    assert(counts.get(kind)! > 1000, `hardly any path gives ${kind}`);
  }
});

Deno.test("a resolved path has no empty name, no dots to resolve, no NUL and no hidden name", () => {
  repeat(20_000, (random) => {
    const path = randomPath(random);
    const resolved = resolvePath(bytesOf(path), 0, path.length);
    if (typeof resolved === "number") return;
    const text = textOf(resolved.path);
    assert(!/\0|^\/|\/$|\/\/|\/\./.test(text) && !/^\.(?!well-known(\/|$))/.test(text), `${path} is ${text}`);
    assert(text !== "" || resolved.isDirectory, path);
  });
});

function encode(path: string, isDirectory = false): string {
  return encodePath(bytesOf(path), isDirectory);
}

Deno.test("a URL path begins with one slash, and ends with one for a directory", () => {
  assertEquals(encode("", true), "/");
  assertEquals(encode("a/b"), "/a/b");
  assertEquals(encode("a/b", true), "/a/b/");
});

Deno.test("RFC 3986 §3.3: characters that a path may have are not encoded, all others are, in upper case", () => {
  const plain = "-._~!$&'()*+,;=:@/";
  for (let code = 0; code < 256; code++) {
    const byte = String.fromCharCode(code);
    const isPlain = /[0-9A-Za-z]/.test(byte) || plain.includes(byte);
    const expected = isPlain ? byte : "%" + code.toString(16).toUpperCase().padStart(2, "0");
    assertEquals(encode(`a${byte}b`), `/a${expected}b`);
  }
  assertEquals(encode('\\"<>%?#\r\n\xc3\xa9'), "/%5C%22%3C%3E%25%3F%23%0D%0A%C3%A9");
});

Deno.test("a path that is encoded is resolved to itself, and no other URL has the same encoding", () => {
  const seen = new Map<string, string>();
  repeat(10_000, (random) => {
    const path = randomPath(random);
    const resolved = resolvePath(bytesOf(path), 0, path.length);
    if (typeof resolved === "number") return;
    const url = encodePath(resolved.path, resolved.isDirectory);
    assert(/^\/([^/].*)?$/.test(url), `${path} is encoded as ${url}`);
    assert(/^[\x21-\x7e]+$/.test(url) && !/[\\"'<>?#\s]/.test(url), `${path} is encoded as ${url}`);
    const meaning = textOf(resolved.path) + (resolved.isDirectory ? "/" : "");
    assertEquals(resolve(url), meaning, `${path} is encoded as ${url}`);
    assertEquals(seen.get(url) ?? meaning, meaning, `two paths are encoded as ${url}`);
    seen.set(url, meaning);
  });
});
