/**
 * Fuzzes the way from the target of a request to a path below the root: `target.ts` and `resolve_path.ts`.
 *
 * Each result equals that of the reference. Each accepted path cannot lead out of the root: none of its names is
 * empty, `.`, `..` or hidden, or has a NUL, and its canonical spelling resolves to itself.
 * @module
 */
import { encodePath, resolvePath } from "../../handlers/site/files/resolve_path.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { parseTarget } from "../../server/http/target.ts";
import type { Random } from "../support/random.ts";
import { type Input, pure, shown } from "./fuzz_target.ts";
import { referenceEncode, referenceResolve } from "./reference_target.ts";

/** Pieces of paths. Those that have led out of roots before are more frequent. */
const PIECES = [
  ..."////....aab.%?*&=+~:@;",
  "..",
  "../",
  "/..",
  "/.",
  "/./",
  "%2e",
  "%2E%2e",
  ".%2e",
  "%2f",
  "%2F",
  "%5c",
  "\\",
  "%00",
  "%",
  "%4",
  "%zz",
  "%25",
  "%252e%252e%252f",
  "%c0%ae%c0%ae",
  "%e2%80%ae",
  "%ff",
  "\xff",
  "\xe4\xb8\xad",
  "...",
  "/.well-known",
  ".well-known/",
  "/.git",
  "/.env",
  "link",
  "/d/",
  "a.txt",
  "index.html",
  "http://",
  "//evil.example/",
  "?a=/../",
  "#",
  "\t",
  "\x7f",
  "\0",
];

/** Returns a random target. */
export function randomTarget(random: Random): string {
  let text = random.oneIn(20) ? "" : "/";
  for (let i = random.below(10); i >= 0; i--) {
    text += random.oneIn(30) ? String.fromCharCode(random.below(256)) : random.pick(PIECES);
  }
  return text;
}

const MARGIN = 3;
const request = new HttpRequest();
request.method = "GET";
const buffer = new Uint8Array(4096);

/** Writes `text` into the buffer, between bytes that would change its meaning if they were read. */
function write(text: string): void {
  buffer.fill(0x2f, 0, MARGIN);
  for (let i = 0; i < text.length; i++) buffer[MARGIN + i] = text.charCodeAt(i);
  buffer[MARGIN + text.length] = 0x2e;
  buffer[MARGIN + text.length + 1] = 0x2e;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** Returns path and query of the target of a GET, or null for an invalid target. RFC 9112 §3.2, RFC 3986 §3. */
function referenceTarget(target: string): { path: string; query: string } | null {
  const absolute =
    /^https?:\/\/(?:\[[\da-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})+)(?::\d{0,5})?(?=[/?]|$)/i.exec(target);
  if (absolute === null && !target.startsWith("/")) return null;
  const rest = target.slice(absolute?.[0].length ?? 0);
  const mark = rest.indexOf("?");
  const path = mark < 0 ? rest : rest.slice(0, mark);
  return { path, query: rest.slice(path.length) };
}

function check([text]: Input): void {
  const [target] = text!.split(" ", 1) as [string]; // the target ends at a space
  const wanted = /^[\x21\x22\x24-\x7e\x80-\xff]+$/.test(target) ? referenceTarget(target) : null;
  write(`${target} `);
  const end = MARGIN + target.length + 1;
  request.buffer = buffer;
  const taken = parseTarget(buffer, MARGIN, end, request);
  if ((taken === end) !== (wanted !== null) || (wanted === null && taken !== -400)) {
    throw new Error(`${taken} for the target ${shown(target)}, by the reference ${JSON.stringify(wanted)}`);
  }
  if (wanted === null) return;
  const { pathStart, pathEnd, queryStart, queryEnd } = request;
  const path = latin1(buffer.subarray(pathStart, pathEnd));
  if (path !== wanted.path || latin1(buffer.subarray(queryStart, queryEnd)) !== wanted.query) {
    throw new Error(
      `the path of ${shown(target)} is ${shown(path)}, by the reference ${JSON.stringify(wanted)}`,
    );
  }
  compare(path, pathStart, pathEnd);
}

/** Resolves `buffer[start, end)`, which contains `path`. */
function compare(path: string, start: number, end: number): void {
  const wanted = referenceResolve(path);
  const given = resolvePath(buffer, start, end);
  if (typeof given === "number" || typeof wanted === "number") {
    if (given === wanted) return;
    throw new Error(
      `${JSON.stringify(given)}, by the reference ${JSON.stringify(wanted)}, for ${shown(path)}`,
    );
  }
  const text = latin1(given.path);
  if (text !== wanted.path || given.isDirectory !== wanted.isDirectory) {
    throw new Error(`${shown(text)}, ${given.isDirectory}, by the reference ${JSON.stringify(wanted)}`);
  }
  if (
    /(?:^|\/)(?:\.|\/|$)|\0/.test(text) && text !== "" && !/^\.well-known(?:\/(?![./]|$)[^/\0]+)*$/.test(text)
  ) {
    throw new Error(`${shown(path)} leads to ${shown(text)}`);
  }
  const url = encodePath(given.path, given.isDirectory);
  if (url !== referenceEncode(text, given.isDirectory)) {
    throw new Error(`${shown(text)} is spelled ${shown(url)}`);
  }
  write(url);
  const again = resolvePath(buffer, MARGIN, MARGIN + url.length);
  const isSame = typeof again === "object" && again.isDirectory === (given.isDirectory || text === "") &&
    latin1(again.path) === text;
  if (!isSame) throw new Error(`${shown(url)}, the spelling of ${shown(path)}, leads to something else`);
}

export const targets = pure({
  name: "targets",
  batch: 20_000,
  make: (random) => [randomTarget(random)],
  check,
});
