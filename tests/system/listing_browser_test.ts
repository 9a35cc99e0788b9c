/**
 * A listing in a real browser: filter, keys, grid, and accessibility as axe-core judges it.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LISTING_PAGE_ENTRIES_MAX } from "../../handlers/site/limits.ts";
import { accessibilityProblems } from "../support/accessibility.ts";
import { findBrowser } from "../support/browser.ts";
import { Page } from "../support/devtools.ts";
import { ServedSite } from "../support/served_site.ts";

const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30"/></svg>';
const PHONE = [390, 844] as const;
const DESKTOP = [1280, 800] as const;
const SIGHTS = [[PHONE, "dark"], [DESKTOP, "light"]] as const;

const FILES: Record<string, string> = {
  "d/sub/x": "x",
  "d/alpha.txt": "a",
  "d/Béta.txt": "b",
  "d/gamma beta.txt": "c",
  "d/<script>alert(1)<\u2044script>": "x",
  [`d/${"long".repeat(50)}`]: "x",
  "d/README.md": "# Read <me>\n",
  "pictures/sub/x": "x",
  "pictures/notes.txt": "x",
  "none/.hidden": "x",
};
for (let i = 0; i < 60; i++) FILES[`pictures/${i}.svg`] = SVG;
for (let i = 0; i <= LISTING_PAGE_ENTRIES_MAX; i++) FILES[`many/file${i}.txt`] = "x";

const SHOWN = `Array.from(document.querySelectorAll("tbody tr:not(.up), .grid li:not(.up)"))
  .filter((item) => item.offsetParent !== null).map((item) => item.querySelector("bdi").textContent).join(" ")`;
const FOCUSED =
  "document.activeElement.querySelector('bdi')?.textContent ?? document.activeElement.name ?? ''";

/** Opens a browser on a listing; prints why not where there is none. */
async function browsing(test: (page: Page, base: string) => Promise<void>): Promise<void> {
  const browser = await findBrowser();
  if (browser === null) return;
  await using served = await ServedSite.start(FILES, { args: ["--browse"] });
  await using page = await Page.start(browser);
  await page.resize(...DESKTOP);
  await test(page, `http://127.0.0.1:${served.port}`);
  assertEquals(page.consoleMessages.filter((line) => !line.includes("/favicon.ico")), []);
}

async function open(page: Page, url: string): Promise<void> {
  await page.open(url);
  await page.until(`location.href === ${JSON.stringify(url)} && document.readyState === "complete"`);
}

Deno.test("in a browser, a listing is filtered while one types, keys alone open its entries, and a grid loads only the pictures near the window", async () => {
  await browsing(async (page, base) => {
    await open(page, `${base}/d/`);
    await page.press("/");
    assertEquals(await page.evaluate(FOCUSED), "q");
    await page.type("BETA");
    assertEquals(await page.evaluate(SHOWN), "Béta.txt gamma beta.txt");
    assertEquals(await page.evaluate("document.querySelector('output').value"), "2 of 7");
    assertEquals(
      await page.evaluate("document.querySelector('th a').search"),
      "?sort=name&order=desc&q=BETA",
    );
    await page.press("ArrowDown");
    await page.press("ArrowDown");
    assertEquals(await page.evaluate(FOCUSED), "gamma beta.txt");
    await page.press("Enter");
    await page.until(`location.pathname === "/d/gamma%20beta.txt"`);

    await open(page, `${base}/d/?q=beta`);
    assertEquals([await page.evaluate(FOCUSED), await page.evaluate(SHOWN)], [
      "q",
      "Béta.txt gamma beta.txt",
    ]);
    await page.press("Escape"); // the page lacks the others, so the server is asked
    await page.until(
      `location.search === "?q=" && document.readyState === "complete" && document.querySelectorAll("tbody tr:not(.up)").length === 7`,
    );
    await page.press("ArrowDown");
    assertEquals(await page.evaluate(FOCUSED), "sub");
    await page.press("ArrowUp");
    await page.press("Backspace");
    await page.until(`location.pathname === "/" && document.readyState === "complete"`);
    await page.press("ArrowDown");
    assertEquals(await page.evaluate(FOCUSED), "d");

    await open(page, `${base}/many/`);
    await page.press("/");
    await page.type("file500");
    await page.until(`location.search === "?q=file500"`);
    await page.until(`document.readyState === "complete" && (${SHOWN}) === "file500.txt"`);
    await page.press("Enter");
    await page.until(`location.pathname === "/many/file500.txt"`);

    await page.resize(...PHONE);
    await open(page, `${base}/pictures/?view=grid`);
    const loaded = "Array.from(document.images).filter((image) => image.naturalWidth === 40).length";
    await page.until(`${loaded} > 0`);
    assertEquals(await page.evaluate("document.images.length"), 60);
    assert(await page.evaluate(`${loaded} < 60`), "all pictures were loaded at once");
    await page.press("ArrowDown");
    assertEquals(await page.evaluate(FOCUSED), "sub");
    await page.press("ArrowDown");
    const columns = Number(
      await page.evaluate(
        "getComputedStyle(document.querySelector('.grid')).gridTemplateColumns.split(' ').length",
      ),
    );
    assertEquals(await page.evaluate(FOCUSED), `${columns - 1}.svg`);
    await page.press("ArrowRight");
    assertEquals(await page.evaluate(FOCUSED), `${columns}.svg`);
    await page.press("Escape");
    await page.until(`location.pathname === "/"`);
  });
});

Deno.test("axe finds nothing in a listing, and it is no wider than the window: list and grid, light and dark, phone and desktop", async () => {
  await browsing(async (page, base) => {
    for (const path of ["/d/", "/d/?q=none&sort=size", "/pictures/?view=grid", "/none/", "/many/?page=2"]) {
      for (const [[width, height], scheme] of SIGHTS) {
        await page.resize(width, height);
        await page.prefer({ "prefers-color-scheme": scheme });
        await open(page, base + path);
        assertEquals(await accessibilityProblems(page), [], `${path} ${scheme}`);
        const wide = await page.evaluate("document.documentElement.scrollWidth");
        assert(Number(wide) <= width, `${path} is ${wide} pixels wide`);
      }
    }
  });
});
