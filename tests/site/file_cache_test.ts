/**
 * The cache by itself: one resource for each key.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { CacheMemory } from "../../handlers/site/cache/cache_memory.ts";
import { FileCache } from "../../handlers/site/cache/file_cache.ts";
import { Lookup } from "../../handlers/site/lookup/lookup.ts";
import { ContentSource } from "../../handlers/site/content/content_source.ts";
import { Resource } from "../../handlers/site/cache/resource.ts";
import { DEFAULT_SITE_SETTINGS } from "../../handlers/site/settings/site_settings.ts";
import type { HandlerContext } from "../../server/connection/handler.ts";
import "../support/in_process.ts"; // loads the C library
import { Site } from "../support/program.ts";

Deno.test("a key has one resource: a later one ends the earlier one, and replaces it", () => {
  using site = new Site({ "a.txt": "a" });
  const origin = new ContentSource({ ...DEFAULT_SITE_SETTINGS, root: site.root }, { validate: "off" }).hold();
  const { root } = origin;
  const memory = new CacheMemory(1_000_000);
  const cache = new FileCache({ root, validation: "off", tree: null, way: null, memory });
  const context = { turn: 1, clock: { seconds: Date.now() / 1000 } } as HandlerContext;
  const key = new TextEncoder().encode("/a.txt");
  const make = () => {
    const lookup = new Lookup(root, null);
    assertEquals(lookup.look(key.slice(1)), "file");
    return new Resource(cache, {
      key,
      url: "/a.txt",
      fileName: "a.txt",
      mediaType: "text/plain",
      variants: [{ coding: null, seen: lookup.seen[0]!, content: null }],
      auth: [],
      seen: lookup.seen,
      isCompressible: false,
    });
  };
  const first = make();
  assert(cache.put(first, context));
  const { bytes } = memory;
  const second = make();
  assert(cache.put(second, context));
  assertEquals([first.entry, second.entry], [null, second]);
  assertEquals(cache.find(key, 0, key.length, context), second);
  assertEquals([cache.snapshot().resources, memory.bytes], [1, bytes]);
  cache.remove(second);
  assertEquals(cache.find(key, 0, key.length, context), null);
  assertEquals(memory.bytes, 0);
  origin.release();
});
