/**
 * Hashes with a random key per process, and different paths with the same hash.
 * @module
 */
import { assert, assertEquals, assertLess, assertMatch, assertNotEquals } from "@std/assert";
import { Sites } from "../../handlers/site/sites.ts";
import { contextOutside } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpClock } from "../../server/http/date.ts";
import { keyedHash } from "../../server/http/heads/keyed_hash.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { DENO, REPOSITORY, Site } from "../support/program.ts";
import { get } from "../support/wire.ts";

const hash = (text: string) => {
  const bytes = encodeUtf8(text);
  return keyedHash(bytes, 0, bytes.length);
};

/** Returns `count` paths with the same hash. */
function colliding(count: number): string[] {
  const byHash = new Map<number, string[]>();
  for (let i = 0;; i++) {
    const path = `/${crypto.randomUUID().slice(0, 8)}`;
    const paths = byHash.get(hash(path)) ?? [];
    if (!paths.includes(path)) paths.push(path);
    if (paths.length === count) return paths;
    byHash.set(hash(path), paths);
    assert(i < 10_000_000);
  }
}

Deno.test("the hash of a path differs between processes", () => {
  const script =
    `const { keyedHash } = await import("${REPOSITORY}server/http/heads/keyed_hash.ts"); console.log(keyedHash(new TextEncoder().encode("/index.html"), 0, 11));`;
  const [command, ...args] = DENO;
  const hashes = Array.from({ length: 3 }, () => {
    const { stdout } = new Deno.Command(command, { args: [...args, "eval", script], cwd: REPOSITORY })
      .outputSync();
    return new TextDecoder().decode(stdout);
  });
  assertMatch(hashes[0]!, /^\d+\n$/);
  assertEquals(new Set(hashes).size, 3);
});

Deno.test("the hash depends on every byte, wherever it is, and on the first one", () => {
  const text = "/path/to/a/file.html";
  const bytes = encodeUtf8(`xx${text}xx`);
  assertEquals(keyedHash(bytes, 2, 2 + text.length), hash(text));
  for (let i = 2; i < 2 + text.length; i++) {
    const changed = bytes.slice();
    changed[i]! ^= 1;
    assertNotEquals(keyedHash(changed, 2, 2 + text.length), hash(text), `byte ${i}`);
  }
  const hashes = new Set(Array.from({ length: 10_000 }, (_, i) => hash(`/images/photo-${i}.jpg`)));
  assertLess(9900, hashes.size);
});

Deno.test("paths with the same hash are in memory side by side, and each is removed without the others", () => {
  const paths = colliding(3);
  using site = new Site(Object.fromEntries(paths.map((path) => [path.slice(1), path])));
  const sites = new Sites({ root: site.root });
  let batch = 0;
  const clock = new HttpClock();
  const { signal } = new AbortController();
  const ask = (path: string) => {
    clock.update(Date.now());
    const bytes = encodeUtf8(get(path));
    const request = new HttpRequest();
    parseRequest(bytes, 0, bytes.length, request);
    const response = sites.handle(request, contextOutside(clock, batch++, signal));
    assert(!(response instanceof Promise));
    const { status, bytes: sent, headLength } = response;
    return status === 200 ? new TextDecoder().decode(sent.subarray(headLength)) : String(status);
  };
  try {
    for (let round = 0; round < 3; round++) for (const path of paths) assertEquals(ask(path), path);
    assertEquals([sites.snapshot().resources, sites.snapshot().misses], [3, 3]);
    for (const path of [paths[1]!, paths[0]!, paths[2]!]) { // in the middle of a chain, then at both ends
      const others = paths.filter((other) => other !== path);
      Deno.removeSync(site.path(path.slice(1)));
      assertEquals(ask(path), "404");
      const { resources, misses } = sites.snapshot();
      assertEquals(resources, 2);
      for (const other of others) assertEquals(ask(other), other);
      assertEquals(sites.snapshot().misses, misses);
      site.write(path.slice(1), path);
      for (const each of paths) assertEquals(ask(each), each);
      assertEquals([sites.snapshot().resources, sites.snapshot().misses], [3, misses + 1]);
    }
  } finally {
    sites.close();
  }
});
