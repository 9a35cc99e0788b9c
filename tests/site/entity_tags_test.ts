/**
 * Entity tags: they change exactly when the bytes change, and only the client of a file waits for its tag.
 * Source: RFC 9110 §8.8.3.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { openBeneath, openDirectory, type PathBytes } from "../../ffi/file/file.ts";
import { FileStatus } from "../../ffi/file/file_status.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { contentTag, EntityTags } from "../../handlers/site/cache/entity_tags.ts";
import type { EtagMode } from "../../handlers/site/settings/site_settings.ts";
import {
  DIGEST_SLICE_BYTES,
  DIGESTED_BYTES_MAX,
  DIGESTED_FILES_MAX,
  DIGESTED_WHILE_WAITING_BYTES_MAX,
  DIGESTS_AWAITED_BYTES_MAX,
} from "../../handlers/site/limits.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { tagOf, writeSparse } from "../support/tags.ts";

/** Lets timers run once. */
const tick = () => sleep(0);

/** The tags of a directory's files, as a site makes them, but at a time that the test sets. */
class Tagged implements Disposable {
  readonly site = new Site();
  readonly tags: EntityTags;
  readonly #root: number;

  constructor(mode: EtagMode = "hash") {
    this.#root = openDirectory(this.site.root);
    this.tags = new EntityTags(mode, (path) => openBeneath(this.#root, path));
  }

  /** Requests the tag of a file, `ageSeconds` after its last change. */
  ask(name: string, ageSeconds = 10): string | null | Promise<string | null> {
    const path: PathBytes = cString(name);
    const status = new FileStatus();
    assertEquals(status.read(this.#root, path), 0);
    return this.tags.ofFile(path, status, null, status.changedSeconds + ageSeconds);
  }

  /** Waits for the tag. */
  async askUntil(name: string): Promise<string> {
    for (let i = 0; i < 100_000; i++) {
      const tag = await this.ask(name);
      if (tag !== null) return tag;
      await tick();
    }
    throw new Error(`${name} never got its tag`);
  }

  [Symbol.dispose](): void {
    close(this.#root);
    this.site[Symbol.dispose]();
  }
}

Deno.test("RFC 9110 §8.8.3: a tag is strong, and has no character that needs quoting", () => {
  for (const content of ["", "a", "b", "x".repeat(100_000)]) {
    const tag = contentTag(new TextEncoder().encode(content));
    assertMatch(tag, /^"[A-Za-z0-9_-]{22}"$/);
    assertEquals(tag, tagOf(content));
  }
});

Deno.test("a file on disk has the tag that its bytes have in memory, whatever its size", async () => {
  using tagged = new Tagged();
  const { site } = tagged;
  for (const size of [0, 1, DIGEST_SLICE_BYTES - 1, DIGEST_SLICE_BYTES, DIGEST_SLICE_BYTES + 1, 3_300_000]) {
    const content = new Uint8Array(size).map((_, i) => i * 31 + (i >> 10));
    site.write("a", content);
    assertEquals(await tagged.ask("a"), tagOf(content), `${size} bytes`);
    assertEquals(tagged.ask("a"), tagOf(content), `${size} bytes, once more: known`);
  }
});

Deno.test("while a file is digested other work runs after each slice, and requests for the same file share the digest", async () => {
  using tagged = new Tagged();
  const slices = 20;
  writeSparse(tagged.site.path("a"), slices * DIGEST_SLICE_BYTES, "a");
  const first = tagged.ask("a");
  assert(first instanceof Promise);
  assert(tagged.ask("a") === first);
  let ended = false;
  first.then(() => ended = true);
  let ticks = 0;
  for (; !ended; ticks++) await tick();
  assert(ticks >= slices / 2, `${ticks} turns`);
});

Deno.test("a file that is too large to wait for has no tag at first, and its own later", async () => {
  using tagged = new Tagged();
  const size = DIGESTED_WHILE_WAITING_BYTES_MAX + 1;
  writeSparse(tagged.site.path("a"), size, "large");
  assertEquals(tagged.ask("a", 1), null, "it has just changed");
  await tick();
  assertEquals(tagged.ask("a"), null);
  assertEquals(tagged.ask("a"), null, "once more: it is being made");
  assertEquals(await tagged.askUntil("a"), tagOf(Deno.readFileSync(tagged.site.path("a"))));
  writeSparse(tagged.site.path("a"), size, "other");
  assertEquals(tagged.ask("a"), null, "it has changed");
  assertEquals(await tagged.askUntil("a"), tagOf(Deno.readFileSync(tagged.site.path("a"))));
});

Deno.test("a tag that a response waits for does not wait for one that no response needs yet", async () => {
  using tagged = new Tagged();
  writeSparse(tagged.site.path("huge"), DIGESTED_WHILE_WAITING_BYTES_MAX + 1, "huge");
  tagged.site.write("small", "small");
  assertEquals(tagged.ask("huge"), null);
  assertEquals(await tagged.ask("small"), tagOf("small"));
  assertEquals(tagged.ask("huge"), null, "it takes many turns");
  await tagged.askUntil("huge");
});

Deno.test("when responses wait for too many bytes already, the next tag is made later", async () => {
  using tagged = new Tagged();
  const size = DIGESTED_WHILE_WAITING_BYTES_MAX;
  const count = DIGESTS_AWAITED_BYTES_MAX / size;
  for (let i = 0; i <= count; i++) writeSparse(tagged.site.path(`f${i}`), size, String(i));
  const asked = Array.from({ length: count + 1 }, (_, i) => tagged.ask(`f${i}`));
  assertEquals(asked.map((tag) => tag instanceof Promise), [...Array(count).fill(true), false]);
  assertEquals(asked[count], null);
  assertEquals(new Set(await Promise.all(asked.slice(0, count))).size, count);
  await tagged.askUntil(`f${count}`);
  writeSparse(tagged.site.path("more"), size, "more");
  assert(tagged.ask("more") instanceof Promise, "there is room again");
  await tagged.askUntil("more");
});

Deno.test("a file that has just changed is digested for each request: its times may not show the next change", async () => {
  using tagged = new Tagged();
  tagged.site.write("a", "content");
  writeSparse(tagged.site.path("before"), 5 * DIGEST_SLICE_BYTES, "");
  const before = tagged.ask("before");
  const queued = tagged.ask("a", 1);
  assert(queued instanceof Promise);
  assert(tagged.ask("a", 1) === queued, "it has not been begun");
  await before;
  await null; // now it has
  const anew = tagged.ask("a", 1);
  assert(anew instanceof Promise && anew !== queued);
  assertEquals([await queued, await anew], [tagOf("content"), tagOf("content")]);
  const once = tagged.ask("a", 1);
  assert(once instanceof Promise, "nor is it remembered");
  await once;
});

Deno.test("a file that changes while it is digested gets no tag, or that of bytes it had; the next tag is right", async () => {
  const size = 3 * DIGEST_SLICE_BYTES;
  const changes: [how: string, change: (path: string) => void][] = [
    ["its end is written to", (path) => {
      using file = Deno.openSync(path, { write: true });
      file.seekSync(-1, Deno.SeekMode.End);
      file.writeSync(new TextEncoder().encode("!"));
    }],
    ["its beginning is written to", (path) => {
      using file = Deno.openSync(path, { write: true });
      file.writeSync(new TextEncoder().encode("!"));
    }],
    ["it grows", (path) => Deno.writeTextFileSync(path, "!", { append: true })],
    ["it shrinks", (path) => Deno.truncateSync(path, size / 2)],
    ["it is replaced", (path) => {
      writeSparse(`${path}2`, size, "another");
      Deno.renameSync(`${path}2`, path);
    }],
    ["it is removed", (path) => Deno.removeSync(path)],
  ];
  using tagged = new Tagged();
  const path = tagged.site.path("a");
  for (const [how, change] of changes) {
    for (let ticks = 0; ticks < 5; ticks++) {
      if (how === "it is removed") writeSparse(path, size, "again");
      else writeSparse(path, size, `${how} ${ticks}`);
      const old = tagOf(Deno.readFileSync(path));
      const asked = tagged.ask("a");
      for (let i = 0; i < ticks; i++) await tick();
      change(path);
      const tag = await asked;
      assert(tag === null || tag === old, `${how} after ${ticks}: ${tag}`);
      if (how === "it is removed") continue;
      assertEquals(await tagged.ask("a"), tagOf(Deno.readFileSync(path)), `${how} after ${ticks}`);
    }
  }
});

Deno.test("digests are remembered for a bounded number of file states, the latest ones", async () => {
  using tagged = new Tagged();
  tagged.site.write("a", "a");
  tagged.site.write("b", "b");
  await tagged.ask("a");
  assertEquals(tagged.ask("a"), tagOf("a"));
  for (let i = 0; i < DIGESTED_FILES_MAX; i++) {
    Deno.utimeSync(tagged.site.path("b"), i, i);
    await tagged.ask("b");
  }
  assertEquals(tagged.ask("b"), tagOf("b"));
  const again = tagged.ask("a");
  assert(again instanceof Promise);
  assertEquals(await again, tagOf("a"));
});

Deno.test("no descriptor stays open, whatever happens to the file", async () => {
  using tagged = new Tagged();
  const { site } = tagged;
  const open = openDescriptors();
  for (let i = 0; i < 20; i++) {
    site.write("a", new Uint8Array(2 * DIGEST_SLICE_BYTES).fill(i));
    const asked = tagged.ask("a");
    if (i % 4 === 1) Deno.removeSync(site.path("a"));
    if (i % 4 === 2) Deno.truncateSync(site.path("a"), 1);
    if (i % 4 === 3) await tick().then(() => Deno.truncateSync(site.path("a"), 1));
    await asked;
  }
  assertEquals(openDescriptors(), open);
});

Deno.test("--etag mtime: the tag is made of size and time to the nanosecond; off: there is none", () => {
  using timed = new Tagged("mtime");
  using off = new Tagged("off");
  const bytes = new TextEncoder().encode("x");
  const seen = new Set<unknown>();
  for (const [i, content] of ["a", "b", "bb"].entries()) {
    timed.site.write("a", content);
    Deno.utimeSync(timed.site.path("a"), 0, new Date(1_700_000_000_000 + (i === 1 ? 1 : 0)));
    seen.add(timed.ask("a"));
    off.site.write("a", content);
    assertEquals([off.ask("a"), off.tags.ofContent(bytes, new FileStatus(), null), off.tags.ofMade(bytes)], [
      null,
      null,
      null,
    ]);
  }
  assertEquals(seen.size, 3);
  for (const tag of seen) assertMatch(String(tag), /^"[0-9a-f]+-[0-9a-f]+"$/);
  assertEquals(timed.tags.ofMade(bytes), tagOf("x"), "another program may compress to other bytes");
});

Deno.test("a file that would take long to read has a tag of size and time at once, and is not read", () => {
  using tagged = new Tagged();
  const seen = new Set<unknown>();
  for (const mark of ["a", "b"]) {
    writeSparse(tagged.site.path("a"), DIGESTED_BYTES_MAX + 1, mark);
    seen.add(tagged.ask("a"));
    seen.add(tagged.ask("a", 0));
  }
  assertEquals(seen.size, 2, "one for each state");
  for (const tag of seen) assertMatch(String(tag), /^"[0-9a-f]+-[0-9a-f]+"$/);
});
