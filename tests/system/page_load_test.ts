/**
 * A page over a line of 8 Mbit/s and 50 ms, in a real browser, by HTTP/2. The times are printed, beside those of other servers
 * if they are installed; what is tested is the order.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { findBrowser } from "../support/browser.ts";
import {
  loadPage,
  PAGE_FILES,
  pageCertificate,
  type PageServer,
  type PageTimes,
  peers,
  startOwn,
} from "../support/page_load.ts";
import { Site } from "../support/site.ts";
import { type Line, SlowLine } from "../support/slow_line.ts";
import { TestCertificates } from "../support/test_certificates.ts";

const LINE: Line = { roundTripMs: 50, bytesPerSecond: 1_000_000 };

Deno.test("a browser gets the style sheet and the script of a page before its images, although they are named behind them", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  using site = new Site(PAGE_FILES);
  using certificates = new TestCertificates();
  const { cert, key, flag } = pageCertificate(certificates);
  const place = { root: site.root, cert, key };
  const load = async (start: () => Promise<PageServer>): Promise<PageTimes> => {
    await using server = await start();
    await using line = new SlowLine(server.port, LINE);
    return await loadPage(browser, flag, line.port);
  };
  const own = await load(() => startOwn(place));
  const lines: [name: string, times: PageTimes][] = [["epollet", own]];
  for (const [name, start] of Object.entries(peers(certificates, place))) {
    lines.push([name, await load(start)]);
  }
  for (const [name, { styleMs, scriptMs, firstImageMs, lastImageMs }] of lines) {
    const [style, script, first, last] = [styleMs, scriptMs, firstImageMs, lastImageMs].map(Math.round);
    console.log(
      `${name}: style sheet ${style} ms, script ${script} ms, first image ${first} ms, last image ${last} ms`,
    );
  }
  assertEquals(own.protocols, ["h2"]);
  assert(own.styleMs < own.firstImageMs, `${own.styleMs}, ${own.firstImageMs}`);
  assert(own.scriptMs < own.firstImageMs, `${own.scriptMs}, ${own.firstImageMs}`);
});
