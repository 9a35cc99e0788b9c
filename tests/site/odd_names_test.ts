/**
 * File systems that find a name also under other spellings than the listed one: in another case, in another normal
 * form, by a short name, with dots and spaces at its end. A name that is not listed byte for byte is 404.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { OddNames, withSite } from "../support/odd_names.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { runProgram, Site } from "../support/program.ts";
import { summary } from "../support/served_site.ts";
import { sleep } from "../support/sleep.ts";
import { get } from "../support/wire.ts";

const SECRET = "the secret";
const ANN = basic("ann", "right");
/** After this time, what has not changed may be cached (CACHE_SETTLE_SECONDS, and a second for the clock). */
const SETTLED_MS = 3200;
const MODES = ["auto", "inotify", "stat", "off"] as const;

const FILES = {
  "index.html": "home",
  "404.html": "[missing]",
  "about.html": "about",
  "private/secret.txt": SECRET,
  "private/index.html": SECRET,
  "app.js": "script",
  "APP.js.GZ": "a form of it under another name",
  "good.js": "good",
  "good.js.gz": "packed",
  "only.css.BR": "only",
  "upper/INDEX.HTML": "index",
  "documents/long name.html": "long",
  "caf\u00e9/\u00e9.txt": "composed",
  "epollet.json.bak": SECRET,
  "EPOLLET.JSON~": SECRET,
  ".hidden/x": SECRET,
};
const CONFIG = {
  cleanUrls: true,
  browse: true,
  auth: [{ source: "/private/**", realm: "P", users: { ann: hashOf("right") } }],
  rewrites: [
    { source: "/way", destination: "/PRIVATE/secret.txt" },
    { source: "/lost/**", destination: "/About.html", ifMissing: true },
    { source: "/good", destination: "/about.html" },
  ],
};

const encode = (path: string) => encodeURI(path).replaceAll("%25", "%");

/** Targets and their responses, requested again when the head is recognized, and when the file may be in memory. */
const ROWS: readonly (readonly [target: string, expected: string])[] = [
  ["/", "200 home"],
  ["/private/secret.txt", "401"],
  ["/Private/secret.txt", "404 [missing]"],
  ["/PRIVATE/SECRET.TXT", "404 [missing]"],
  ["/Private/", "404 [missing]"],
  ["/Private", "404 [missing]"],
  ["/Private/index", "404 [missing]"],
  ["/private./secret.txt", "404 [missing]"],
  ["/private%20/secret.txt", "404 [missing]"],
  ["/about", "200 about"],
  ["/About", "404 [missing]"],
  ["/about.HTML", "404 [missing]"],
  ["/about.html.", "404 [missing]"],
  ["/app.js", "200 script"],
  ["/app.js.gz", "404 [missing]"],
  ["/app.JS", "404 [missing]"],
  ["/only.css", "404 [missing]"],
  ["/only.css.br", "404 [missing]"],
  ["/INDEX.html", "404 [missing]"],
  ["/upper/index.html", "404 [missing]"],
  ["/documents/long%20name", "200 long"],
  ["/DOCUME~1/long%20name", "404 [missing]"],
  ["/documents/LONGNA~1.HTM", "404 [missing]"],
  ["/documents/long%20~1.htm", "404 [missing]"],
  [encode("/caf\u00e9/\u00e9.txt"), "200 composed"],
  [encode("/cafe\u0301/\u00e9.txt"), "404 [missing]"],
  [encode("/caf\u00e9/e\u0301.txt"), "404 [missing]"],
  [encode("/caf\u00c9/\u00e9.txt"), "404 [missing]"],
  ["/EPOLLET.json.bak", "404 [missing]"],
  ["/epollet.json.bak", "404 [missing]"],
  ["/EPOLLET.JSON~", "404 [missing]"],
  ["/EPOLLE~1.BAK", "404 [missing]"],
  ["/HIDDEN~1/x", "404 [missing]"],
  ["/way", "404 [missing]"],
  ["/lost/x", "404 [missing]"],
  ["/good", "200 about"],
  ["/nothing", "404 [missing]"],
];

for (const mode of MODES) {
  Deno.test(`where other spellings are found, only the listed one is served (${mode})`, async () => {
    await using mount = await OddNames.mount(FILES);
    if (mount === null) return;
    assertEquals(Deno.readTextFileSync(mount.at("PRIVATE/Secret.txt")), SECRET, "the file system finds it");
    assertEquals(Deno.readTextFileSync(mount.at("cafe\u0301/E\u0301.TXT")), "composed");
    assertEquals(Deno.readTextFileSync(mount.at("docume~1/LONG N~1.HTM.")), "long");
    Deno.symlinkSync("Documents", mount.site.path("link"));
    await withSite(mount.path, CONFIG, ["--cache-validate", mode], async (ask) => {
      for (let round = 0; round < 2; round++) {
        for (const [target, expected] of ROWS) {
          for (let i = 0; i < 3; i++) {
            const answer = await ask(get(target));
            assertEquals(summary(answer), expected, `${target}, ${round}`);
            assert(!answer.text.includes(SECRET));
          }
        }
        await sleep(SETTLED_MS / 2);
      }
      assertEquals(summary(await ask(get("/private/secret.txt", ANN))), `200 ${SECRET}`);
      assertEquals(summary(await ask(get("/Private/secret.txt", ANN))), "404 [missing]");
      for (const line of ["Range: bytes=0-2", "If-None-Match: *", 'If-Match: "x"']) {
        assertEquals((await ask(get("/App.js", line))).status, 404, line);
      }
      assertEquals((await ask("HEAD /App.js HTTP/1.1\r\nHost: x\r\n\r\n")).status, 404);
      // A compressed form counts only under its exact name.
      const gzip = "Accept-Encoding: gzip";
      assertEquals((await ask(get("/app.js", gzip))).fields["content-encoding"], undefined);
      assertEquals((await ask(get("/good.js", gzip))).fields["content-encoding"], "gzip");
      const listing = await ask(get("/upper/"));
      assertMatch(listing.text, /href="INDEX.HTML"/, "it has no index.html, and is listed");
      assertEquals((await ask(get("/Upper/"))).status, 404);
      assertEquals((await ask(get("/upper"))).fields.location, "/upper/");
      assertEquals((await ask(get("/Upper"))).status, 404);
      // Clients cannot choose the target of a link.
      assertEquals(summary(await ask(get("/link/long%20name"))), "200 long");
      for (const target of ["/Link/long%20name", "/link/Long%20name"]) {
        assertEquals(summary(await ask(get(target))), "404 [missing]", target);
      }
    });
  });
}

for (const mode of ["auto", "inotify"]) {
  Deno.test(`a name that only changes its case, or that of its directory, is found under the new one at once (${mode})`, async () => {
    await using mount = await OddNames.mount({ "d/e/a.txt": "a", "d/e/b.txt": "b", "other.txt": "other" });
    if (mount === null) return;
    await sleep(SETTLED_MS);
    await withSite(mount.path, {}, ["--cache-validate", mode], async (ask) => {
      const names = ["d", "D"];
      const files = ["a.txt", "A.txt"];
      for (let i = 0; i < 6; i++) {
        const [old, now] = [i % 2, (i + 1) % 2];
        for (const [target, status] of [[`/${names[old]}/e/b.txt`, 200], [`/${names[now]}/e/b.txt`, 404]]) {
          for (let k = 0; k < 3; k++) {
            assertEquals((await ask(get(String(target)))).status, status, `${target}`);
          }
        }
        if (i === 3) await sleep(SETTLED_MS);
        Deno.renameSync(mount.at(names[old]!), mount.at(names[now]!));
        assertEquals((await ask(get(`/${names[old]}/e/b.txt`))).status, 404, "its directory's old name");
        assertEquals((await ask(get(`/${names[now]}/e/b.txt`))).text, "b");
        const directory = names[now] + "/e/";
        for (let k = 0; k < 2; k++) assertEquals((await ask(get(`/${directory}${files[old]}`))).text, "a");
        if (i === 3) await sleep(SETTLED_MS);
        Deno.renameSync(mount.at(directory + files[old]), mount.at(directory + files[now]));
        assertEquals((await ask(get(`/${directory}${files[old]}`))).status, 404, "its old name");
        assertEquals((await ask(get(`/${directory}${files[now]}`))).text, "a");
      }
      for (let i = 0; i < 30; i++) {
        assertEquals((await ask(get(`/new${i}.txt`))).status, 404);
        Deno.writeTextFileSync(mount.at(`new${i}.txt`), "new");
        assertEquals((await ask(get(`/new${i}.txt`))).text, "new");
        assertEquals((await ask(get(`/New${i}.txt`))).status, 404);
      }
    });
  });
}

Deno.test("other spellings are not served below a directory with such a mount, nor behind a link to there", async () => {
  using site = new Site({ "index.html": "home", "x/y.txt": "y" });
  await using mount = await OddNames.mount(FILES, site.path("mnt"));
  if (mount === null) return;
  Deno.symlinkSync("mnt/private", site.path("in"));
  const config = { auth: [{ source: "/mnt/private/**", realm: "P", users: { ann: hashOf("right") } }] };
  await withSite(site.root, config, [], async (ask) => {
    for (
      const [target, expected] of [
        ["/mnt/private/secret.txt", "401"],
        ["/mnt/Private/secret.txt", "404"],
        ["/mnt/about.html", "200 about"],
        ["/mnt/About.html", "404"],
        ["/in/secret.txt", `200 ${SECRET}`], // the owner has published it by the link
        ["/in/Secret.txt", "404"],
        ["/x/y.txt", "200 y"],
      ]
    ) {
      for (let i = 0; i < 3; i++) assertEquals(summary(await ask(get(target!))), expected, target);
    }
  });
});

Deno.test("an overlay finds names as the file system below it does: only the listed ones are served", async () => {
  await using mount = await OddNames.mount(FILES);
  if (mount === null) return;
  using site = new Site({ "u/x": "", "w/x": "", "m/x": "" });
  Deno.removeSync(site.path("m/x"));
  const options = `lowerdir=${mount.path}:${site.path("u")}`;
  const { success } = new Deno.Command("mount", {
    args: ["-t", "overlay", "none", "-o", options, site.path("m")],
    stderr: "null",
  }).outputSync();
  if (!success) return console.log("skipped: this kernel lays no overlay over FUSE");
  try {
    assertEquals(Deno.readTextFileSync(site.path("m/PRIVATE/secret.txt")), SECRET);
    await withSite(site.path("m"), CONFIG, [], async (ask) => {
      assertEquals((await ask(get("/private/secret.txt"))).status, 401);
      assertEquals((await ask(get("/Private/secret.txt"))).status, 404);
      assertEquals(summary(await ask(get("/about"))), "200 about");
    });
  } finally {
    new Deno.Command("umount", { args: ["-l", site.path("m")] }).outputSync();
  }
});

Deno.test("--spa, --explain and error pages use only listed names, too", async () => {
  await using mount = await OddNames.mount({
    "INDEX.html": "app",
    "app.html": "app",
    "404.HTML": "[missing]",
  });
  if (mount === null) return;
  const navigation = "Accept: text/html";
  for (const [spa, expected] of [["/app.html", "200 app"], ["/App.html", "404"], ["/index.html", "404"]]) {
    await withSite(mount.path, { spa }, [], async (ask) => {
      for (let i = 0; i < 2; i++) assertEquals(summary(await ask(get("/x", navigation))), expected, spa);
    });
  }
  const explained = await runProgram(["--root", mount.path, "--no-config", "--explain", "/App.html"]);
  assertMatch(explained.stdout, /reason +the file system finds it, but its directory does not list it/);
  assertMatch(explained.stdout, /404 Not Found/);
});
