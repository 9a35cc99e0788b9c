/**
 * `epollet learn`: each step is walked through, its command is run as it is shown, and what there is to see is looked for
 * in the terminal and on the live page.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CHINESE } from "../../program/learn/chinese.ts";
import { ENGLISH } from "../../program/learn/english.ts";
import { STEPS } from "../../program/learn/steps.ts";
import { choosePoller } from "../../program/learn/step_server.ts";
import { type Words, wrapped } from "../../program/learn/words.ts";
import { blocksOf, readDocument } from "../support/documents.ts";
import { Lesson } from "../support/lesson.ts";
import { programCommand, REPOSITORY, runProgram } from "../support/program.ts";
import { outputOf } from "../support/waiting.ts";

const HELLO = "Hello from epollet.\n";

/** What docs/understand.md shows of the first step. */
const [SHOWN] = blocksOf(readDocument("docs/understand.md"), "text") as [string];

/** Replaces times, with the width of their box, and lengths of requests. */
function withoutFigures(text: string): string {
  return text.replaceAll(/ +[\d.]+ m?s\b *|recv = \d+| {2,}|[━]+/g, "~");
}

/** What a test does in each step: it runs the command, and looks. */
const LOOKS: readonly ((lesson: Lesson) => Promise<void>)[] = [
  async (lesson) => {
    assertEquals(await lesson.runCommand(), HELLO + HELLO);
    const { poller, requests } = await lesson.page();
    assertEquals([poller, requests], ["epoll-edge", 2]);
    await lesson.printed(
      / epoll_wait = 1, accept4 = \d+, recv = \d+, handler, send = \d+,\s+epoll_ctl ADD → idle$/m,
    );
    await lesson.printed(/ epoll_wait = 1, recv = \d+, handler, send = \d+ → idle$/m);
    await lesson.printed(/ → closed\n(?:.*\n){4}/);
    for (const line of withoutFigures(SHOWN).split("\n")) {
      assertStringIncludes(withoutFigures(lesson.text), line);
    }
    await lesson.printed(
      / epoll_wait = 1, recv = 0, close → closed\n.*━.*\n.*┃ accepted ┃▶┃ reading ┃.*┃ closed ┃\n/,
    );
  },
  async (lesson) => {
    const [, calls] = await lesson.printed(/^A second without a client: ([\d,]+) system calls/m);
    assert(Number(calls!.replaceAll(",", "")) > 1000, calls);
    assertEquals(await lesson.runCommand(), HELLO);
    const { poller } = await lesson.page();
    assertEquals(poller, "naive");
    await lesson.printed(/^ +\S+ m?s {2}accept4 = \d+, recv = \d+, handler, send = \d+/m);
    await lesson.printed(/ → closed$/m);
    assert(!/(?:select|poll|wait)\S* = /.test(lesson.text), lesson.text);
  },
  async (lesson) => {
    const done = lesson.runCommand();
    const { poller } = await lesson.pageShows(({ states, requests }) =>
      states["reading"] === 50 && requests === 1
    );
    assertEquals(poller, "select");
    assertEquals(await done, HELLO);
    const [, bits] = await lesson.printed(/ select\((\d+)\) = 1, recv = 0, close → closed$/m);
    assert(Number(bits) > 70, bits);
    await lesson.printed(/^\d+ more connections: \d+ reading$/m);
    await lesson.printed(/^\d+ more connections: \d+ closed$/m);
  },
  async (lesson) => {
    const done = lesson.runCommand();
    const { poller } = await lesson.pageShows(({ states, requests }) =>
      states["reading"] === 50 && requests === 1
    );
    assertEquals(poller, "poll");
    assertEquals(await done, HELLO);
    const [, entries] = await lesson.printed(/ poll\((\d+)\) = 1, recv = 0, close → closed$/m);
    assert(Number(entries) >= 53 && Number(entries) < 60, entries);
  },
  async (lesson) => {
    assertEquals((await lesson.runCommand()).trim(), "50000");
    const { poller, sentBytes } = await lesson.page();
    assertEquals([poller, sentBytes], ["epoll-level", 50_000]);
    await lesson.printed(/ epoll_wait = 1, recv = 16384, send = 16384 → reading/);
    await lesson.printed(/ → closed$/m);
    assert(!/epoll_wait = 0, recv = [1-9]/.test(lesson.text), lesson.text);
  },
  async (lesson) => {
    assertEquals((await lesson.runCommand()).trim(), "50000");
    const { poller, sentBytes } = await lesson.page();
    assertEquals([poller, sentBytes], ["epoll-edge", 50_000]);
    await lesson.printed(/ epoll_wait = 0, recv = \d{3,}, send = \d+ → reading/);
    await lesson.printed(/ recv = EAGAIN → reading$/m);
  },
  async (lesson) => {
    const done = lesson.runCommand();
    await lesson.pageShows(({ states }) => states["handling"] === 1);
    assertEquals(await done, HELLO + HELLO);
    assertEquals((await lesson.page()).requests, 2);
    await lesson.printed(/^Connection 1, [^]* → closed\n[^]*┃ handling ┃[^]*┃ 1\.\d s +┃/m);
    assertMatch(lesson.text, /^Connection 2, [^]*^Connection 1, /m);
  },
  async (lesson) => {
    const done = lesson.runCommand();
    const { connections } = await lesson.pageShows(({ states }) => states["writing"] === 1);
    const [, fd] = connections.find(([, , state]) => state === "writing")!;
    await lesson.printed(
      new RegExp(`^Connection 1, descriptor ${fd}\n[^]* send = EAGAIN,[^]* → writing$`, "m"),
    );
    assertEquals(await done, "");
    await lesson.printed(/ epoll_wait = 0, ioctl → writing × \d$/m);
    await lesson.printed(/ send = (?:ECONNRESET|EPIPE), close → closed\n[^]*┃ [2-9]\.\d s +┃/);
  },
  async (lesson) => {
    const done = lesson.runCommand();
    await lesson.pageShows(({ states, requests }) => states["reading"] === 200 && requests === 1);
    assertEquals(await done, `${HELLO}HTTP/1.1 408 Request Timeout\r\n`);
    await lesson.pageShows(({ responses, states }) =>
      responses["408"] === 200 && Object.values(states).every((count) => count === 0)
    );
    await lesson.printed(/ handler, send = \d+,?\s[^]*? epoll_wait = 1, recv = 0, close → closed$/m);
    await lesson.printed(/ send = \d+, shutdown(?: → lingering|, close → closed)$/m);
    await lesson.printed(/^1\d\d more connections: 1\d\d closed$/m);
  },
  async (lesson) => {
    const { name, isWanted } = choosePoller("io-uring");
    assertEquals(await lesson.runCommand(), HELLO + HELLO);
    const { poller, requests } = await lesson.page();
    assertEquals([poller, requests], [name, 2]);
    assertEquals(/(?:has no|refuses the) poller io-uring/.test(lesson.text), !isWanted);
    await lesson.printed(isWanted ? / io_uring_enter = \d+, recv = \d+/ : / epoll_wait = 1, recv = \d+/);
  },
];

Deno.test("each step's command shows in the terminal and on the live page what the step says", async () => {
  await using lesson = new Lesson();
  assertEquals(LOOKS.length, STEPS.length);
  for (const [i, look] of LOOKS.entries()) {
    await lesson.shows(i + 1);
    await look(lesson);
    await lesson.type("");
  }
  const { code, stderr, stdout } = await lesson.finish();
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /That was the last step\. .*\n$/);
});

Deno.test("the keys lead back, to a step and out, and any other line is answered", async () => {
  await using lesson = new Lesson(["4"]);
  await lesson.shows(4);
  await lesson.type("b");
  await lesson.shows(3);
  await lesson.type(" 10 ");
  await lesson.shows(10);
  await lesson.type("11");
  await lesson.printed(/^"11" is no step: press Enter, or type b, q, or a number from 1 to 10\.$/m);
  await lesson.type("\x1b[2J");
  await lesson.printed(/is no step/);
  assert(!lesson.text.includes("\x1b"), "what was typed is printed without its control characters");
  await lesson.type("q");
  const { code, stderr } = await lesson.finish();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("SIGINT and SIGTERM end the lesson at once, also with a client, on the poller that never sleeps too", async () => {
  for (const [signal, step] of [["SIGINT", 1], ["SIGTERM", 2]] as const) {
    await using lesson = new Lesson([String(step)]);
    await lesson.shows(step);
    const [, port] = await lesson.printed(/127\.0\.0\.1:(\d+)\//);
    using client = await Deno.connect({ port: Number(port) });
    await client.write(new TextEncoder().encode("GET"));
    await lesson.pageShows(({ states }) => states["reading"] === 1);
    lesson.kill(signal);
    const { code, stderr } = await lesson.finish();
    assertEquals([code, stderr], [0, ""], signal);
  }
});

Deno.test("without a line of input, all steps are shown, in the language of the terminal or that of --lang", async () => {
  const runs = [
    [[], "zh_CN.UTF-8", CHINESE],
    [["--lang", "zh"], "C.UTF-8", CHINESE],
    [["--lang=en"], "zh_CN.UTF-8", ENGLISH],
    [["--lang=zh-CN"], "C.UTF-8", CHINESE],
  ] as const;
  for (const [args, locale, words] of runs) {
    await using lesson = new Lesson(args, { LC_ALL: locale });
    await lesson.closeInput();
    const { code, stdout, stderr } = await lesson.finish();
    assertEquals([code, stderr], [0, ""]);
    words.steps.forEach(({ title }, i) =>
      assertStringIncludes(stdout, words.heading(i + 1, STEPS.length, title))
    );
    assertStringIncludes(stdout, words.end);
    const commands = stdout.split("\n").filter((line) => /^ {2}(curl|bash) /.test(line));
    assertEquals(commands.length, STEPS.length);
  }
});

Deno.test("an input that cannot be read has no lines", async () => {
  const { code, stdout, stderr } = await outputOf(
    new Deno.Command("sh", {
      args: ["-c", 'exec "$@" < /', "sh", ...programCommand(["learn", "10", "--lang", "en"])],
      cwd: REPOSITORY,
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
    "the lesson",
  );
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals([code, text(stderr)], [0, ""]);
  assertStringIncludes(text(stdout), ENGLISH.end);
});

Deno.test("a wrong step, flag or language is one line, and exit status 2", async () => {
  for (
    const [args, message] of [
      [["0"], /^epollet: Bad step "0": expected a whole number from 1 to 10\n$/],
      [["11"], /^epollet: Bad step "11": expected a whole number from 1 to 10\n$/],
      [["poll"], /^epollet: Bad step "poll": .*\n$/],
      [["1", "2"], /^epollet: Unexpected argument "2": epollet learn takes one step\n$/],
      [["--lang", "de"], /^epollet: Bad --lang "de": expected en or zh\n$/],
      [["--lang"], /^epollet: --lang needs a value: see epollet learn --help\n$/],
      [["--lnag", "en"], /^epollet: Unknown option '--lnag': see .*; type: epollet learn --lang en\n$/],
    ] as const
  ) {
    const { code, stdout, stderr } = await runProgram(["learn", ...args]);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertMatch(stderr, message);
  }
});

Deno.test("at a terminal the lesson has colours, unless NO_COLOR is set", async () => {
  const line = programCommand(["learn", "10"]).map((word) => `'${word}'`).join(" ");
  for (const [NO_COLOR, isColoured] of [["", true], ["1", false]] as const) {
    const process = new Deno.Command("script", {
      args: ["-qefc", `exec ${line}`, "/dev/null"],
      cwd: REPOSITORY,
      env: { LC_ALL: "C.UTF-8", TERM: "xterm", NO_COLOR },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const keys = process.stdin.getWriter();
    await keys.write(new TextEncoder().encode("q\n"));
    const { code, stdout } = await outputOf(process, "the lesson at a terminal");
    await keys.close();
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 0, text);
    assertStringIncludes(text, "Step 10 of 10");
    assertEquals(text.includes("\x1b["), isColoured, text);
  }
});

/** Names and figures of a text, which do not depend on the language. */
function factsOf(text: string): string[] {
  const facts = text.match(
    /[a-z_0-9]+\(\d*\)(?: = \d+)?|\w+ = \w+|[a-z]+_[a-z_]+|epoll-[a-z]+|E[A-Z]{3,}|\d[\d,.]*\d|--[a-z-]+/g,
  );
  return [...new Set(facts)].toSorted();
}

Deno.test("both languages tell the same: as many sentences to look for, with the same names and figures", () => {
  for (const { steps } of [ENGLISH, CHINESE]) assertEquals(steps.length, STEPS.length);
  let facts = 0;
  ENGLISH.steps.forEach(({ about, look }, i) => {
    const chinese = CHINESE.steps[i]!;
    assertEquals(factsOf(chinese.about), factsOf(about), `step ${i + 1}`);
    assertEquals(chinese.look.map(factsOf), look.map(factsOf), `step ${i + 1}`);
    facts += look.flatMap(factsOf).length;
  });
  assert(facts >= 30, `${facts} names and figures were compared`);
  const said = (words: Words) => [
    words.heading(3, 10, "t"),
    ...words.places({ port: 1, adminPort: 9191 }, "epollet 7890"),
    words.keys(10),
    words.quiet(1234, 0.987),
    words.connection(12, 34, true),
    words.more(56, "56 reading"),
    words.noPoller("io-uring", "EPERM", "epoll-edge"),
    words.unknown("x", 10),
  ];
  assertEquals(said(CHINESE).map(factsOf), said(ENGLISH).map(factsOf));
});

Deno.test("lines are broken between words, and between Chinese characters, but not before a comma", () => {
  assertEquals(wrapped("one two three", 8), ["one two", "three"]);
  assertEquals(wrapped("一二三四五", 6), ["一二三", "四五"]);
  assertEquals(wrapped("一二三，四", 6), ["一二", "三，四"]);
  assertEquals(wrapped("用 recv 收", 7), ["用 recv", "收"]);
  assertEquals(wrapped("unbreakable", 4), ["unbreakable"]);
});
