/**
 * A site over HTTP/2 and over HTTP/1.1: each request has the same status, fields and bytes by both.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { packSite } from "../../deploy/pack_site.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { SiteArchive } from "../../handlers/site/files/archive.ts";
import { type PollerName, type ServerSettings, staticHandler, type StaticOptions } from "../../mod.ts";
import { askEach, askHttp1, BothVersions, type Place } from "../support/both_versions.ts";
import { onAll, withServer } from "../support/serving.ts";
import { Site } from "../support/site.ts";
import { asksOf, learnTags, makeSite, settingsOf, SPA_HOST } from "../support/site_asks.ts";
import { TestCertificates } from "../support/test_certificates.ts";

const made = new TestCertificates();
const tls = made.make({ names: ["localhost", SPA_HOST] });
made[Symbol.dispose]();

/** Pollers that are tried by TLS; the others but epoll-edge, which is tried by both, without it. */
const SECURE_POLLERS: readonly PollerName[] = ["select", "epoll-level"];
/** The number of the next sample. */
let sample = 0;

/** The statuses that a site has. */
const STATUSES = [
  200,
  204,
  206,
  301,
  304,
  308,
  400,
  401,
  404,
  405,
  406,
  412,
  413,
  414,
  416,
  417,
  421,
  431,
  501,
];

/** What is asked for three times: a head is known from the third time on. */
const FIRST_KIND = "every kind of URL";

/** All asks take long. On the other pollers, and by TLS, one in so many is asked, on each another one. */
const SAMPLE = 6;

/**
 * Asks by both versions: for everything, or for one in {@linkcode SAMPLE}, from number `sample` on. Returns the statuses that
 * came. @throws {Error} with all differences
 */
async function compareAll(place: Place, sample: number | null = null): Promise<Set<number>> {
  const statuses = new Set<number>();
  const differences: string[] = [];
  const tags = await learnTags((ask) => askHttp1(place, ask));
  for (const [kind, asks] of Object.entries(asksOf(tags))) {
    const asked = asks.filter((_, i) => sample === null || i % SAMPLE === sample % SAMPLE);
    await askEach(place, asked, async (both, ask) => {
      try {
        statuses.add((await both.same(ask, kind === FIRST_KIND ? 3 : 1)).status);
      } catch (error) {
        differences.push(`${kind}: ${(error as Error).message}`);
      }
    });
  }
  assertEquals(differences, []);
  return statuses;
}

/** Serves a site while `test` runs. What the site has open is closed before the descriptors are counted. */
async function withSite(
  options: StaticOptions,
  settings: ServerSettings,
  test: (place: Place) => Promise<void>,
  poller?: PollerName,
): Promise<void> {
  const handler = staticHandler(options);
  await withServer({ http2: true, handler, bodyBytesMax: 100_000, ...settings }, async ({ port, errors }) => {
    try {
      await test(settings.tls === undefined ? { port } : { port, authority: tls.cert });
      assertEquals(errors, []);
    } finally {
      handler.close();
    }
  }, poller);
}

onAll(
  "a site gives the same status, fields and bytes over HTTP/2 as over HTTP/1.1, plain and by TLS",
  async (poller) => {
    using site = makeSite();
    for (const secure of [{}, { tls }] as { tls?: typeof tls }[]) {
      const isSecure = secure.tls !== undefined;
      const isWhole = poller === "epoll-edge" && !isSecure;
      if (poller !== "epoll-edge" && isSecure !== SECURE_POLLERS.includes(poller)) continue;
      await withSite(settingsOf(site), secure, async (place) => {
        const statuses = await compareAll(place, isWhole ? null : sample++);
        if (!isWhole) return;
        using both = await BothVersions.connect(place);
        const large = { method: "POST", target: "/a.txt", body: "x".repeat(100_001) };
        statuses.add((await both.same(large)).status);
        assertEquals(STATUSES.filter((status) => !statuses.has(status)), []);
      }, poller);
    }
  },
);

Deno.test("a site in an archive gives the same over HTTP/2 as over HTTP/1.1", async () => {
  using site = makeSite();
  using folder = new Site();
  {
    using file = Deno.openSync(folder.path("archive"), { write: true, createNew: true });
    packSite(site.root, file);
  }
  const directory = openDirectory(folder.root);
  const fd = openBeneathByWalking(directory, cString("archive"));
  close(directory);
  try {
    const root = new SiteArchive(fd, 0);
    await withSite({ ...settingsOf(site), root, hosts: new Map() }, {}, async (place) => {
      const statuses = await compareAll(place);
      assert([200, 206, 304, 404].every((status) => statuses.has(status)));
    });
  } finally {
    close(fd);
  }
});
