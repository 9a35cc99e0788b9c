/**
 * The cache by itself: what it holds under one key.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FileCache } from "../handlers/site/file_cache.ts";
import { Lookup } from "../handlers/site/lookup.ts";
import { openOrigin } from "../handlers/site/origin.ts";
import { Resource } from "../handlers/site/resource.ts";
import type { HandlerContext } from "../server/handler.ts";
import "./support/in_process.ts"; // the C library is loaded
import { Site } from "./support/program.ts";

Deno.test("under one key there is one resource: the later one ends the other, and takes its place alone", () => {
  using site = new Site({ "a.txt": "a" });
  const { root } = openOrigin({ root: site.root }, { validate: "off" });
  const cache = new FileCache(root, "off", null, 1_000_000);
  const context = { batch: 1, clock: { seconds: Date.now() / 1000 } } as HandlerContext;
  const key = new TextEncoder().encode("/a.txt");
  const make = () => {
    const lookup = new Lookup(root, null);
    assertEquals(lookup.look(key.slice(1)), "file");
    return new Resource(cache, {
      key,
      url: "/a.txt",
      fileName: "a.txt",
      mediaType: "text/plain",
      variants: [{ coding: null, seen: lookup.seen[0], content: null }],
      auth: [],
      seen: lookup.seen,
      isCompressible: false,
    });
  };
  const first = make();
  assert(cache.put(first, context));
  const { bytes } = cache.snapshot();
  const second = make();
  assert(cache.put(second, context));
  assertEquals([first.entry, second.entry], [null, second]);
  assertEquals(cache.find(key, 0, key.length, context), second);
  assertEquals([cache.snapshot().resources, cache.snapshot().bytes], [1, bytes]);
  cache.remove(second);
  assertEquals(cache.find(key, 0, key.length, context), null);
  assertEquals(cache.snapshot().bytes, 0);
  root.close();
});
