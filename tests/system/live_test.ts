/**
 * `--live` in a real browser.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { findBrowser } from "../support/browser.ts";
import { Page } from "../support/devtools.ts";
import { freePort } from "../support/free_port.ts";
import { LiveSite } from "../support/live.ts";
import { Site } from "../support/program.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { sleep } from "../support/sleep.ts";

/** The square of an image; `size` is its width. */
const image = (size: number) => `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}"/>`;

/** A page counts how often it was loaded. */
const COUNT = "<script>sessionStorage.loads = Number(sessionStorage.loads ?? 0) + 1</script>";
const LOADS = "Number(sessionStorage.loads)";

const FILES = {
  "index.html": `<!doctype html><html lang=en><title>page</title>${COUNT}
<link rel=stylesheet href=a.css><style>@import "c.css";</style><script src=app.js></script>
<h1>one</h1><input id=input><img id=image style="height: 20px" src=image.svg srcset="image.svg 1x"><div id=box></div>
<div style="height: 4000px"></div><script>fetch("data.json").then((r) => r.json()).then((d) => window.data = d)</script>`,
  "a.css": `@import "b.css"; h1 { color: rgb(1, 0, 0) } #box { background: url(box.svg); height: 9px }`,
  "b.css": "h1 { margin-left: 1px }",
  "c.css": "h1 { margin-top: 1px }",
  "app.js": "window.app = 1",
  "data.json": "1",
  "image.svg": image(10),
  "box.svg": image(10),
};

/** Opens the page of `live`, and waits until it knows what the server says of its files. */
async function opened(browser: string, live: LiveSite, flags: readonly string[] = []): Promise<Page> {
  const page = await Page.start(browser, flags);
  await page.open(live.urlOf("/"));
  await untilSettled(page);
  return page;
}

/** Waits until the page has asked its first question: later changes find it ready. */
async function untilSettled(page: Page): Promise<void> {
  await page.until(
    `document.readyState === "complete" && performance.getEntriesByType("resource").some((e) => e.name.endsWith("/.epollet/changes"))`,
  );
}

const style = (property: string) => `getComputedStyle(document.querySelector("h1")).${property}`;

Deno.test("in a browser style sheets and images are replaced in place; all else reloads, at the same place", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  await using live = await LiveSite.start(new Site(FILES));
  await using page = await opened(browser, live);
  const { site } = live;
  await page.evaluate(`document.getElementById("input").value = "typed"; scrollTo(0, 700)`);
  const isKept = async () =>
    await page.evaluate(`${LOADS} + document.getElementById("input").value + scrollY`);
  site.write("a.css", FILES["a.css"].replace("1, 0, 0", "2, 0, 0"));
  await page.until(`${style("color")} === "rgb(2, 0, 0)"`);
  site.write("b.css", "h1 { margin-left: 2px }");
  await page.until(`${style("marginLeft")} === "2px"`);
  site.write("c.css", "h1 { margin-top: 2px }");
  await page.until(`${style("marginTop")} === "2px"`);
  site.write("image.svg", image(20));
  await page.until(`document.getElementById("image").naturalWidth === 20`);
  site.write("box.svg", image(20));
  await page.until(
    `/box\\.svg\\?live=/.test(getComputedStyle(document.getElementById("box")).backgroundImage)`,
  );
  Deno.renameSync(site.path("b.css"), site.path("moved.css"));
  await page.until(`${style("marginLeft")} === "0px"`);
  assertEquals(await page.evaluate(`document.querySelectorAll("link").length`), 1);
  assertEquals(await isKept(), "1typed700");

  site.write("app.js", "window.app = 2");
  await page.until("window.app === 2");
  await untilSettled(page);
  assertEquals(await isKept(), "2700");
  site.write("data.json", "2");
  await page.until("window.data === 2");
  await untilSettled(page);
  site.write("index.html", FILES["index.html"].replace("one", "two"));
  await page.until(`document.querySelector("h1")?.textContent === "two"`);
  await untilSettled(page);
  assertEquals(await page.evaluate(LOADS), 4);
  Deno.renameSync(site.path("index.html"), site.path("away.html"));
  await page.until(`document.title === "404 Not Found"`);
  await untilSettled(page);
  Deno.renameSync(site.path("away.html"), site.path("index.html"));
  await page.until(`document.querySelector("h1")?.textContent === "two"`);
  site.write("unused.js", "x");
  assertEquals(await page.evaluate(LOADS), 5);
});

Deno.test("a page reloads within 100 ms of a file's close, and once for a thousand changed files", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  const names = Array.from({ length: 1000 }, (_, i) => `data/${i}.json`);
  const index = `<!doctype html>${COUNT}<script>
onload = async () => {
  for (let i = 0; i < 1000; i += 100) await Promise.all(Array.from({ length: 100 }, (_, k) => fetch("data/" + (i + k) + ".json")));
  window.isDone = true;
}</script><p>`;
  await using live = await LiveSite.start(
    new Site({ "index.html": index, ...Object.fromEntries(names.map((name) => [name, "0"])) }),
  );
  await using page = await opened(browser, live);
  await page.until("window.isDone === true");
  const before = Number(await page.evaluate(LOADS));
  for (const name of names) live.site.write(name, "1");
  await page.until(`${LOADS} > ${before} && window.isDone === true`);
  await sleep(500); // a second reload would come now
  assertEquals(await page.evaluate(LOADS), before + 1);

  // The fastest of some: the machine may be busy with other tests.
  const delaysMs: number[] = [];
  live.site.write("index.html", "<!doctype html><p>0");
  for (let i = 1; i <= 8 && Math.min(...delaysMs) > 100 || i === 1; i++) {
    await page.until(`document.body?.textContent === "${i - 1}"`);
    await untilSettled(page);
    live.site.write("index.html", `<!doctype html><p>${i}`);
    const closedMs = performance.timeOrigin + performance.now();
    await page.until(`document.body?.textContent === "${i}"`);
    delaysMs.push(Number(await page.evaluate("performance.timeOrigin")) - closedMs);
  }
  assertLess(Math.min(...delaysMs), 100);
});

Deno.test("a page comes back after a restart, a frame reloads alone, and hidden pages catch up when they are shown", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  const site = new Site({
    "index.html":
      "<!doctype html><script src=app.js></script><p>outer<input id=input><iframe src=inner.html></iframe>",
    "app.js": "window.app = 1",
    "inner.html": "<!doctype html><p>inner",
    "tab.html": "<!doctype html><p>tab",
  });
  const port = freePort();
  const args = ["--cache-control", "max-age=3600"]; // by which a reload would take the browser's copy of a script
  let live = await LiveSite.start(site, args, site.root, port);
  await using page = await opened(browser, live, ["--disable-popup-blocking"]);
  const inner = `document.querySelector("iframe").contentDocument.body.textContent`;
  const typed = `document.getElementById("input")?.value`;
  await page.evaluate(`document.getElementById("input").value = "typed"`);
  site.write("inner.html", "<!doctype html><p>changed");
  await page.until(`${inner} === "changed"`);
  assertEquals(await page.evaluate(typed), "typed");

  await page.evaluate("window.tabs = Array.from({ length: 10 }, () => window.open('/tab.html')); 0");
  const shown = `tabs.filter((tab) => tab.document.visibilityState === "visible")`;
  await page.until(`tabs.every((tab) => tab.document.body?.textContent === "tab")`);
  site.write("tab.html", "<!doctype html><p>new");
  await page.until(`${shown}.every((tab) => tab.document.body?.textContent === "new")`);
  await page.evaluate("tabs.splice(1).forEach((tab) => tab.close()); 0");
  await page.until(`tabs[0].document.body?.textContent === "new"`);
  await page.evaluate("tabs[0].close(); 0");
  site.write("app.js", "window.app = 2");
  await page.until("window.app === 2");
  await untilSettled(page);
  await page.evaluate(`document.getElementById("input").value = "typed"`);

  await live.program[Symbol.asyncDispose]();
  live = await LiveSite.start(site, args, site.root, port);
  await sleep(1500); // the page is connected again, and has nothing to do
  assertEquals(await page.evaluate(typed), "typed");
  await live.program[Symbol.asyncDispose]();
  site.write("index.html", "<!doctype html><p>later");
  live = await LiveSite.start(site, args, site.root, port);
  await page.until(`document.body?.textContent === "later"`);
  await live[Symbol.asyncDispose]();
});

Deno.test("a page follows its files by polling, over HTTP/2, and under a strict policy", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  using certificates = new TestCertificates();
  const policy = `default-src 'none'; style-src 'self'; script-src 'sha256-${"A".repeat(43)}='`;
  await using live = await LiveSite.start(
    new Site({
      "index.html": "<!doctype html><link rel=stylesheet href=a.css><h1>one</h1>",
      "a.css": "h1 { color: rgb(1, 0, 0) }",
    }),
    ["--cache-validate", "stat", "-H", `Content-Security-Policy: ${policy}`, ...certificates.flags()],
  );
  await using page = await Page.start(browser, ["--ignore-certificate-errors"]);
  await page.open(`https://localhost:${live.program.port}/`);
  await untilSettled(page);
  assertEquals(await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"), "h2");
  live.site.write("a.css", "h1 { color: rgb(2, 0, 0) }");
  await page.until(`${style("color")} === "rgb(2, 0, 0)"`);
  live.site.write("index.html", "<!doctype html><h1>two</h1>");
  await page.until(`document.querySelector("h1").textContent === "two"`);
  assert(
    page.consoleMessages.every((message) => message.includes("favicon")),
    page.consoleMessages.join("\n"),
  );
});
