/**
 * A page of a release stays open in a browser while the next one is deployed, and this one deleted (`--keep-assets`).
 * @module
 */
import { assertEquals } from "@std/assert";
import { findBrowser } from "../support/browser.ts";
import { Page } from "../support/devtools.ts";
import { Program, Site } from "../support/program.ts";

/** Returns a release as bundlers write it: its page loads a script, which loads another one when it is needed. */
function release(n: number): Record<string, string> {
  return {
    [`releases/${n}/index.html`]:
      `<title>${n}</title><link rel=icon href=data:,><script type=module src=/assets/app-3F5C7D2${
        n + 1
      }.js></script>`,
    [`releases/${n}/assets/app-3F5C7D2${n + 1}.js`]: `globalThis.more = () => import("/assets/lazy-7B4E6C2${
      n + 1
    }.js"); globalThis.loaded = ${n};`,
    [`releases/${n}/assets/lazy-7B4E6C2${n + 1}.js`]: `export const release = ${n};`,
  };
}

Deno.test("an open page loads its parts after the next release was deployed and its own deleted; a reload shows the next", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  using site = new Site({ ...release(1), ...release(2) });
  Deno.symlinkSync("releases/1", site.path("current"));
  await using program = await Program.start(site.path("current"), ["--keep-assets", "24h", "--no-config"]);
  await using page = await Page.start(browser);
  await page.open(`http://127.0.0.1:${program.port}/`);
  await page.until("globalThis.loaded === 1");
  Deno.symlinkSync("releases/2", site.path("next"));
  Deno.renameSync(site.path("next"), site.path("current"));
  Deno.removeSync(site.path("releases/1"), { recursive: true });
  assertEquals(await page.evaluate("more().then(({ release }) => release)"), 1);
  await page.open(`http://127.0.0.1:${program.port}/`);
  await page.until("globalThis.loaded === 2");
  assertEquals(await page.evaluate("document.title"), "2");
  assertEquals(await page.evaluate("more().then(({ release }) => release)"), 2);
  assertEquals(page.consoleMessages, []);
});
