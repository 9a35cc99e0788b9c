/**
 * Never stale, never truncated: a request that is sent after a change gets the changed content.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Sites } from "../../handlers/site/sites.ts";
import { formatHttpDate } from "../../server/http/date.ts";
import { CACHED_FILE_BYTES_MAX } from "../../handlers/site/limits.ts";
import { answerOf } from "../support/handler_answer.ts";
import { FOLLOWS_LINKS, Program, Site } from "../support/program.ts";
import { settle } from "../support/settle.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

/** How files in memory are checked, and how many rounds of changes are made. */
const MODES = [["auto", 10_000], ["stat", 2000]] as const;

async function text(wire: Wire, target: string): Promise<string> {
  await wire.send(get(target));
  const { status, text } = await wire.expect();
  return status === 200 ? text : String(status);
}

for (const [mode, rounds] of MODES) {
  Deno.test(`a request sent after a change returned gets it, ${rounds} times in a row (${mode})`, async () => {
    using site = new Site({ "a.txt": "start", "v0/x": "0", "v1/x": "1", "d/sub/x": "d", "e/sub/x": "e" });
    await using program = await Program.start(site.root, ["--cache-validate", mode]);
    using wire = await Wire.connect(program.port);
    for (let i = 0; i < rounds; i++) {
      const content = String(i).padStart(8, "0"); // the same size each time
      switch (i % 7) {
        case 0:
          Deno.writeTextFileSync(site.path("a.txt"), content);
          assertEquals(await text(wire, "/a.txt"), content, "write");
          break;
        case 1:
          Deno.writeTextFileSync(site.path("b.txt"), content);
          Deno.renameSync(site.path("b.txt"), site.path("a.txt"));
          assertEquals(await text(wire, "/a.txt"), content, "rename");
          break;
        case 2:
          Deno.truncateSync(site.path("a.txt"), 3);
          assertEquals(await text(wire, "/a.txt"), String(i - 1).padStart(8, "0").slice(0, 3), "truncate");
          break;
        case 3:
          Deno.removeSync(site.path("a.txt"));
          assertEquals(await text(wire, "/a.txt"), "404", "unlink");
          break;
        case 4: {
          const file = Deno.openSync(site.path("a.txt"), { create: true, write: true });
          assertEquals(await text(wire, "/a.txt"), "", "create");
          file.writeSync(new TextEncoder().encode(content));
          assertEquals(await text(wire, "/a.txt"), content, "write of an open file");
          file.close();
          break;
        }
        case 5: {
          const target = `v${i % 2}`;
          Deno.symlinkSync(target, site.path("next"));
          Deno.renameSync(site.path("next"), site.path("link"));
          assertEquals(await text(wire, "/link/x"), FOLLOWS_LINKS ? String(i % 2) : "404", "retarget");
          break;
        }
        default: {
          const before = await text(wire, "/d/sub/x");
          Deno.renameSync(site.path("d"), site.path("f"));
          assertEquals(await text(wire, "/d/sub/x"), "404", "a parent's rename");
          Deno.renameSync(site.path("e"), site.path("d"));
          Deno.renameSync(site.path("f"), site.path("e"));
          assertEquals(await text(wire, "/d/sub/x"), before === "d" ? "e" : "d", "another in its place");
        }
      }
    }
  });
}

for (const [mode] of MODES) {
  Deno.test(`a file in memory is dropped when it, its link or its directory changes (${mode})`, async () => {
    const files = {
      "w": "1",
      "r": "1",
      "u": "1",
      "t": "1234",
      "h": "1",
      "v1/x": "one",
      "v2/x": "two",
      "d/x": "one",
      "e/x": "two",
    };
    using site = new Site({ ...files, "i/index.html": "index", "j/index.htm": "second" });
    Deno.symlinkSync("v1", site.path("current"));
    await settle();
    await using program = await Program.start(site.root, [
      "--index=index.html,index.htm",
      `--cache-validate=${mode}`,
    ]);
    using wire = await Wire.connect(program.port);
    const targets = ["/w", "/r", "/u", "/t", "/h", "/current/x", "/d/x", "/i/", "/j/"];
    for (let i = 0; i < 5; i++) for (const target of targets) await text(wire, target);
    site.write("w", "2");
    assertEquals(await text(wire, "/w"), "2");
    site.write("r2", "2");
    Deno.renameSync(site.path("r2"), site.path("r"));
    assertEquals(await text(wire, "/r"), "2");
    Deno.removeSync(site.path("u"));
    assertEquals(await text(wire, "/u"), "404");
    Deno.truncateSync(site.path("t"), 2);
    assertEquals(await text(wire, "/t"), "12");
    const elsewhere = Deno.makeTempDirSync({ prefix: "epollet-test-" });
    Deno.linkSync(site.path("h"), `${elsewhere}/h`); // a second name, outside of all watched directories
    assertEquals(await text(wire, "/h"), "1");
    Deno.writeTextFileSync(`${elsewhere}/h`, "2");
    assertEquals(await text(wire, "/h"), "2");
    Deno.removeSync(elsewhere, { recursive: true });
    Deno.symlinkSync("v2", site.path("next"));
    Deno.renameSync(site.path("next"), site.path("current"));
    assertEquals(await text(wire, "/current/x"), FOLLOWS_LINKS ? "two" : "404");
    Deno.renameSync(site.path("d"), site.path("away"));
    assertEquals(await text(wire, "/d/x"), "404");
    Deno.renameSync(site.path("e"), site.path("d"));
    assertEquals(await text(wire, "/d/x"), "two");
    Deno.removeSync(site.path("i/index.html"));
    assertEquals(await text(wire, "/i/"), "404");
    assertEquals(await text(wire, "/j/"), "second");
    site.write("j/index.html", "first");
    assertEquals(await text(wire, "/j/"), "first");
    Deno.removeSync(site.path("j/index.html"));
    assertEquals(await text(wire, "/j/"), "second");
    Deno.chmodSync(site.path("w"), 0o000);
    const status = await text(wire, "/w");
    assert(status === "403" || Deno.uid() === 0, "root may read every file");
  });
}

for (const [mode] of MODES) {
  Deno.test(`a condition that was answered by 304 again and again is evaluated anew when the file changes (${mode})`, async () => {
    using site = new Site({ "a.txt": "old" });
    await settle();
    await using program = await Program.start(site.root, ["--cache-validate", mode]);
    using wire = await Wire.connect(program.port);
    await wire.send(get("/a.txt"));
    const { etag } = (await wire.expect()).fields;
    for (let round = 0; round < 20; round++) {
      const conditional = get("/a.txt", `If-None-Match: ${etag}`);
      for (let i = 0; i < 4; i++) {
        await wire.send(conditional);
        assertEquals((await wire.expect()).status, round === 0 ? 304 : 200);
      }
      site.write("a.txt", `new ${round}`);
      await wire.send(conditional);
      const { status, text, fields } = await wire.expect();
      assertEquals([status, text], [200, `new ${round}`]);
      assert(fields.etag !== etag);
    }
  });
}

Deno.test("a file that was written after the turn's clock was read has its own Last-Modified from then on", async () => {
  using site = new Site({ "x.txt": "x" });
  const sites = new Sites({ root: site.root });
  try {
    const written = formatHttpDate(Math.floor(Deno.statSync(site.path("x.txt")).mtime!.getTime() / 1000));
    const first = await answerOf(sites, "/x.txt", 1, 2000);
    assert(!first.includes(`Last-Modified: ${written}`), "it would be later than the answer's own date");
    assertMatch(await answerOf(sites, "/x.txt", 2), new RegExp(`Last-Modified: ${written}`));
  } finally {
    sites.close();
  }
});

Deno.test("a link that leads elsewhere only while its file is opened has no effect on what is cached", async () => {
  if (!FOLLOWS_LINKS) return console.log("skipped: links are not followed here");
  using site = new Site({ "one/x.txt": "one", "two/x.txt": "two" });
  Deno.symlinkSync("one", site.path("current"));
  await settle();
  const lead = (target: string) => {
    Deno.symlinkSync(target, site.path("next"));
    Deno.renameSync(site.path("next"), site.path("current"));
  };
  for (const [validate] of MODES) {
    let isOpening = true;
    const sites = new Sites({ root: site.root, validate });
    const trace = (what: string) => {
      if (what === "variant" && isOpening) lead("two"); // its status was read, and it is not open yet
    };
    try {
      assertMatch(await answerOf(sites, "/current/x.txt", 1, 0, trace), /\r\ntwo$/);
      isOpening = false;
      lead("one");
      assertMatch(await answerOf(sites, "/current/x.txt", 2), /\r\none$/, validate);
    } finally {
      sites.close();
    }
  }
});

Deno.test("a large file that shrinks while it is sent ends the connection: Content-Length is never wrong", async () => {
  using site = new Site({ "large.bin": new Uint8Array(32 * CACHED_FILE_BYTES_MAX) });
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  await wire.send(get("/large.bin") + get("/large.bin"));
  await wire.arrival();
  await sleep(200); // the socket's buffers are full now
  Deno.truncateSync(site.path("large.bin"), 1000);
  let failure = "";
  try {
    await wire.expect();
  } catch (error) {
    failure = String(error);
  }
  assert(/cut off|reset/.test(failure), `expected a broken connection, got ${failure || "a whole answer"}`);
});

Deno.test("a file that is replaced while it is sent arrives whole, in the state of the beginning", async () => {
  const old = new Uint8Array(16 * CACHED_FILE_BYTES_MAX).fill(1);
  using site = new Site({ "large.bin": old });
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  await wire.send(get("/large.bin"));
  await wire.arrival();
  site.write("new.bin", new Uint8Array(1000).fill(2));
  Deno.renameSync(site.path("new.bin"), site.path("large.bin"));
  const { body } = await wire.expect();
  assertEquals(body.length, old.length);
  assert(body.every((byte) => byte === 1));
  await wire.send(get("/large.bin"));
  assertEquals((await wire.expect()).body.length, 1000);
});
