/**
 * A real browser loads the page that is served by default, and what pages load besides.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { findBrowser, QUIETLY, removeSoon } from "../support/browser.ts";
import { Program, REPOSITORY, Site } from "../support/program.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

/** Time as the page sees it. It stands still while the page waits for the server. */
const VIRTUAL_TIME_MS = 5_000;
const BROWSER_TIMEOUT_MS = 60_000;
const DONE = '<span lang="en">20 round trips done.</span>';
/** The page that is served by default, and what pages of other sites load besides. `data-arrived` says what came. */
const FILES = {
  "index.html": `${Deno.readTextFileSync(`${REPOSITORY}html/index.html`)}
<link rel="stylesheet" href="style.css"><img src="a.svg" alt=""><img src="b.svg" alt=""><script src="script.js"></script>`,
  "style.css": ":root { --arrived: style }",
  "a.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>',
  "b.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="440" height="470"/>',
  "script.js": `addEventListener("load", () => {
    const root = document.documentElement;
    const widths = [...document.images].map((image) => image.naturalWidth);
    root.dataset.arrived = [getComputedStyle(root).getPropertyValue("--arrived").trim(), ...widths].join(" ");
  });`,
};
const ARRIVED = 'data-arrived="style 64 440"';

/** The result of a visit. */
interface Visit {
  /** The document after its scripts have run. */
  readonly dom: string;
  /** The messages on the page's console: errors of scripts, and resources that the browser blocked. */
  readonly consoleMessages: readonly string[];
}

/** Visits `url`. `known` is the profile with earlier visits, or null. */
async function visit(browser: string, url: string, known: string | null = null): Promise<Visit> {
  const profile = known ?? await Deno.makeTempDir({ prefix: "epollet-browser-" });
  const args = [
    ...QUIETLY,
    "--enable-logging=stderr",
    `--user-data-dir=${profile}`,
    `--virtual-time-budget=${VIRTUAL_TIME_MS}`,
    "--dump-dom",
    url,
  ];
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), BROWSER_TIMEOUT_MS);
  try {
    const output = await new Deno.Command(browser, {
      args,
      stdout: "piped",
      stderr: "piped",
      signal: timeout.signal,
    }).output();
    const decoder = new TextDecoder();
    const log = decoder.decode(output.stderr);
    assert(output.success, `the browser failed or did not end: ${log}`);
    return {
      dom: decoder.decode(output.stdout),
      consoleMessages: log.split("\n").filter((line) => line.includes(":CONSOLE")),
    };
  } finally {
    clearTimeout(timer);
    if (known === null) await Deno.remove(profile, { recursive: true });
  }
}

/** Returns the text of the element with this id, if it contains only text. */
function textOf(dom: string, id: string): string {
  return new RegExp(`id="${id}"[^>]*>([^<]*)<`).exec(dom)?.[1] ?? "";
}

/** Visits the site through the program, or prints why it does not. */
async function withVisit(args: readonly string[], check: (visit: Visit) => void): Promise<void> {
  const browser = await findBrowser();
  if (browser === null) return;
  using site = new Site(FILES);
  await using program = await Program.start(site.root, ["--no-config", ...args]);
  check(await visit(browser, `http://127.0.0.1:${program.port}/`));
}

for (const poller of USABLE_POLLERS) {
  Deno.test(`a browser loads the page with a style sheet, a script and images through ${poller}`, async () => {
    await withVisit(["--poller", poller], ({ dom, consoleMessages }) => {
      assertEquals(consoleMessages, []);
      assertStringIncludes(dom, ARRIVED);
      assertStringIncludes(dom, DONE);
      assertEquals(textOf(dom, "poller"), poller);
      assertMatch(textOf(dom, "median"), /^\d+\.\d ms$/);
      assertEquals(textOf(dom, "connection"), "keep-alive");
      const [status, ...fields] = textOf(dom, "headers").split("\n");
      assertEquals(status, "200 OK");
      const { length: size } = new TextEncoder().encode(FILES["index.html"]);
      assert(fields.includes(`content-length: ${size}`), fields.join("\n"));
      assert(fields.includes("content-type: text/html; charset=UTF-8"), fields.join("\n"));
    });
  });
}

Deno.test("a browser loads the page when every response closes its connection", async () => {
  await withVisit(["--no-keep-alive"], ({ dom, consoleMessages }) => {
    assertEquals(consoleMessages, []);
    assertStringIncludes(dom, ARRIVED);
    assertStringIncludes(dom, DONE);
    assertEquals(textOf(dom, "connection"), "close");
  });
});

Deno.test("a page that becomes a directory is found by a browser with a cached redirect", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  using site = new Site({ "about.html": "<p id=p>page</p>" });
  await using program = await Program.start(site.root, ["--no-config", "--clean-urls"]);
  const profile = await Deno.makeTempDir({ prefix: "epollet-browser-" });
  try {
    const at = `http://127.0.0.1:${program.port}/about`;
    const first = await visit(browser, `${at}/`, profile);
    assertEquals(textOf(first.dom, "p"), "page");
    Deno.removeSync(site.path("about.html"));
    site.write("about/index.html", "<p id=p>index</p>");
    assertEquals(textOf((await visit(browser, at, profile)).dom, "p"), "index");
    assertEquals(textOf((await visit(browser, `${at}/`, profile)).dom, "p"), "index");
  } finally {
    await removeSoon(profile);
  }
});
