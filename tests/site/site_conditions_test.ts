/**
 * Conditional requests for the files of a site, over real sockets. Source: RFC 9110 §13.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ETAG_MODES } from "../../handlers/site/settings/site_settings.ts";
import {
  EARLIER,
  LATER,
  MODIFIED_SECONDS,
  oldSite,
  SAME,
  SIZE_FLAG,
  TARGETS,
} from "../support/conditions.ts";
import { Program, Site } from "../support/program.ts";
import { exchange, get, head, Wire, type WireResponse } from "../support/wire.ts";

/** The values of the four fields; null for none. */
interface Conditions {
  readonly match: string | null;
  readonly unmodifiedSince: string | null;
  readonly noneMatch: string | null;
  readonly modifiedSince: string | null;
}

function linesOf({ match, unmodifiedSince, noneMatch, modifiedSince }: Conditions): string[] {
  const lines: [name: string, value: string | null][] = [
    ["If-Match", match],
    ["If-Unmodified-Since", unmodifiedSince],
    ["If-None-Match", noneMatch],
    ["If-Modified-Since", modifiedSince],
  ];
  return lines.flatMap(([name, value]) => value === null ? [] : [`${name}: ${value}`]);
}

/** RFC 9110 §13.2.2, step by step, for the values of {@linkcode combinations}. */
function expectedStatus(conditions: Conditions, etag: string | undefined): number {
  const { match, unmodifiedSince, noneMatch, modifiedSince } = conditions;
  if (match !== null && match !== "*" && match !== etag) return 412;
  if (match === null && unmodifiedSince === EARLIER) return 412;
  if (noneMatch === "*") return 304;
  if (noneMatch !== null) {
    return etag !== undefined && noneMatch.replace("W/", "").endsWith(etag) ? 304 : 200;
  }
  return modifiedSince === SAME ? 304 : 200;
}

function* combinations(etag: string): Generator<Conditions> {
  for (const match of [null, etag, `W/${etag}`, '"x"', "*"]) {
    for (const unmodifiedSince of [null, SAME, EARLIER, "yesterday"]) {
      for (const noneMatch of [null, etag, `W/${etag}`, `"x", ${etag}`, '"x"', "*"]) {
        for (const modifiedSince of [null, SAME, EARLIER, LATER, "yesterday"]) {
          yield { match, unmodifiedSince, noneMatch, modifiedSince };
        }
      }
    }
  }
}

/** The fields of `whole` that a 304 must have, RFC 9110 §15.4.5, and Last-Modified. */
function assertNotModified({ status, fields, body }: WireResponse, whole: WireResponse, what: string): void {
  assertEquals([status, body.length], [304, 0], what);
  for (const name of ["etag", "last-modified", "cache-control", "vary"]) {
    assertEquals(fields[name], whole.fields[name], `${name}: ${what}`);
  }
  assert(Date.parse(fields.date!) > 0, what);
  for (const name of ["content-length", "content-type", "content-encoding", "transfer-encoding"]) {
    assertEquals(fields[name], undefined, `${name}: ${what}`);
  }
}

for (const mode of ETAG_MODES) {
  Deno.test(`RFC 9110 §13.2.2: every combination of the four conditions, in its order (--etag ${mode})`, async () => {
    using site = oldSite();
    await using program = await Program.start(site.root, [
      ...SIZE_FLAG,
      "--compress",
      "--compress-level=6",
      "--etag",
      mode,
    ]);
    using wire = await Wire.connect(program.port);
    for (const [place, [what, target, ...lines]] of TARGETS.entries()) {
      const whole = await exchange(program.port, get(target, ...lines));
      const { etag } = whole.fields;
      assertEquals([whole.status, whole.fields["last-modified"]], [200, SAME], what);
      assertEquals(etag === undefined, mode === "off", what);
      for (const [i, conditions] of [...combinations(etag ?? '"none"')].entries()) {
        // All combinations for two files with tags; for the others so many that each pair of values is there.
        if (i % 7 !== place && !(mode === "hash" && place < 2)) continue;
        const expected = expectedStatus(conditions, etag);
        const request = get(target, ...lines, ...linesOf(conditions));
        await wire.send(request.repeat(3)); // the third is answered from memory, where possible
        for (let i = 0; i < 3; i++) {
          const answer = await wire.expect();
          const all = `${what}, ${i}: ${linesOf(conditions).join("; ")}`;
          assertEquals(answer.status, expected, all);
          if (expected === 304) assertNotModified(answer, whole, all);
          if (expected === 200) assertEquals(answer.body, whole.body, all);
          if (expected === 412) assertEquals(answer.fields.etag, undefined, all);
        }
      }
    }
  });
}

Deno.test("HEAD evaluates conditions like GET, and its 200 has the fields of the whole", async () => {
  using site = oldSite();
  await using program = await Program.start(site.root, [...SIZE_FLAG, "--compress", "--compress-level=6"]);
  using wire = await Wire.connect(program.port);
  for (const [what, target, ...lines] of TARGETS) {
    const whole = await exchange(program.port, get(target, ...lines));
    const { etag } = whole.fields;
    for (
      const [line, status] of [
        [`If-None-Match: ${etag}`, 304],
        [`If-Modified-Since: ${SAME}`, 304],
        ['If-None-Match: "x"', 200],
        ['If-Match: "x"', 412],
        [`If-Unmodified-Since: ${EARLIER}`, 412],
        [`If-Match: ${etag}`, 200],
      ] as const
    ) {
      for (let i = 0; i < 3; i++) {
        await wire.send(head(target, ...lines, line));
        const answer = await wire.expect(true);
        assertEquals(answer.status, status, `${what}: ${line}`);
        if (status === 304) assertNotModified(answer, whole, what);
        if (status === 200) assertEquals({ ...answer.fields, date: "" }, { ...whole.fields, date: "" }, what);
      }
    }
  }
});

Deno.test("dates are parsed in all three forms, and tags in several lines", async () => {
  using site = oldSite();
  await using program = await Program.start(site.root);
  const { etag } = (await exchange(program.port, get("/small.txt"))).fields;
  for (
    const [lines, status] of [
      [["If-Modified-Since: Thursday, 29-Feb-24 12:00:00 GMT"], 304],
      [["If-Modified-Since: Thursday, 29-Feb-24 11:59:59 GMT"], 200],
      [["If-Modified-Since: Thu Feb 29 12:00:00 2024"], 304],
      [["If-Unmodified-Since: Thu Feb 29 11:59:59 2024"], 412],
      [["If-Unmodified-Since: Thursday, 29-Feb-24 12:00:00 GMT"], 200],
      [[`If-Modified-Since: ${SAME}`, `If-Modified-Since: ${SAME}`], 200], // not a list
      [['If-None-Match: "x"', `If-None-Match: ${etag}`], 304],
      [['If-Match: "x"', `If-Match: ${etag}`], 200],
      [["If-None-Match:", `If-Modified-Since: ${SAME}`], 200],
      [["If-Match:"], 412],
      [[`if-none-match:\t${etag} `], 304],
    ] as const
  ) {
    const answer = await exchange(program.port, get("/small.txt", ...lines));
    assertEquals(answer.status, status, lines.join("; "));
  }
});

Deno.test("conditions and ranges have no effect on a missing file: 404 stays 404, with its whole page", async () => {
  const page = "<h1>Nothing here</h1>".repeat(100);
  using site = new Site({ "404.html": page, "d/x": "" });
  await using program = await Program.start(site.root);
  using bare = new Site();
  await using plain = await Program.start(bare.root);
  const { fields } = await exchange(program.port, get("/404.html"));
  for (
    const line of [
      "If-None-Match: *",
      "If-Match: *",
      'If-Match: "x"',
      `If-None-Match: ${fields.etag}`,
      `If-Modified-Since: ${fields["last-modified"]}`,
      `If-Unmodified-Since: ${EARLIER}`,
      "Range: bytes=0-1",
      "Range: bytes=99999-",
    ]
  ) {
    for (let i = 0; i < 3; i++) {
      const shown = await exchange(program.port, get("/missing", line));
      assertEquals([shown.status, shown.text], [404, page], line);
      for (const name of ["etag", "last-modified", "accept-ranges", "content-range"]) {
        assertEquals(shown.fields[name], undefined, `${name}: ${line}`);
      }
      assertEquals((await exchange(plain.port, get("/missing", line))).status, 404, line);
      // Nor on a redirect.
      assertEquals((await exchange(plain.port, get("/missing/", line))).status, 404, line);
      assertEquals((await exchange(program.port, get("/d", line))).status, 301, line);
    }
  }
});

Deno.test("one head, sent again and again over several connections, always gets the current response", async () => {
  using site = oldSite();
  await using program = await Program.start(site.root, [...SIZE_FLAG, "--compress", "--compress-level=6"]);
  const wires = [
    await Wire.connect(program.port),
    await Wire.connect(program.port),
    await Wire.connect(program.port),
  ];
  try {
    for (const [what, target, ...lines] of TARGETS) {
      const name = target === "/app.js" ? "app.js.br" : target === "/map.js" ? "map.js.gz" : target.slice(1);
      const first = await exchange(program.port, get(target, ...lines));
      const { etag } = first.fields;
      const requests = {
        noneMatch: get(target, ...lines, `If-None-Match: ${etag}`),
        modifiedSince: get(target, ...lines, `If-Modified-Since: ${SAME}`),
        match: get(target, ...lines, `If-Match: ${etag}`),
        unmodifiedSince: get(target, ...lines, `If-Unmodified-Since: ${SAME}`),
      };
      const assertAll = async (expected: Record<keyof typeof requests, number>, when: string) => {
        for (const [kind, request] of Object.entries(requests)) {
          for (const wire of wires) await wire.send(request + request);
          for (const wire of wires) {
            for (let i = 0; i < 2; i++) {
              const { status } = await wire.expect();
              assertEquals(status, expected[kind as keyof typeof requests], `${what}, ${when}: ${kind}`);
            }
          }
        }
      };
      const same = { noneMatch: 304, modifiedSince: 304, match: 200, unmodifiedSince: 200 };
      const other = { noneMatch: 200, modifiedSince: 200, match: 412, unmodifiedSince: 412 };
      for (let i = 0; i < 3; i++) await assertAll(same, "unchanged");
      const original = Deno.readFileSync(site.path(name));
      const changed = original.slice();
      changed[5]! ^= 1; // of the same size
      site.write(name, changed);
      for (let i = 0; i < 3; i++) await assertAll(other, "changed");
      site.write(name, original);
      Deno.utimeSync(site.path(name), MODIFIED_SECONDS, MODIFIED_SECONDS);
      for (let i = 0; i < 3; i++) await assertAll(same, "changed back");
      Deno.removeSync(site.path(name));
      // The response is another one then, or there is none.
      const hasOriginal = name !== target.slice(1);
      const { status, fields } = await exchange(program.port, requests.noneMatch);
      assertEquals([status, fields["content-encoding"]], [hasOriginal ? 200 : 404, undefined], what);
      site.write(name, original);
      Deno.utimeSync(site.path(name), MODIFIED_SECONDS, MODIFIED_SECONDS);
    }
  } finally {
    for (const wire of wires) wire[Symbol.dispose]();
  }
});

Deno.test("a connection goes on after 304, 412, 416 and 206, with any pipelined request after them", async () => {
  using site = oldSite();
  await using program = await Program.start(site.root, [...SIZE_FLAG, "--compress", "--compress-level=6"]);
  using wire = await Wire.connect(program.port);
  for (const [what, target, ...lines] of TARGETS) {
    const whole = await exchange(program.port, get(target, ...lines));
    const kinds: [request: string, status: number, isHead: boolean][] = [
      [get(target, ...lines, `If-None-Match: ${whole.fields.etag}`), 304, false],
      [get(target, ...lines), 200, false],
      [get(target, ...lines, 'If-Match: "x"'), 412, false],
      [get(target, ...lines, "Range: bytes=999999-"), 416, false],
      [head(target, ...lines, `If-None-Match: ${whole.fields.etag}`), 304, true],
      [head(target, ...lines), 200, true],
      [get(target, ...lines, "Range: bytes=1-2", `If-Range: ${whole.fields.etag}`), 206, false],
    ];
    for (let round = 0; round < 3; round++) {
      await wire.send(kinds.map(([request]) => request).join(""));
      for (const [, status, isHead] of kinds) {
        const answer = await wire.expect(isHead);
        assertEquals(answer.status, status, what);
        if (status === 206) assertEquals(answer.body, whole.body.subarray(1, 3), what);
        if (status === 200 && !isHead) assertEquals(answer.body, whole.body, what);
      }
    }
  }
});
