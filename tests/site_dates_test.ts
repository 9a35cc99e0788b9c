/**
 * Dates that say nothing of a file, and forms that a condition is not about.
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
} from "./support/conditions.ts";
import { Program, Site } from "./support/program.ts";
import { exchange, get } from "./support/wire.ts";

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
  for (const args of [["--compress"], ["--compress", "--etag", "off"], ["--compress", "--cache-size", "0"]]) {
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

Deno.test("what is in memory of a compressed form is not what a condition on the plain one is about", async () => {
  using site = oldSite();
  await using program = await Program.start(site.root, ["--compress"]);
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
