/**
 * A page over a line of 8 Mbit/s and 50 ms, in a real browser, by HTTP/2; also from other servers, if they are installed.
 *
 * The browser asks for the first images with the urgency of the style sheet, `u=2`, but as incremental ones, and for some of
 * them a tenth of a second earlier. Times are compared with those of another server only, each the best of a few rounds.
 * @module
 */
import { assertEquals } from "@std/assert";
import { findBrowser } from "../support/browser.ts";
import { patient } from "../support/deadline.ts";
import {
  GALLERY_FILES,
  loadImages,
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
/** Rounds are added until the times are as they should be, because a busy machine only makes them longer. */
const [ROUNDS, ROUNDS_MAX] = [3, 8];
/** What a time may be of that of h2o. Of an idle machine's, that of the style sheet is 0.6, and of the first image 1.2. */
const RATIO_MAX = 1.5;

type Time = "styleMs" | "scriptMs" | "firstImageMs" | "lastImageMs";

Deno.test(
  "a browser gets the style sheet and the script of a page before images that it asks for later, and as early as from other servers",
  patient(600, async () => {
    const browser = await findBrowser();
    if (browser === null) return;
    using site = new Site(PAGE_FILES);
    using certificates = new TestCertificates();
    const { cert, key, flag } = pageCertificate(certificates);
    const place = { root: site.root, cert, key };
    const servers: { readonly name: string; readonly server: PageServer; readonly loads: PageTimes[] }[] = [];
    const best = (name: string, time: Time): number | undefined => {
      const loads = servers.find((one) => one.name === name)?.loads;
      return loads && Math.round(Math.min(...loads.map((times) => times[time])));
    };
    /** Returns the times that are too long beside those of h2o, if that is installed. */
    const slower = (): string[] =>
      (["styleMs", "firstImageMs"] as const)
        .map((time) => ({ time, own: best("epollet", time)!, h2o: best("h2o", time) ?? Infinity }))
        .filter(({ own, h2o }) => own > h2o * RATIO_MAX)
        .map(({ time, own, h2o }) => `${time}: ${own}, of h2o ${h2o}`);
    try {
      for (
        const [name, start] of [
          ["epollet", () => startOwn(place)],
          ...Object.entries(peers(certificates, place)),
        ] as const
      ) {
        servers.push({ name, server: await start(), loads: [] });
      }
      for (let round = 0; round < ROUNDS || (round < ROUNDS_MAX && slower().length > 0); round++) {
        for (const { server, loads } of servers) {
          await using line = new SlowLine(server.port, LINE);
          loads.push(await loadPage(browser, flag, line.port));
        }
      }
    } finally {
      for (const { server } of servers) await server[Symbol.asyncDispose]();
    }
    for (const { name } of servers) {
      const times = (["styleMs", "scriptMs", "firstImageMs", "lastImageMs"] as const).map((time) =>
        best(name, time)
      );
      const [style, script, first, last] = times;
      console.log(
        `${name}: style sheet ${style} ms, script ${script} ms, first image ${first} ms, last image ${last} ms`,
      );
    }
    for (const { protocols, overtaking } of servers[0]!.loads) {
      assertEquals(protocols, ["h2"]);
      assertEquals(overtaking, []);
    }
    assertEquals(slower(), []);
  }),
);

Deno.test("a browser gets a page with 150 visible images, more than it may ask for at once", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  using site = new Site(GALLERY_FILES);
  using certificates = new TestCertificates();
  const { cert, key, flag } = pageCertificate(certificates);
  await using server = await startOwn({ root: site.root, cert, key });
  await using line = new SlowLine(server.port, LINE);
  await loadImages(browser, flag, line.port);
});
