/**
 * Files with hashed names that stay served after they went (`--keep-assets`): as they were, for a time, by the same rules.
 * @module
 */
import { createHash } from "node:crypto";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { staticHandler } from "../../handlers/static.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { hashOf } from "../support/passwords.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { ServedSite } from "../support/served_site.ts";
import { eventually } from "../support/waiting.ts";
import { get, Wire, type WireResponse } from "../support/wire.ts";

const APP = "/assets/app.3f9c1d2a.js";
const LAZY = "/assets/lazy.7b0e4c1d.js";
const KEEP = ["--keep-assets", "1h", "--admin=0"];

/** Has the link at `path` lead to `target`, by one rename. */
function lead(path: string, target: string): void {
  Deno.symlinkSync(target, `${path}.next`);
  Deno.renameSync(`${path}.next`, path);
}

/** Returns what a client gets, but for the date. */
function shown({ status, fields, text }: WireResponse): unknown {
  const { date: _, ...others } = fields;
  const boundary = /[0-9a-f-]{30,}/g; // a new one for each response
  const type = fields["content-type"]?.replaceAll(boundary, "…");
  return {
    status,
    others: { ...others, "content-type": type },
    text: createHash("sha256").update(text.replaceAll(boundary, "…")).digest("hex"),
  };
}

/** Returns a number of the metrics of what is kept. */
async function metric(program: Program, name: string): Promise<number> {
  using wire = await Wire.connect(await program.adminPort());
  await wire.send(get("/metrics"));
  const { text } = await wire.expect();
  return Number(new RegExp(`^epollet_kept_${name} (\\d+)$`, "m").exec(text)?.[1] ?? NaN);
}

/** Waits until the program holds `count` files beforehand. */
async function held(program: Program, count: number): Promise<void> {
  let last = NaN;
  await eventually(
    async () => (last = await metric(program, "held_files")) >= count,
    () => `${last} files are held, not ${count}`,
  );
}

Deno.test("a file with a hash in its name stays served as it was after a delete, and no other file does", async () => {
  await using served = await ServedSite.start({
    "index.html": `<script src="${APP}"></script>`,
    "about.html": "about",
    "plain.js": "plain",
    [APP.slice(1)]: "app".repeat(1000),
    [`${APP.slice(1)}.br`]: "compressed",
    [LAZY.slice(1)]: "lazy",
    "assets/big.0a1b2c3d.js": "x".repeat(2_000_000),
  }, { args: [...KEEP, "-H", "X-Asset: yes", "--compress", "--compress-level=6"] });
  const { site, program } = served;
  const asked = [
    get(APP),
    get(APP, "Accept-Encoding: br"),
    get(APP, "Accept-Encoding: gzip"),
    get(APP, "Range: bytes=3-9"),
    get(APP, "Range: bytes=0-1,5-6"),
    get(APP).replace("GET", "HEAD"),
    get("/assets/big.0a1b2c3d.js"),
    get("/assets/big.0a1b2c3d.js", "Range: bytes=-5"),
  ];
  const all = async () => {
    const answers = [];
    for (const request of asked) answers.push(shown(await served.ask(request)));
    return answers;
  };
  const before = await all();
  const { etag } = (await served.ask(get(APP))).fields;
  for (const path of ["/about.html", "/plain.js"]) assertEquals((await served.ask(get(path))).status, 200);
  await held(program, 4);
  for (const name of ["assets", "about.html", "plain.js"]) {
    Deno.removeSync(site.path(name), { recursive: true });
  }
  for (let i = 0; i < 2; i++) {
    assertEquals(await all(), before);
  }
  assertEquals((await served.ask(get(APP, `If-None-Match: ${etag}`))).status, 304);
  assertEquals((await served.ask(get(APP, 'If-Match: "other"'))).status, 412);
  assertEquals(await served.say(LAZY), "200 lazy", "it was never requested before");
  for (const path of ["/about.html", "/plain.js", "/assets/", "/assets/none.1a2b3c4d.js", `${APP}.br`]) {
    assertEquals((await served.ask(get(path))).status, 404, path);
  }
  assertEquals(await metric(program, "files"), 4);
  assert(await metric(program, "requests_total") > 10);
  site.write(APP.slice(1), "new");
  assertEquals(await served.say(APP), "200 new", "a name that exists anew wins at once");
  Deno.removeSync(site.path(APP.slice(1)));
  assertEquals(await served.say(APP), "200 new");
  Deno.mkdirSync(site.path(APP.slice(1)));
  assertEquals((await served.ask(get(APP))).status, 301, "a directory has the name");
});

Deno.test("without the flag a deleted file is missing at once", async () => {
  await using served = await ServedSite.start({ [APP.slice(1)]: "app" });
  assertEquals(await served.say(APP), "200 app");
  Deno.removeSync(served.site.path(APP.slice(1)));
  assertEquals((await served.ask(get(APP))).status, 404);
});

for (const mode of ["auto", "stat"]) {
  Deno.test(`files of the releases before stay served, by another link and after a delete (${mode})`, async () => {
    using site = new Site(Object.fromEntries([1, 2, 3].flatMap((n) => [
      [`r/${n}/index.html`, `page ${n}`],
      [`r/${n}/assets/same.3f9c1d2a.js`, `same ${n}`],
      [`r/${n}/assets/app.3f9c1d2${n}.js`, `app ${n}`],
      [`r/${n}/assets/lazy.7b0e4c1${n}.js`, `lazy ${n}`],
    ])));
    const link = site.path("current");
    lead(link, "r/1");
    using config = new Site({ "c.json": "{}" });
    const args = ["--config", config.path("c.json"), "--cache-validate", mode];
    await using program = await Program.start(link, [...KEEP, ...args]);
    using wire = await Wire.connect(program.port);
    const text = async (target: string) => {
      await wire.send(get(target));
      const { status, text } = await wire.expect();
      return status === 200 ? text : status;
    };
    assertEquals(await text("/"), "page 1");
    assertEquals(await text("/assets/app.3f9c1d21.js"), "app 1");
    await held(program, 3);
    lead(link, "r/2");
    assertEquals(await text("/assets/app.3f9c1d21.js"), "app 1");
    assertEquals(await text("/"), "page 2");
    assertEquals(await text("/assets/lazy.7b0e4c12.js"), "lazy 2");
    assertEquals(await text("/assets/lazy.7b0e4c11.js"), "lazy 1");
    assertEquals(await text("/assets/same.3f9c1d2a.js"), "same 2");
    Deno.removeSync(site.path("r/1"), { recursive: true });
    for (const name of ["app.3f9c1d2", "lazy.7b0e4c1"]) {
      assertEquals(await text(`/assets/${name}1.js`), `${name.slice(0, name.indexOf("."))} 1`);
    }
    lead(link, "r/3");
    assertEquals(await text("/assets/app.3f9c1d22.js"), "app 2");
    assertEquals(await text("/assets/app.3f9c1d21.js"), "app 1");
    lead(link, "r/2");
    assertEquals(await text("/"), "page 2");
    assertEquals(await text("/assets/app.3f9c1d23.js"), "app 3");
    program.kill("SIGHUP");
    await program.printed(/read again/);
    assertEquals(await text("/assets/app.3f9c1d23.js"), "app 3", "after SIGHUP");
    assertEquals(await text("/assets/app.3f9c1d21.js"), "app 1", "after SIGHUP");
  });
}

Deno.test("what has gone is kept by the rules of each host, and for passwords", async () => {
  using site = new Site({
    [`a${APP}`]: "of a",
    "b/index.html": "b",
    [`a/private${APP}`]: "secret",
    [`a/.hidden${APP}`]: "hidden",
    [`outside${APP}`]: "outside",
  });
  Deno.symlinkSync("../outside", site.path("a/out"));
  using config = new Site({
    "c.json": JSON.stringify({
      root: site.path("a"),
      keepAssets: "1h",
      auth: [{ source: "/private/**", realm: "r", users: { ann: hashOf("right") } }],
      hosts: { "b.test": { root: site.path("b"), auth: [] }, "c.test": { rewrites: [] } },
    }),
  });
  await using program = await Program.startArguments(["0", "--config", config.path("c.json"), "--admin=0"]);
  using wire = await Wire.connect(program.port);
  const status = async (target: string, host: string) => {
    await wire.send(get(target).replace(/Host: .*\r/, `Host: ${host}\r`));
    return (await wire.expect()).status;
  };
  const all = async () => {
    const statuses = [];
    for (const host of ["localhost", "b.test", "c.test"]) {
      for (const path of [APP, `/private${APP}`, `/.hidden${APP}`, `/out${APP}`]) {
        statuses.push(await status(path, host));
      }
    }
    return statuses;
  };
  const expected = [200, 401, 404, 404, 404, 404, 404, 404, 200, 401, 404, 404];
  assertEquals(await all(), expected);
  await held(program, 1);
  for (const name of ["a/assets", "a/private", "a/.hidden", "outside"]) {
    Deno.removeSync(site.path(name), { recursive: true });
  }
  assertEquals(await all(), expected);
});

Deno.test("what is kept ends with its time, and stays within its bytes", async () => {
  const file = (n: number) => `/assets/a.3f9c1d2${n}.js`;
  await using served = await ServedSite.start(
    Object.fromEntries([0, 1, 2, 3].map((n) => [file(n).slice(1), String(n).repeat(1000)])),
    { args: ["--keep-assets", "3s", "--keep-assets-size", "2500", "--admin=0"] },
  );
  const { site, program } = served;
  const status = async (n: number) => (await served.ask(get(file(n)))).status;
  for (const n of [0, 1, 0, 2]) assertEquals(await status(n), 200); // 1 was used longest ago
  assertEquals(await metric(program, "held_files"), 2);
  assert(await metric(program, "held_bytes") <= 2500);
  Deno.removeSync(site.path("assets"), { recursive: true });
  assertEquals([await status(0), await status(1), await status(2), await status(3)], [200, 404, 200, 404]);
  await eventually(async () => await status(0) === 404, "it is kept for too long");
  await eventually(async () => await metric(program, "held_files") === 0, "its memory is not freed");
});

Deno.test("a closed handler has let go of all descriptors", async () => {
  using site = new Site({ "r/1/a.3f9c1d2a.js": "1", "r/2/b.3f9c1d2a.js": "2" });
  lead(site.path("current"), "r/1");
  const before = openDescriptors();
  const options = { root: site.path("current"), keepAssets: 60_000 };
  const one = staticHandler(options);
  await eventually(() => one.snapshot().kept?.heldFiles === 1, "nothing is held");
  lead(site.path("current"), "r/2");
  const two = staticHandler(options);
  await eventually(() => two.snapshot().kept?.heldFiles === 2, "the second is not held");
  one.close();
  assertEquals(two.snapshot().kept?.directories, 1);
  assertMatch(two.snapshot().kept!.shown[0]!.path, /\/r\/1\/$/);
  two.close();
  assertEquals(openDescriptors(), before);
});

Deno.test("with few descriptors, files are held in memory, and served from there", async () => {
  const file = (n: number) => `/assets/a.3f9c1${n}b.js`;
  const numbers = Array.from({ length: 40 }, (_, i) => 10 + i);
  using site = new Site(
    Object.fromEntries(numbers.map((n) => [file(n).slice(1), String(n).repeat(3000)])),
  );
  const command = programCommand([
    "0",
    site.root,
    "--no-config",
    "--compress",
    "--compress-level=6",
    ...KEEP,
  ]);
  await using program = await Program.startCommand([
    "sh",
    "-c",
    'ulimit -n 128; exec "$@"',
    "sh",
    ...command,
  ]);
  using wire = await Wire.connect(program.port);
  const answers = async () => {
    const all = [];
    for (const n of numbers) {
      for (const line of ["Range: bytes=100-110", "Accept-Encoding: gzip"]) {
        await wire.send(get(file(n), line));
        all.push(shown(await wire.expect()));
      }
    }
    return all;
  };
  await held(program, numbers.length);
  const open = () => Array.from(Deno.readDirSync(`/proc/${program.pid}/fd`)).length;
  assert(open() < 60, `${open()} descriptors`);
  const before = await answers();
  Deno.removeSync(site.path("assets"), { recursive: true });
  for (let i = 0; i < 2; i++) assertEquals(await answers(), before);
  assert(open() < 60, `${open()} descriptors`);
});

Deno.test("clients find the parts of each page through many deploys, and never those of another", async () => {
  using site = new Site();
  const deploy = (n: number) => {
    site.write(`r/${n}/index.html`, `${n}`);
    site.write(`r/${n}/assets/part.3f9c1${100 + n}.js`, `part ${n}`);
    lead(site.path("current"), `r/${n}`);
    if (n >= 2) Deno.removeSync(site.path(`r/${n - 2}`), { recursive: true });
  };
  deploy(0);
  await using program = await Program.start(site.path("current"), [...KEEP, "--no-config"]);
  const DEPLOYS = 40;
  const CLIENTS = 16;
  let latest = 0;
  const rounds = new Array(CLIENTS).fill(0);
  const mistakes: string[] = [];
  const clients = rounds.map(async (_, i) => {
    using wire = await Wire.connect(program.port);
    while (latest < DEPLOYS) {
      const least = latest;
      await wire.send(get("/"));
      const page = (await wire.expect()).text;
      await wire.send(get(`/assets/part.3f9c1${100 + Number(page)}.js`));
      const { status, text } = await wire.expect();
      if (status !== 200 || text !== `part ${page}` || Number(page) < least) {
        mistakes.push(`page ${page}: ${status} ${text}`);
      }
      rounds[i]++;
    }
  });
  for (let n = 1; n <= DEPLOYS; n++) {
    deploy(n);
    latest = n;
    const before = [...rounds]; // no page is older than the release before when that is deleted
    await eventually(
      () => n === DEPLOYS || rounds.every((count, i) => count > before[i]),
      "a client waits",
    );
  }
  await Promise.all(clients);
  assertEquals(mistakes, []);
});

Deno.test("files of a directory that was renamed away from the root's path stay served", async () => {
  using site = new Site({ "now/index.html": "1", [`now${LAZY}`]: "part 1", "next/index.html": "2" });
  await using program = await Program.start(site.path("now"), [...KEEP, "--no-config"]);
  using wire = await Wire.connect(program.port);
  const text = async (target: string) => {
    await wire.send(get(target));
    return (await wire.expect()).text;
  };
  assertEquals(await text("/"), "1");
  Deno.renameSync(site.path("now"), site.path("before"));
  Deno.renameSync(site.path("next"), site.path("now"));
  assertEquals([await text(LAZY), await text("/")], ["part 1", "2"]);
  Deno.removeSync(site.path("before"), { recursive: true });
  assertEquals([await text(LAZY), await text("/")], ["part 1", "2"]);
});
