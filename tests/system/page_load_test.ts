/**
 * A page over a line of 8 Mbit/s and 50 ms, in a real browser, by HTTP/2; also from other servers, if they are installed.
 *
 * The browser asks for the first images with the urgency of the style sheet, `u=2`, but as incremental ones, and for some of
 * them a tenth of a second earlier. Times are compared with those of another server only, each the best of a few rounds.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
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
const ROUNDS = 3;
/** What a measured time may exceed another one by, because the machine is busy. */
const STYLE_RATIO_MAX = 1.1;
/** h2o sends the images one after the other, and not in turn as the browser asks: so its first one is complete earlier. */
const IMAGE_RATIO_MAX = 1.5;

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
    try {
      for (
        const [name, start] of [
          ["epollet", () => startOwn(place)],
          ...Object.entries(peers(certificates, place)),
        ] as const
      ) {
        servers.push({ name, server: await start(), loads: [] });
      }
      for (let round = 0; round < ROUNDS; round++) {
        for (const { server, loads } of servers) {
          await using line = new SlowLine(server.port, LINE);
          loads.push(await loadPage(browser, flag, line.port));
        }
      }
    } finally {
      for (const { server } of servers) await server[Symbol.asyncDispose]();
    }
    const best = (name: string, time: Time): number | undefined => {
      const loads = servers.find((one) => one.name === name)?.loads;
      return loads && Math.round(Math.min(...loads.map((times) => times[time])));
    };
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
    for (
      const [time, ratioMax] of [["styleMs", STYLE_RATIO_MAX], ["firstImageMs", IMAGE_RATIO_MAX]] as const
    ) {
      const [own, h2o] = [best("epollet", time)!, best("h2o", time) ?? Infinity];
      assert(own <= h2o * ratioMax, `${time}: ${own}, of h2o ${h2o}`);
    }
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
