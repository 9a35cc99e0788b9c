/**
 * `--live`: which changes a page learns of, and when.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { liveHandler, serve } from "../../mod.ts";
import { LIVE_WRITING_MS_MAX } from "../../handlers/site/limits.ts";
import { LiveSite } from "../support/live.ts";
import { Site } from "../support/program.ts";
import { eventually } from "../support/waiting.ts";

const FILES = {
  "index.html": "<p>index",
  "a.css": "a",
  "b.css": "b",
  "d/page.html": "page",
  "d/list/one.txt": "1",
};

/** Loads `paths`, and returns each with the state before it was loaded. */
async function loaded(live: LiveSite, paths: readonly string[]): Promise<Record<string, string>> {
  const state = await live.load("/");
  await Promise.all(paths.map((path) => live.load(path)));
  return Object.fromEntries(paths.map((path) => [path, state]));
}

Deno.test("a change is told once the file is complete, and of the files that changed", async () => {
  await using live = await LiveSite.start(new Site(FILES));
  const known = await loaded(live, ["/", "/a.css", "/b.css"]);
  await live.listen();
  assertEquals(await live.changedOf(known), []);
  const file = await Deno.open(live.site.path("a.css"), { write: true, truncate: true });
  file.writeSync(new Uint8Array(10));
  await eventually(async () => !(await live.ask(known)).isComplete, "an open file is not noticed");
  file.writeSync(new Uint8Array(10));
  assertEquals((await live.ask(known)).isComplete, false);
  file.close();
  await live.event();
  assertEquals(await live.changedOf(known), ["/a.css"]);
  const { tokens } = await live.ask(known);
  assertEquals(await live.changedOf({ "/": tokens[0]!, "/a.css": tokens[1]! }), []);
});

Deno.test("each of many writes is told at once, whatever poller waits, and a server that stops ends the stream", async () => {
  for (const poller of ["naive", "poll", "epoll-edge"] as const) {
    await using live = await LiveSite.start(new Site(FILES), ["--poller", poller]);
    const known = await loaded(live, ["/a.css"]);
    await live.listen();
    const startMs = performance.now();
    for (let i = 0; i < 12; i++) {
      live.site.write("a.css", "x".repeat(i + 2));
      await live.event();
    }
    assertLess(performance.now() - startMs, LIVE_WRITING_MS_MAX, `${poller}: an end of a write was missed`);
    assertEquals(await live.changedOf(known), ["/a.css"]);
    live.program.kill("SIGTERM");
    await live.program.finish();
    assertLess(performance.now() - startMs, 2 * LIVE_WRITING_MS_MAX, poller);
  }
});

Deno.test("another file that is open for writing holds a change back, but not for long", async () => {
  await using live = await LiveSite.start(new Site(FILES));
  const known = await loaded(live, ["/a.css", "/b.css"]);
  await live.listen();
  const log = await Deno.open(live.site.path("b.css"), { append: true });
  log.writeSync(new Uint8Array(1));
  live.site.write("a.css", "complete");
  assertEquals((await live.ask(known)).isComplete, false);
  await live.event(); // after two seconds, since such a file may stay open for good
  assertEquals(await live.changedOf(known), ["/a.css"]);
  log.close();
  await live.event();
  assertEquals(await live.changedOf({ "/b.css": known["/b.css"]! }), ["/b.css"]);
});

Deno.test("new, renamed and removed files, links and directories change what depends on them", async () => {
  const rows: [what: string, changed: readonly string[], change: (site: Site) => void][] = [
    ["a file that was missing", ["/new.js"], (site) => site.write("new.js", "x")],
    ["a rename over a file", ["/a.css"], (site) => {
      site.write("a.css.tmp", "new");
      Deno.renameSync(site.path("a.css.tmp"), site.path("a.css"));
    }],
    ["a file that is removed", ["/a.css"], (site) => Deno.removeSync(site.path("a.css"))],
    [
      "a file that is moved away",
      ["/b.css"],
      (site) => Deno.renameSync(site.path("b.css"), site.path("c.css")),
    ],
    [
      "a directory that is moved",
      ["/d/page.html", "/d/list/"],
      (site) => Deno.renameSync(site.path("d"), site.path("e")),
    ],
    ["an index that comes", ["/d/list/"], (site) => site.write("d/list/index.html", "x")],
    ["an entry of a listing", ["/d/list/"], (site) => site.write("d/list/two.txt", "x")],
    ["the size of an entry", ["/d/list/"], (site) => site.write("d/list/one.txt", "longer")],
    ["a directory in a listing", ["/d/list/"], (site) => Deno.mkdirSync(site.path("d/list/three"))],
    ["a hidden entry", [], (site) => site.write("d/list/.one.swp", "x")],
    ["a file by a link", ["/new.js"], (site) => Deno.linkSync(site.path("index.html"), site.path("new.js"))],
    ["a symbolic link", ["/new.js"], (site) => Deno.symlinkSync("a.css", site.path("new.js"))],
    ["a file that no page used", [], (site) => site.write("d/unused.txt", "x")],
    ["an error page", ["/new.js"], (site) => site.write("404.html", "x")],
    [
      "a write that changes nothing",
      [],
      (site) => Deno.openSync(site.path("a.css"), { append: true }).close(),
    ],
  ];
  const live = await LiveSite.start(new Site(FILES), ["--browse"]);
  for (const [what, changed, change] of rows) {
    for (const name of [...Deno.readDirSync(live.site.root)]) {
      Deno.removeSync(live.site.path(name.name), { recursive: true });
    }
    for (const [name, content] of Object.entries(FILES)) live.site.write(name, content);
    const known = await loaded(live, ["/a.css", "/b.css", "/d/page.html", "/d/list/", "/new.js"]);
    const { changed: before, tokens } = await live.ask(known);
    assertEquals(before, [], `${what}: before`);
    change(live.site);
    assertEquals(await live.changedOf(known), changed, what);
    const byToken = Object.fromEntries(Object.keys(known).map((path, i) => [path, tokens[i]!]));
    assertEquals(await live.changedOf(byToken), changed, `${what}: by tokens`);
  }
  await live[Symbol.asyncDispose]();
});

Deno.test("a rewrite, a clean URL, a redirect and an application's page change with the file that they lead to", async () => {
  const site = new Site({ ...FILES, "app.html": "app" });
  site.write(
    "epollet.json",
    JSON.stringify({
      spa: "/app.html",
      cleanUrls: true,
      rewrites: [{ source: "/styles/*", destination: "/$1.css" }],
      redirects: [{ source: "/old", destination: "/d/page", status: 302 }],
    }),
  );
  await using live = await LiveSite.start(site, ["--config", site.path("epollet.json")]);
  const known = await loaded(live, ["/styles/a", "/d/page", "/old", "/users/7", "/"]);
  const change = async (name: string) => {
    site.write(name, `changed ${name}`);
    return await live.changedOf(known);
  };
  assertEquals(await change("a.css"), ["/styles/a"]);
  assertEquals(await change("d/page.html"), ["/styles/a", "/d/page", "/old"]);
  assertEquals(await change("app.html"), ["/styles/a", "/d/page", "/old", "/users/7"]);
});

Deno.test("a root that is removed and made again, and one that is a link, are followed in the sandbox", async () => {
  for (const isLink of [false, true]) {
    const site = new Site({ "one/index.html": "1", "two/index.html": "2" });
    if (isLink) Deno.symlinkSync("one", site.path("root"));
    else Deno.renameSync(site.path("one"), site.path("root"));
    await using live = await LiveSite.start(site, [], site.path("root"));
    const known = { "/": await live.load("/") };
    await live.listen();
    if (isLink) {
      Deno.symlinkSync("two", site.path("next"));
      Deno.renameSync(site.path("next"), site.path("root"));
    } else {
      Deno.removeSync(site.path("root"), { recursive: true });
      await live.event();
      assertEquals(await live.changedOf(known), ["/"]);
      Deno.renameSync(site.path("two"), site.path("root"));
    }
    await live.event();
    assertEquals(await live.changedOf(known), ["/"]);
    assertEquals(await (await fetch(live.urlOf("/"))).text().then((text) => text.slice(-1)), "2");
    // The new directory is watched, too.
    const next = { "/": await live.load("/") };
    assertEquals(await live.changedOf(next), []);
    site.write("root/index.html", "3");
    await live.event();
    assertEquals(await live.changedOf(next), ["/"]);
  }
});

Deno.test("after a restart a page learns what has changed meanwhile, and nothing else", async () => {
  const site = new Site(FILES);
  const tokens: Record<string, string> = {};
  let state = "";
  const paths = ["/", "/a.css", "/none.js"];
  {
    const live = await LiveSite.start(site);
    const known = await loaded(live, paths);
    const answer = await live.ask(known);
    paths.forEach((path, i) => tokens[path] = answer.tokens[i]!);
    state = answer.state;
    await live.program[Symbol.asyncDispose]();
  }
  await using live = await LiveSite.start(site);
  assertEquals(await live.changedOf(tokens), []);
  assertEquals(await live.changedOf({ "/": state }), ["/"], "a state of another process says nothing");
  site.write("a.css", "new");
  assertEquals(await live.changedOf(tokens), ["/a.css"]);
});

Deno.test("after a reload of the settings, pages are told as before", async () => {
  const site = new Site(FILES);
  const conf = site.path("epollet.json");
  site.write("epollet.json", JSON.stringify({ live: true }));
  await using live = await LiveSite.start(site, ["--config", conf]);
  const known = await loaded(live, ["/a.css"]);
  const { tokens } = await live.ask(known);
  site.write("epollet.json", JSON.stringify({ live: true, compress: true }));
  live.program.kill("SIGHUP");
  await live.program.printed(/Settings read again/);
  await live.listen();
  await loaded(live, ["/a.css"]);
  assertEquals(await live.changedOf({ "/a.css": tokens[0]! }), []);
  site.write("a.css", "changed");
  await live.event();
  assertEquals(await live.changedOf({ "/a.css": tokens[0]! }), ["/a.css"]);
});

Deno.test("a handler without a loop has pages ask again and again", async () => {
  using site = new Site(FILES);
  const files = liveHandler({ root: site.root });
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    handler: (request, context) => files(request, context),
  });
  const url = `http://127.0.0.1:${server.addr.port}/`;
  await (await fetch(url)).text();
  const ask = async () => {
    const body = JSON.stringify({ paths: ["/"], baselines: [token] });
    return await (await fetch(`${url}.epollet/changes`, { method: "POST", body })).json();
  };
  let token = "";
  const first = await ask();
  assertEquals(first.isPolled, true);
  token = first.tokens[0];
  assertEquals((await ask()).changed, []);
  site.write("index.html", "changed");
  assertEquals((await ask()).changed, [0]);
  await server.shutdown();
  files.close();
});

Deno.test("where the kernel reports no changes, questions look at the files of the page", async () => {
  const site = new Site(FILES);
  Deno.symlinkSync("a.css", site.path("link.css"));
  for (const [args, isPolled] of [[["--cache-validate", "stat"], true], [[], false]] as const) {
    await using live = await LiveSite.start(new Site(FILES), args);
    const known = await loaded(live, ["/", "/a.css"]);
    assertEquals((await live.ask(known)).isPolled, isPolled);
    live.site.write("a.css", "changed");
    assertEquals(await live.changedOf(known), ["/a.css"]);
    const next = await loaded(live, ["/", "/a.css"]);
    assertEquals(
      await live.changedOf(next),
      [],
      "an older change is none for a page that was loaded after it",
    );
  }
  await using live = await LiveSite.start(site);
  const known = await loaded(live, ["/link.css"]);
  assertEquals((await live.ask(known)).isPolled, true, "changes behind a link are not reported");
  site.write("a.css", "changed");
  assertEquals(await live.changedOf(known), ["/link.css"]);
});

Deno.test("a thousand changed files are few events, and one change", async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `f/${i}.js`);
  await using live = await LiveSite.start(
    new Site({ ...FILES, ...Object.fromEntries(names.map((n) => [n, "0"])) }),
  );
  const known = await loaded(live, names.map((name) => `/${name}`));
  await live.listen();
  for (const name of names) live.site.write(name, "1");
  await live.event();
  await eventually(async () => (await live.changedOf(known)).length === 1000, "not all changes are known");
});

Deno.test("what is watched is what pages use, however many files the site has", async () => {
  const site = new Site(FILES);
  const script =
    "mkdir -p x && cd x && for d in $(seq 10); do mkdir $d && (cd $d && seq -f %g.txt 500 | xargs touch); done";
  const { success } = await new Deno.Command("sh", { args: ["-c", script], cwd: site.root }).output();
  assert(success);
  await using live = await LiveSite.start(site);
  const known = await loaded(live, ["/", "/a.css", "/x/7/9.txt"]);
  await live.listen();
  site.write("x/7/9.txt", "changed");
  await live.event();
  assertEquals(await live.changedOf(known), ["/x/7/9.txt"]);
  // What is watched is what pages use: three files, their directories, and the way to the root.
  const watches = [...Deno.readDirSync(`/proc/${live.program.pid}/fdinfo`)]
    .flatMap(({ name }) => Deno.readTextFileSync(`/proc/${live.program.pid}/fdinfo/${name}`).split("\n"))
    .filter((line) => line.startsWith("inotify "));
  assert(watches.length > 0 && watches.length < 20, `${watches.length} watches`);
});
