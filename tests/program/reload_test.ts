/**
 * SIGHUP: new settings for a running program, as a single process and with workers.
 * @module
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/descriptors.ts";
import { Program, Site } from "../support/program.ts";
import { UnbrokenLoad } from "../support/unbroken_load.ts";
import { exchange, get, Wire } from "../support/wire.ts";

/** A single process, and workers. */
const WAYS: readonly (readonly string[])[] = [[], ["--workers", "2"]];

/** A site, and a program whose configuration file is beside it. */
class Configured implements AsyncDisposable {
  readonly site: Site;
  readonly program: Program;
  #reloads = 0;

  private constructor(site: Site, program: Program) {
    this.site = site;
    this.program = program;
  }

  static async start(settings: object, args: readonly string[]): Promise<Configured> {
    const site = new Site({ "html/index.html": "hello", "other/index.html": "other" });
    site.write("epollet.json", JSON.stringify({ port: 0, root: "html", ...settings }));
    const command = ["--config", site.path("epollet.json"), ...args];
    return new Configured(site, await Program.startArguments(command));
  }

  /** Replaces the file, as editors do, and sends SIGHUP. */
  reload(settings: object | string): void {
    const text = typeof settings === "string"
      ? settings
      : JSON.stringify({ port: 0, root: "html", ...settings });
    this.site.write("next.json", text);
    Deno.renameSync(this.site.path("next.json"), this.site.path("epollet.json"));
    this.program.kill("SIGHUP");
  }

  /** Reloads, and waits until the settings are in force. */
  async reloaded(settings: object): Promise<void> {
    this.reload(settings);
    await this.program.printed(
      new RegExp(`(?:Settings read again from .*\n(?:[^S].*\n)*){${++this.#reloads}}`),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    this.site[Symbol.dispose]();
  }
}

for (const args of WAYS) {
  const how = args.length === 0 ? "alone" : "with workers";

  Deno.test(`SIGHUP, ${how}: fields, limits, the root and hosts are those of the file as it is now`, async () => {
    await using running = await Configured.start({}, args);
    const { program } = running;
    assertEquals((await exchange(program.port, get("/"))).fields["x-new"], undefined);
    await running.reloaded({ headers: { "X-New": "1" }, keepAliveTimeout: "7s", root: "other" });
    const response = await exchange(program.port, get("/"));
    assertEquals([response.fields["x-new"], response.fields["keep-alive"], response.text], [
      "1",
      "timeout=7",
      "other",
    ]);
    await running.reloaded({ hosts: { "a.example": { root: "other" } } });
    assertEquals((await exchange(program.port, get("/"))).text, "hello");
    const request = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    using wire = await Wire.connect(program.port);
    await wire.send(request);
    assertEquals((await wire.expect()).text, "other");
  });

  Deno.test(`SIGHUP, ${how}: a mistake is refused in one line that names it, and the old settings stay`, async () => {
    await using running = await Configured.start({ headers: { "X-Old": "1" } }, args);
    const { program } = running;
    const mistakes: readonly [string, RegExp][] = [
      [
        '{"port": 0,',
        /Reload refused, the old settings stay: .*epollet\.json:1:\d+: Bad JSON: unexpected end of the file\n/,
      ],
      [
        '{"root": "html", "rot": 1}',
        /Reload refused, .*Unknown key "rot": the closest known one is "root"\n/,
      ],
      ['{"root": "none"}', /Reload refused, .*Cannot open root .*none: ENOENT .*\n/],
    ];
    for (const [text, expected] of mistakes) {
      running.reload(text);
      await program.warned(expected);
      assertEquals((await exchange(program.port, get("/"))).fields["x-old"], "1");
    }
    program.kill("SIGTERM");
    assertEquals((await program.finish()).code, 0);
  });
}

Deno.test("a log that workers got by a reload is reopened at SIGUSR1", async () => {
  await using running = await Configured.start({}, ["--workers", "1"]);
  const { program, site } = running;
  const path = site.path("access.log");
  await running.reloaded({ accessLog: "common", accessLogFile: path });
  await exchange(program.port, get("/"));
  Deno.renameSync(path, site.path("old.log"));
  program.kill("SIGUSR1");
  const names = () => Array.from(Deno.readDirSync(site.root), ({ name }) => name);
  await eventually(() => names().includes("access.log"), "it was not made anew");
  assertMatch(Deno.readTextFileSync(site.path("old.log")), /"GET \/ HTTP\/1\.1" 200/);
});

Deno.test("a single process keeps connections through a reload, and finishes a download in progress", async () => {
  await using running = await Configured.start({}, []);
  const { program, site } = running;
  site.write("html/large.bin", new Uint8Array(8_000_000));
  using idle = await Wire.connect(program.port);
  await idle.send(get("/"));
  assertEquals((await idle.expect()).text, "hello");
  using download = await Wire.connect(program.port);
  await download.send(get("/large.bin"));
  await download.arrival();
  await running.reloaded({ root: "other" });
  assertEquals((await download.expect()).body.length, 8_000_000);
  await idle.send(get("/"));
  assertEquals((await idle.expect()).text, "other");
});

Deno.test("no client notices reloads under load", async () => {
  await using running = await Configured.start({}, []);
  const load = new UnbrokenLoad(running.program.port, 4);
  for (let i = 0; i < 10; i++) {
    await running.reloaded({ headers: { "X-Count": String(i) }, keepAlive: i % 3 !== 0 });
    await load.more(40);
  }
  await load.end();
  assertEquals(load.failures, []);
});

Deno.test("a single process names the settings that take effect only at the next start, and applies the rest", async () => {
  await using running = await Configured.start({}, []);
  await running.reloaded({ poller: "poll", backlog: 7, headers: { "X-New": "1" } });
  await running.program.warned(/Reload: a new value of "poller" takes effect at the next start/);
  await running.program.warned(/Reload: a new value of "backlog" takes effect at the next start/);
  assertEquals((await exchange(running.program.port, get("/"))).fields["x-new"], "1");
});

for (const args of WAYS) {
  const how = args.length === 0 ? "in a single process" : "with workers";

  Deno.test(`${how}, a refused reload does not say that a part of it is in force`, async () => {
    await using running = await Configured.start({}, args);
    running.reload({ backlog: 7, root: "none" });
    await running.program.warned(/Reload refused, .*Cannot open root .*none: ENOENT .*\n/);
    running.program.kill("SIGTERM");
    const { stderr } = await running.program.finish();
    assertEquals(stderr.includes("is in force"), false, stderr);
  });
}

Deno.test("with workers, a new mode of UNIX sockets takes effect at the next start, also for a new socket", async () => {
  await using running = await Configured.start({ socketMode: "600" }, ["--workers", "1"]);
  const path = running.site.path("a.sock");
  await running.reloaded({ socketMode: "666", listen: [`unix:${path}`] });
  await running.program.warned(/Reload: a new value of "socketMode" takes effect at the next start/);
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
});

Deno.test("a single process in the sandbox does not look for a file that was missing at the start", async () => {
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.start(site.root);
  program.kill("SIGHUP");
  await program.warned(/no configuration file was read at the start/);
  assertEquals((await exchange(program.port, get("/"))).text, "hello");
  program.kill("SIGTERM");
  const { stderr } = await program.finish();
  assertMatch(stderr, /^epollet: Reload: .*\n$/);
});

Deno.test("workers may become more or fewer, and listen elsewhere, without a lost client", async () => {
  await using running = await Configured.start({ workers: 1 }, []);
  const { program, site } = running;
  const load = new UnbrokenLoad(program.port, 2);
  const listen = [`unix:${site.path("a.sock")}`];
  await running.reloaded({ workers: 3, listen });
  using wire = await Wire.connectUnix(site.path("a.sock"));
  await wire.send(get("/"));
  assertStringIncludes((await wire.expect()).statusLine, "200");
  await load.more(40);
  await running.reloaded({ workers: 2 });
  await load.more(40);
  await load.end();
  assertEquals(load.failures, []);
});
