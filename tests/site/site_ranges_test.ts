/**
 * Ranges of the files of a site, over real sockets. Source: RFC 9110 §14.
 * @module
 */
import { assertEquals } from "@std/assert";
import { Program, Site } from "../support/program.ts";
import { assertRanges } from "../support/ranges.ts";
import { exchange, get, head, Wire, type WireResponse } from "../support/wire.ts";

const DIGITS = "0123456789";
const ON_DISK = ["--cache-file-size", "1"];

/** The value after `bytes=` → the ranges that are sent, or another status. */
const CASES: readonly (readonly [field: string, expected: readonly string[] | 200 | 416])[] = [
  ["0-0", ["0-0"]],
  ["9-9", ["9-9"]],
  ["9-", ["9-9"]],
  ["2-", ["2-9"]],
  ["0-", ["0-9"]],
  ["0-9", ["0-9"]],
  ["0-10", ["0-9"]],
  ["-1", ["9-9"]],
  ["-10", ["0-9"]],
  ["-11", ["0-9"]],
  ["002-005", ["2-5"]],
  ["0-18446744073709551616", ["0-9"]],
  ["-18446744073709551616", ["0-9"]],
  [" 1 - 2 ", ["1-2"]],
  ["10-", 416],
  ["10-20", 416],
  ["18446744073709551616-", 416],
  ["-0", 416],
  ["5-2", 416],
  ["abc", 416],
  ["-", 416],
  ["--1", 416],
  ["1", 416],
  ["+1-2", 416],
  ["1-2-3", 416],
  ["0x1-2", 416],
  ["0-0,x", 416],
  ["20-,30-", 416],
  ["", 200],
  [",", 200],
  ["0-0,2-2", ["0-0", "2-2"]],
  ["0-0 , 2-2", ["0-0", "2-2"]],
  [",0-0,,2-2,", ["0-0", "2-2"]],
  ["5-6,0-1", ["5-6", "0-1"]],
  ["8-,0-1,4-5", ["8-9", "0-1", "4-5"]],
  ["0-0,-1", ["0-0", "9-9"]],
  ["0-0,20-", ["0-0"]],
  ["20-,0-0,50-30,-0", ["0-0"]],
  ["0-3,2-5", ["0-5"]],
  ["0-3,4-5", ["0-5"]],
  ["0-1,0-1", ["0-1"]],
  ["0-9,0-9", ["0-9"]],
  ["-5,0-4", ["0-9"]],
  ["8-8,6-6,7-7,0-0", ["6-8", "0-0"]],
  ["0-0,2-2,4-4,6-6,8-8", ["0-0", "2-2", "4-4", "6-6", "8-8"]],
];

/** The paths with the ten digits, and the fields that select them. */
const TARGETS: readonly (readonly [target: string, ...lines: string[]])[] = [
  ["/digits.txt"],
  ["/app.js", "Accept-Encoding: br, identity;q=0"], // a range would be of the plain form
  ["/only.css", "Accept-Encoding: gzip"],
];

/** How the files are cached. */
const WAYS = [["in memory", []], ["on disk", ON_DISK], ["never kept", ["--cache-size", "0"]]] as const;

for (const [where, args] of WAYS) {
  Deno.test(`every form of Range, of a file and of its compressed forms (${where})`, async () => {
    using site = new Site({
      "digits.txt": DIGITS,
      "app.js": "let app;",
      "app.js.br": DIGITS,
      "only.css.gz": DIGITS,
    });
    await using program = await Program.start(site.root, args);
    using wire = await Wire.connect(program.port);
    for (const [target, ...lines] of TARGETS) {
      const whole = await exchange(program.port, get(target, ...lines));
      assertEquals(whole.text, DIGITS, target);
      for (const [field, expected] of CASES) {
        const what = `${target} bytes=${field}`;
        await wire.send(get(target, ...lines, `Range: bytes=${field}`).repeat(3));
        for (let i = 0; i < 3; i++) {
          const answer = await wire.expect();
          // The compression of several parts cannot be described: their delimiters are not compressed.
          const isWhole = expected === 200 ||
            (expected !== 416 && expected.length > 1 && whole.fields["content-encoding"] !== undefined);
          if (isWhole) {
            assertEquals([answer.status, answer.text], [200, DIGITS], what);
            assertEquals({ ...answer.fields, date: "" }, { ...whole.fields, date: "" }, what);
          } else if (expected === 416) {
            assertEquals([answer.status, answer.fields["content-range"]], [416, "bytes */10"], what);
            for (const name of ["etag", "last-modified", "content-encoding"]) {
              assertEquals(answer.fields[name], undefined, what);
            }
          } else {
            assertRanges(answer, expected, whole, what);
          }
        }
        await wire.send(head(target, ...lines, `Range: bytes=${field}`));
        const { status, fields } = await wire.expect(true);
        assertEquals([status, { ...fields, date: "" }], [200, { ...whole.fields, date: "" }], `HEAD ${what}`);
      }
      for (const field of ["bytes", "items=0-0", "bytes =0-0", "bytes 0-0"]) {
        assertEquals(
          (await exchange(program.port, get(target, ...lines, `Range: ${field}`))).status,
          200,
          field,
        );
      }
    }
  });

  Deno.test(`of an empty file everything is nothing, and no range can be satisfied (${where})`, async () => {
    using site = new Site({ "empty": "" });
    await using program = await Program.start(site.root, args);
    for (
      const [field, status] of [["0-", 200], ["0-0", 200], ["-1", 200], ["1-", 416], ["-0", 416], [
        "5-2",
        416,
      ]]
    ) {
      const answer = await exchange(program.port, get("/empty", `Range: bytes=${field}`));
      const range = status === 416 ? "bytes */0" : undefined;
      assertEquals([answer.status, answer.fields["content-range"]], [status, range], String(field));
    }
  });
}

Deno.test("If-Range: exactly the tag or exactly the date gives the range, anything else the whole; conditions come first", async () => {
  using site = new Site({ "a.txt": DIGITS, "b.js": "let b;", "b.js.gz": DIGITS });
  for (const name of ["a.txt", "b.js.gz", "b.js"]) Deno.utimeSync(site.path(name), 1e9, 1e9);
  for (const args of [[], ON_DISK, ["--etag", "mtime"], ["--etag", "off"]]) {
    await using program = await Program.start(site.root, args);
    for (const [target, ...lines] of [["/a.txt"], ["/b.js", "Accept-Encoding: gzip, identity;q=0"]]) {
      const { etag, "last-modified": date } = (await exchange(program.port, get(target!, ...lines))).fields;
      const other = (await exchange(program.port, get("/b.js"))).fields.etag;
      for (
        const [conditions, range, expected] of [
          [[`If-Range: ${etag}`], "2-4", etag ? 206 : 200],
          [[`If-Range: ${date}`], "2-4", 206],
          [[`If-Range: ${etag}`], "20-", etag ? 416 : 200],
          [['If-Range: "x"'], "20-", 200],
          [[`If-Range: W/${etag}`], "2-4", 200],
          [[`If-Range: "x", ${etag}`], "2-4", 200],
          [[`If-Range: ${other}`], "2-4", 200],
          [["If-Range: *"], "2-4", 200],
          [["If-Range: yesterday"], "2-4", 200],
          [["If-Range:"], "2-4", 200],
          [["If-Range: Sun, 09 Sep 2001 01:46:39 GMT"], "2-4", 200],
          [["If-Range: Sun, 09 Sep 2001 01:46:41 GMT"], "2-4", 200],
          [["If-Range: Sunday, 09-Sep-01 01:46:40 GMT"], "2-4", 206],
          [["If-None-Match: *"], "2-4", 304],
          [["If-None-Match: *"], "20-", 304],
          [['If-Match: "x"'], "20-", 412],
          [["If-Match: *", `If-Range: ${date}`], "2-4", 206],
          [['If-None-Match: "x"', 'If-Range: "x"'], "2-4", 200],
          [[`If-Modified-Since: ${date}`, `If-Range: ${date}`], "2-4", 304],
        ] as const
      ) {
        const answer = await exchange(
          program.port,
          get(target!, ...lines, ...conditions, `Range: bytes=${range}`),
        );
        const what = `${args.join(" ")} ${target} ${conditions.join("; ")} ${range}`;
        assertEquals(answer.status, expected, what);
        if (expected === 206) assertEquals([answer.text, answer.fields.etag], ["234", etag], what);
        if (expected === 200) assertEquals(answer.text, DIGITS, what);
      }
    }
  }
});

for (const [where, args] of [...WAYS, ["made here", ["--compress", "--compress-level=6"]]] as const) {
  Deno.test(`a range is of the plain form, unless a condition has the tag of another (${where})`, async () => {
    const plain = "All the world's a stage.\n".repeat(100);
    const isMade = where === "made here";
    using site = new Site({
      "a.js": plain,
      ...(isMade ? {} : { "a.js.br": "brotli, or so", "a.js.gz": "gzip" }),
    });
    await using program = await Program.start(site.root, args);
    using wire = await Wire.connect(program.port);
    const every = "Accept-Encoding: gzip, deflate, br, zstd, identity";
    const only = "Accept-Encoding: gzip, br, zstd;q=0, identity;q=0";
    const ask = async (...lines: string[]) => {
      await wire.send(get("/a.js", ...lines).repeat(2));
      const [first, second] = [await wire.expect(), await wire.expect()];
      assertEquals([second.status, second.fields.etag], [first.status, first.fields.etag]);
      return first;
    };
    const seen = async (...lines: string[]) => {
      const { status, fields } = await ask(...lines);
      return [status, fields["content-encoding"], fields.etag];
    };
    const assertPart = async (whole: WireResponse, ...lines: string[]) => {
      const part = await ask(...lines, "Range: bytes=2-3");
      assertRanges(part, ["2-3"], whole, lines.join("; "));
    };
    const first = await ask(every, "Range: bytes=2-3"); // before anything is in memory
    assertEquals([first.status, first.text, first.fields["content-encoding"]], [
      206,
      plain.slice(2, 4),
      undefined,
    ]);
    const whole = await ask("Accept-Encoding: identity");
    assertEquals(whole.text, plain);
    const br = await ask("Accept-Encoding: br");
    const gzip = await ask("Accept-Encoding: gzip");
    assertEquals([br.fields["content-encoding"], gzip.fields["content-encoding"]], ["br", "gzip"]);
    for (
      const accept of [
        every,
        "Accept-Encoding: br",
        "Accept-Encoding: gzip, br",
        "Accept-Encoding: *",
        "A: b",
      ]
    ) {
      await assertPart(whole, accept);
      await assertPart(whole, accept, "If-Match: *");
      await assertPart(whole, accept, 'If-None-Match: "x"');
      // A download that began with a range continues.
      await assertPart(whole, accept, `If-Range: ${whole.fields.etag}`);
      await assertPart(whole, accept, `If-Match: "x", ${whole.fields.etag}`);
    }
    for (const accept of [every, "Accept-Encoding: br", only]) {
      await assertPart(br, accept, `If-Range: ${br.fields.etag}`);
      await assertPart(br, accept, `If-Match: ${br.fields.etag}`);
      assertEquals(await seen(accept, `If-Range: ${gzip.fields.etag}`, "Range: bytes=2-3"), [
        200,
        "br",
        br.fields.etag,
      ]);
      assertEquals(await seen(accept, 'If-Range: "x"', "Range: bytes=2-3"), [200, "br", br.fields.etag]);
    }
    await assertPart(br, only);
    await assertPart(gzip, "Accept-Encoding: gzip, *;q=0");
    // Several tags, and none.
    assertRanges(await ask(every, "Range: bytes=0-1,5-6"), ["0-1", "5-6"], whole, "several");
    const behind = await ask(every, "Range: bytes=9999-");
    assertEquals([behind.status, behind.fields["content-range"]], [416, `bytes */${plain.length}`]);
    // A malformed range does not decide about the form.
    for (const line of ["Range: items=0-1", "Range: bytes=", 'If-Match: "x"']) {
      const expected = line.startsWith("If-") ? [412, undefined, undefined] : [200, "br", br.fields.etag];
      assertEquals(await seen(every, line), expected, line);
    }
    await wire.send(head("/a.js", every, "Range: bytes=2-3"));
    const told = await wire.expect(true);
    assertEquals([told.status, told.fields.etag, told.fields["content-encoding"]], [
      200,
      br.fields.etag,
      "br",
    ]);
  });
}
