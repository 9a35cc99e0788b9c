/**
 * The page that is served by default: its size, its two demonstrations, and what is left of it without scripts.
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { accessibilityProblems } from "../support/accessibility.ts";
import { findBrowser } from "../support/browser.ts";
import { Page } from "../support/devtools.ts";
import { Program, REPOSITORY, Site } from "../support/program.ts";
import { get, Wire } from "../support/wire.ts";

const PAGE = Deno.readTextFileSync(`${REPOSITORY}html/index.html`);
/** What a server sends before it hears from the client: ten segments (RFC 6928) with timestamps (RFC 7323). */
const FIRST_FLIGHT_BYTES = 10 * 1448;

const textOf = (id: string) => `document.getElementById("${id}").innerText.trim()`;
const countOf = (selector: string) => `document.querySelectorAll(${JSON.stringify(selector)}).length`;
/** The languages of the texts that are shown; links to the other language do not count. */
const LANGUAGES = `[...new Set([...document.querySelectorAll("main [lang], footer [lang]")]
  .filter((each) => each.getClientRects().length > 0).map((each) => each.getAttribute("lang")))].join()`;
/** True when nothing has to be scrolled sideways. */
const IS_NARROW = "document.documentElement.scrollWidth <= innerWidth";

Deno.test("the whole page arrives in the first round trip, also with a field that names the poller", async () => {
  await using program = await Program.start(`${REPOSITORY}html`, ["--no-config", "--poller", "epoll-level"]);
  using wire = await Wire.connect(program.port);
  await wire.send(get("/", "Connection: close"));
  let bytes = 0;
  for (let part = await wire.some(); part !== null; part = await wire.some()) bytes += part.length;
  assert(bytes > PAGE.length && bytes <= FIRST_FLIGHT_BYTES, `${bytes} bytes`);
});

Deno.test("the page loads nothing else", () => {
  const addresses = Array.from(PAGE.matchAll(/\b(?:src|href|srcset|action|poster)=["']?([^"'\s>]+)/g));
  assert(addresses.length >= 4);
  for (const [, address] of addresses) assert(/^(?:#|data:image\/svg)/.test(address!), address);
  assertEquals(PAGE.match(/@import|url\(|\bimport\b|<(?:img|iframe|object|embed|video|audio)\b/g), null);
});

Deno.test("the commands that the page shows do what it says", async () => {
  using folder = new Site({ "html/index.html": PAGE });
  await using program = await Program.start(folder.path("html"), ["--no-config"]);
  const commands = Array.from(
    PAGE.matchAll(/<pre><code>((?:curl|echo) [^<]+)/g),
    ([, text]) => text!.replaceAll("&lt;", "<").replaceAll(":7890/", `:${program.port}/`),
  );
  assertEquals(commands.length, 3);
  const run = async (command: string) =>
    new TextDecoder().decode(
      (await new Deno.Command("sh", { args: ["-c", command], cwd: folder.root }).output()).stdout,
    );
  const [measure, change, look] = commands as [string, string, string];
  assertMatch(await run(measure), /^(?:0\.\d+\n){20}$/);
  const before = await run(look);
  assertMatch(before, /^ETag: "/);
  await run(change);
  const after = await run(look);
  assertMatch(after, /^ETag: "/);
  assertNotEquals(after, before);
  assert(Deno.readTextFileSync(folder.path("html/index.html")).endsWith("<!-- hello -->\n"));
});

Deno.test("a home page names the poller when it is not the default; a rule counts more", async () => {
  using site = new Site({ "index.html": "home", "other.html": "other" });
  const NAMED = 'poller;desc="poll"';
  for (
    const [flags, home] of [
      [[], undefined],
      [["--poller", "poll"], NAMED],
      [["--poller", "poll", "-H", "Server-Timing:"], undefined],
      [["--poller", "poll", "-H", "Server-Timing: own"], "own"],
    ] as const
  ) {
    await using program = await Program.start(site.root, ["--no-config", ...flags]);
    using wire = await Wire.connect(program.port);
    const fieldOf = async (path: string) => {
      await wire.send(get(path));
      return (await wire.expect()).fields["server-timing"];
    };
    const other = home === NAMED ? undefined : home;
    assertEquals([await fieldOf("/"), await fieldOf("/index.html"), await fieldOf("/other.html")], [
      home,
      home,
      other,
    ], flags.join(" "));
  }
});

Deno.test("the page measures, sees its file change, speaks two languages, and axe finds nothing", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  using site = new Site({ "index.html": PAGE });
  await using program = await Program.start(site.root, ["--no-config", "--poller", "select"]);
  await using page = await Page.start(browser, ["--accept-lang=zh-CN"]);
  await page.resize(1280, 900);
  await page.prefer({ "prefers-color-scheme": "light", "prefers-reduced-motion": "reduce" });
  const url = `http://127.0.0.1:${program.port}/`;
  await page.open(url);
  await page.until(`${textOf("status")} === "完成了 20 次往返。" && ${LANGUAGES} === "zh-CN"`);
  await page.open("about:blank");
  await page.open(`${url}#en`);
  await page.until(`${textOf("status")} === "20 round trips done."`);
  assertEquals(await page.evaluate(textOf("poller")), "select");
  assertEquals(await page.evaluate(`document.querySelector("svg #waits").textContent`), "select");
  const requested = "JSON.stringify(performance.getEntriesByType('resource').map(({ name }) => name))";
  assertEquals(await page.evaluate(requested), JSON.stringify(Array(20).fill(url)));
  assertEquals(await page.evaluate(countOf("#bars i")), 20);
  assertEquals(await page.evaluate(LANGUAGES), "en");
  assertEquals(await accessibilityProblems(page), []);

  await page.evaluate(`document.getElementById("watch").click()`);
  await page.until(`/^(?:[2-9]|[1-9]\\d+) × 304$/.test(${textOf("seen")})`);
  assertEquals(await page.evaluate(countOf("#changes li")), 0);
  site.write("index.html", `${PAGE}<!-- hello -->\n`);
  await page.until(`${countOf("#changes li")} === 1`);
  using wire = await Wire.connect(program.port);
  await wire.send(get("/"));
  const { etag } = (await wire.expect()).fields;
  assertStringIncludes(String(await page.evaluate(textOf("changes"))), `→ 200 ${etag} … <!-- hello -->`);
  await page.until(`/^(?:[2-9]|[1-9]\\d+) × 304$/.test(${textOf("seen")})`);
  await page.evaluate(`document.getElementById("watch").click()`);
  await page.until(`${textOf("watch")} === "Start"`);

  await page.evaluate(`document.querySelector("nav a[lang|=zh]").click()`);
  await page.until(`document.documentElement.lang === "zh-CN"`);
  assertEquals(await page.evaluate(LANGUAGES), "zh-CN");
  await page.resize(390, 844);
  await page.prefer({ "prefers-color-scheme": "dark", "prefers-reduced-motion": "reduce" });
  assertEquals(await page.evaluate(IS_NARROW), true, "it is too wide for a phone");
  assertEquals(await accessibilityProblems(page), []);
  assertEquals(page.consoleMessages, []);
});

Deno.test("without scripts the page shows its text, commands to try, and both languages by a link", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  await using program = await Program.start(`${REPOSITORY}html`, ["--no-config"]);
  await using page = await Page.start(browser, ["--blink-settings=scriptEnabled=false"]);
  const shown = (selector: string) =>
    `[...document.querySelectorAll("${selector}")].filter((each) => each.getClientRects().length > 0).length`;
  for (const [hash, language] of [["", "en"], ["#zh", "zh-CN"]] as const) {
    await page.resize(390, 844);
    await page.open("about:blank");
    await page.open(`http://127.0.0.1:${program.port}/${hash}`);
    await page.until(`document.querySelector("footer") !== null`);
    await page.until(`${LANGUAGES} === "${language}"`);
    assertEquals(await page.evaluate(shown("h1, h2")), 5);
    assertEquals(await page.evaluate(shown("noscript code")), 2);
    assertEquals(await page.evaluate(shown("button")), 0, "a button that does nothing");
    assertEquals(await page.evaluate(IS_NARROW), true, "it is too wide for a phone");
    assertEquals(page.consoleMessages, []);
  }
});
