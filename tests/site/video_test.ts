/**
 * A page with a video seeks in a real browser.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { staticHandler } from "../../handlers/static.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { findBrowser, showUntil } from "../support/browser.ts";
import { Site } from "../support/program.ts";
import { withServer } from "../support/serving.ts";
import { type Colour, film } from "../support/webm.ts";

const BROWSER_TIMEOUT_MS = 60_000;
const SECONDS = 60;
/** So much that a browser does not fetch parts that it does not show. */
const SECOND_BYTES = 700_000;
/** The times that the page seeks to, in this order, and the colours that it should see there. */
const LOOKS: readonly (readonly [second: number, colour: Colour])[] = [[55, "blue"], [20, "red"], [
  40,
  "blue",
]];

/** Returns the colour of each second: blue for those that the page should see as blue, else red. */
function colours(): Colour[] {
  const blue = LOOKS.filter(([, colour]) => colour === "blue").map(([second]) => second);
  return Array.from({ length: SECONDS }, (_, second) => blue.includes(second) ? "blue" : "red");
}

/** Seeks from one time to the next, and tells at the end which colours it saw. */
const PAGE = `<!doctype html><title>Film</title>
<video id="film" src="film.webm" muted preload="metadata" width="32" height="32"></video>
<script>
  const film = document.getElementById("film");
  const canvas = document.createElement("canvas").getContext("2d");
  const once = (name) => new Promise((resolve, reject) => {
    film.addEventListener(name, resolve, { once: true });
    film.addEventListener("error", () => reject(film.error.message), { once: true });
  });
  const say = (what) => fetch("/done?" + encodeURIComponent(what));
  async function look() {
    if (film.readyState === 0) await once("loadedmetadata");
    const seen = [String(film.duration), String(film.seekable.length === 1 && film.seekable.end(0) === film.duration)];
    for (const [second, expected] of ${JSON.stringify(LOOKS)}) {
      const seeked = once("seeked");
      film.currentTime = second + 0.5;
      await seeked;
      let colour;
      const soon = (next) => setTimeout(next, 50);
      for (let look = 0; look < 100 && colour !== expected; look++) { // the frame is shown a moment after the event
        if (look > 0) await new Promise(soon);
        canvas.drawImage(film, 0, 0);
        const [red, , blue] = canvas.getImageData(16, 16, 1, 1).data;
        colour = red > 2 * blue ? "red" : blue > 2 * red ? "blue" : "neither";
      }
      seen.push(colour);
    }
    return seen.join(" ");
  }
  look().then(say, (error) => say("failed: " + error));
</script>`;

for (
  const [where, options] of [["on disk", {}], ["in memory", { cacheFileSize: 64 * 1024 * 1024 }]] as const
) {
  Deno.test(`a browser seeks in a video by ranges, without fetching the parts between (${where})`, async () => {
    const browser = await findBrowser();
    if (browser === null) return;
    const bytes = film(colours(), SECOND_BYTES);
    using site = new Site({ "index.html": PAGE, "film.webm": bytes });
    const files = staticHandler({ root: site.root, compress: true, compressLevel: 6, ...options });
    const ranges: string[] = [];
    const statuses = new Set<number>();
    const done = Promise.withResolvers<string>();
    const timer = setTimeout(
      () => done.reject(new Error("the page never said what it saw")),
      BROWSER_TIMEOUT_MS,
    );
    const handler: Handler = async (request, context) => {
      if (request.path === "/done") {
        done.resolve(decodeURIComponent(request.query.slice(1)));
        return new HttpResponse(204, [], null);
      }
      const [path, range] = [request.path, request.header("range")];
      const response = await files(request, context);
      if (path === "/film.webm") {
        ranges.push(range ?? "everything");
        statuses.add(response.status);
      }
      return response;
    };
    try {
      await withServer({ handler }, async ({ port, errors }) => {
        const seen = await showUntil(browser, `http://127.0.0.1:${port}/`, done.promise);
        assertEquals(seen, [SECONDS, true, ...LOOKS.map(([, colour]) => colour)].join(" "));
        assertEquals(errors, []);
      });
    } finally {
      clearTimeout(timer);
      files.close();
    }
    assert(statuses.has(206) && !statuses.has(200), [...statuses].join(" ")); // 304 for parts that it has
    const starts = ranges.map((range) => Number(/^bytes=(\d+)-/.exec(range)?.[1] ?? NaN));
    for (const [second] of LOOKS) {
      const at = second * SECOND_BYTES;
      const isNear = starts.some((start) => start > at - 5 * SECOND_BYTES && start <= at + SECOND_BYTES);
      assert(isNear, `no range begins shortly before second ${second}: ${ranges.join(" ")}`);
    }
  });
}
