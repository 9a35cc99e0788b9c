/**
 * Dates that do not identify a state of a file, and forms of a file that a condition is not about.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  at,
  files,
  LATER,
  MODIFIED_SECONDS,
  oldSite,
  SAME,
  SIZE_FLAG,
  TARGETS,
} from "../support/conditions.ts";
import { Program, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { writeSparse } from "../support/tags.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const MIB = 1024 * 1024;

Deno.test("RFC 9110 §8.8.2.1: Last-Modified is never later than the response itself", async () => {
  using site = new Site({ "small.txt": "small", "large.bin": new Uint8Array(50_000) });
  const future = Date.now() / 1000 + 100_000;
  for (const name of ["small.txt", "large.bin"]) Deno.utimeSync(site.path(name), future, future);
  await using program = await Program.start(site.root, SIZE_FLAG);
  for (const target of ["/small.txt", "/large.bin"]) {
    const { fields } = await exchange(program.port, get(target));
    assert(Date.parse(fields["last-modified"]!) <= Date.parse(fields.date!), target);
    const again = await exchange(program.port, get(target, `If-None-Match: ${fields.etag}`));
    assertEquals(again.status, 304, target);
  }
});

Deno.test("a new deploy with the same old time, or a rollback to an older one, is never 304 by date", async () => {
  const ZIP = Date.UTC(1980, 0, 1) / 1000;
  for (
    const args of [["--compress", "--compress-level=6"], [
      "--compress",
      "--compress-level=6",
      "--etag",
      "off",
    ], ["--compress", "--compress-level=6", "--cache-size", "0"]]
  ) {
    using site = new Site(files());
    await using program = await Program.start(site.root, [...SIZE_FLAG, ...args]);
    for (const seconds of [0, 1, ZIP, Date.UTC(1985, 9, 26, 8, 15) / 1000]) {
      for (const name of Object.keys(files())) Deno.utimeSync(site.path(name), seconds, seconds);
      for (const [what, target, ...lines] of TARGETS) {
        const about = `${what}, ${seconds}, ${args.join(" ")}`;
        const whole = await exchange(program.port, get(target, ...lines));
        assertEquals([whole.status, whole.fields["last-modified"]], [200, undefined], about);
        for (const date of [at(seconds), LATER, at(Date.now() / 1000)]) {
          for (const field of ["If-Modified-Since", "If-Unmodified-Since"]) {
            const answer = await exchange(program.port, get(target, ...lines, `${field}: ${date}`));
            assertEquals(
              [answer.status, answer.body.length],
              [200, whole.body.length],
              `${field}: ${date}: ${about}`,
            );
          }
          const resumed = await exchange(
            program.port,
            get(target, ...lines, "Range: bytes=2-", `If-Range: ${date}`),
          );
          assertEquals([resumed.status, resumed.body.length], [200, whole.body.length], about);
        }
        if (whole.fields.etag === undefined) continue;
        const same = await exchange(
          program.port,
          get(target, ...lines, `If-None-Match: ${whole.fields.etag}`),
        );
        assertEquals([same.status, same.fields["last-modified"]], [304, undefined], about);
      }
    }
    for (
      const [seconds, text] of [[MODIFIED_SECONDS, "the new one"], [
        MODIFIED_SECONDS - 1000,
        "the old one",
      ]] as const
    ) {
      site.write("small.txt", text);
      Deno.utimeSync(site.path("small.txt"), seconds, seconds);
      for (const [date, status] of [[SAME, 304], [at(seconds), 304], [LATER, 200]] as const) {
        const expected = date === SAME && seconds !== MODIFIED_SECONDS ? 200 : status;
        const answer = await exchange(program.port, get("/small.txt", `If-Modified-Since: ${date}`));
        assertEquals(
          [answer.status, answer.text],
          [expected, expected === 200 ? text : ""],
          `${text}, ${date}`,
        );
      }
    }
  }
});

Deno.test("a file without a tag that has just changed has no date, so that no later state is confirmed by it", async () => {
  // Rewritten in place and larger each time, as by a build tool or as a log: its tag is made once a second at most.
  for (
    const [what, size, args] of [
      ["in memory", 100_000, []],
      ["in memory, looked at by statx", 100_000, ["--cache-validate", "stat"]],
      ["on disk", 2 * MIB, []],
      ["so large that no client waits for its tag", 70 * MIB, []],
      ["without tags", 1000, ["--etag", "off"]],
      ["without tags, on disk", 2 * MIB, ["--etag", "off"]],
    ] as const
  ) {
    using site = new Site();
    const path = site.path("app.js");
    let written = 0;
    const write = () => {
      Deno.truncateSync(path, 0); // the same inode
      writeSparse(path, size + ++written, `${written}`);
      return Deno.statSync(path).mtime!.getTime() / 1000;
    };
    Deno.writeTextFileSync(path, "");
    write();
    await using program = await Program.start(site.root, args);
    using wire = await Wire.connect(program.port);
    const ask = async (...lines: string[]) => {
      await wire.send(get("/app.js", ...lines));
      return await wire.expect();
    };
    const range = "Range: bytes=0-0";
    let compared = 0;
    for (let i = 0; i < 60 && compared < 4; i++) {
      const startMs = performance.now();
      const date = at(write());
      const { fields, status } = await ask(range);
      if (performance.now() - startMs > 1000) continue; // on a busy machine it is at rest meanwhile
      assertEquals(status, 206);
      if (fields.etag !== undefined) continue;
      assertEquals(fields["last-modified"], undefined, what);
      if (at(write()) !== date) continue; // not the same second
      const first = `${written}`[0];
      const joined = await ask(range, `If-Range: ${date}`);
      const revalidated = await ask(range, `If-Modified-Since: ${date}`);
      if (performance.now() - startMs > 1000) continue;
      if (joined.fields.etag !== undefined || revalidated.fields.etag !== undefined) continue;
      assertEquals([joined.status, joined.body.length], [200, size + written], what);
      assertEquals([revalidated.status, revalidated.text], [206, first], what);
      compared++;
    }
    assertEquals(compared, 4, what);
    // At rest it has its date, and a condition with that is 304.
    await sleep(3100);
    const { fields } = await ask(range);
    assertEquals(fields["last-modified"], at(Deno.statSync(path).mtime!.getTime() / 1000));
    assertEquals((await ask(`If-Modified-Since: ${fields["last-modified"]}`)).status, 304);
    const resumed = await ask("Range: bytes=1-2", `If-Range: ${fields["last-modified"]}`);
    assertEquals([resumed.status, resumed.body.length], [206, 2], what);
  }
});

Deno.test("without tags a file that never changes has its date at once, and so has one that is not checked", async () => {
  using site = oldSite(); // made just now, with old times
  site.write("new.txt", "new");
  for (const args of [["--etag", "off"], ["--etag", "off", "--cache-validate", "off"]]) {
    await using program = await Program.start(site.root, args);
    const { fields } = await exchange(program.port, get("/small.txt"));
    assertEquals(fields["last-modified"], at(MODIFIED_SECONDS));
    if (args.length < 4) continue;
    assertNotEquals((await exchange(program.port, get("/new.txt"))).fields["last-modified"], undefined);
  }
});

Deno.test("a compressed form in memory does not answer a condition on the plain form", async () => {
  using site = oldSite();
  await using program = await Program.start(site.root, ["--compress", "--compress-level=6"]);
  const tagOf = async (...lines: string[]) =>
    (await exchange(program.port, get("/page.html", ...lines))).fields.etag!;
  const plain = await tagOf();
  const gzip = await tagOf("Accept-Encoding: gzip");
  const br = await tagOf("Accept-Encoding: br");
  assertEquals(new Set([plain, gzip, br]).size, 3);
  const accepted = { [plain]: "identity", [gzip]: "gzip", [br]: "br" };
  for (const [known] of Object.entries(accepted)) {
    for (const [tag, coding] of Object.entries(accepted)) {
      for (let i = 0; i < 3; i++) {
        const lines = [`Accept-Encoding: ${coding}`, `If-None-Match: ${known}`];
        const { status, fields } = await exchange(program.port, get("/page.html", ...lines));
        assertEquals([status, fields.etag], [known === tag ? 304 : 200, tag], lines.join("; "));
        const match = await exchange(program.port, get("/page.html", lines[0]!, `If-Match: ${known}`));
        assertEquals(match.status, known === tag ? 200 : 412);
      }
    }
  }
  assertNotEquals(plain, undefined);
});
