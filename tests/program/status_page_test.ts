/**
 * The status page in a real browser, while the server that it shows is busy.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { findBrowser } from "../support/browser.ts";
import { Page } from "../support/devtools.ts";
import { Program, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

/** The number in the element `selector`. */
const numberIn = (selector: string) =>
  `Number(document.querySelector(${JSON.stringify(selector)}).firstChild.data.replaceAll(",", ""))`;
const textOf = (selector: string) => `document.querySelector(${JSON.stringify(selector)}).textContent`;
const MOVING = "Number(document.documentElement.dataset.moving)";

/** Sends requests on a few connections until the returned function is called. */
function load(port: number): () => Promise<void> {
  let isOver = false;
  const clients = Array.from({ length: 8 }, async () => {
    using wire = await Wire.connect(port);
    while (!isOver) {
      await wire.send(get("/"));
      await wire.expect();
      await sleep(5);
    }
  });
  return async () => {
    isOver = true;
    await Promise.all(clients);
  };
}

Deno.test("the status page shows a server at work, in light and dark, while it drains, and once it is gone", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  using site = new Site({ "index.html": "home", "big": new Uint8Array(30_000_000) });
  await using program = await Program.start(site.root, ["--no-config", "--admin", "0"]);
  await program.printed(/^Admin at/m);
  const [, url] = /^Admin at (\S+)$/m.exec(program.stdout) ?? [];
  await using page = await Page.start(browser);
  await page.resize(1240, 1100);
  await page.prefer({ "prefers-color-scheme": "light" });
  await page.open(url!);
  await page.until(`${textOf("#state")} === "serving"`);

  const stop = load(program.port);
  using slow = await Wire.connect(program.port);
  await slow.send(get("/big"));
  await page.until(`${numberIn("#tile-requests dd")} > 20`);
  await page.until(`${numberIn("#tile-open dd")} === 9`);
  await page.until(`${MOVING} > 0`);
  await page.until(`${textOf("#connections tbody tr td:nth-child(2)")} === "writing"`);
  await page.until(`${textOf("#tile-p50 dd")} !== "–" && ${textOf("#tile-calls dd")} !== "–"`);
  assertEquals(
    await page.evaluate(
      `${textOf("#words")}.includes("idle8") && ${textOf("#words")}.includes("writing1")`,
    ),
    true,
    String(await page.evaluate(textOf("#words"))),
  );
  const dots = `JSON.stringify([...dots.values()].map(({ x, y }) => [Math.round(x), Math.round(y)]))`;
  const before = await page.evaluate(dots);
  await page.until(`${dots} !== ${JSON.stringify(before)}`);

  const light = await page.screenshot();
  await page.prefer({ "prefers-color-scheme": "dark" });
  await page.until("getComputedStyle(document.body).color === 'rgb(232, 235, 236)'");
  const dark = await page.screenshot();
  assert(light.length > 20_000 && dark.length > 20_000, "nothing is drawn");
  assertNotEquals(light, dark);
  await page.resize(390, 900);
  await page.until("document.querySelector('#picture').getAttribute('viewBox') === '0 0 360 620'");
  assertEquals(
    await page.evaluate("document.documentElement.scrollWidth <= innerWidth"),
    true,
    "it is too wide",
  );
  await page.prefer({ "prefers-reduced-motion": "reduce" });
  await page.until(`${MOVING} === 0`);
  assertEquals(page.consoleMessages, []);

  await stop();
  program.kill("SIGTERM");
  await page.until(`${textOf("#state")}.startsWith("draining")`);
  program.kill("SIGTERM");
  await page.until(`${textOf("#state")} === "connection lost, reconnecting"`);
});
