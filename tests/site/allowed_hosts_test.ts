/**
 * The check of host names against DNS rebinding, with which a page of another site reads what only this machine or its
 * network can reach.
 * @module
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { explain } from "../../handlers/explain.ts";
import { staticHandler } from "../../handlers/static.ts";
import { findBrowser, QUIETLY, removeSoon } from "../support/browser.ts";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";
import { serving } from "../support/in_process.ts";
import { exchange, Wire } from "../support/wire.ts";

/** Hosts that cannot be used for DNS rebinding. */
const OWN = ["127.0.0.1", "[::1]", "192.0.2.7", "localhost", "LOCALHOST", "a.localhost", "devbox"];
const FOREIGN = ["evil.example", "EVIL.example.", "127.0.0.1.evil.example", "localhost.evil.example", "a.b"];

function request(host: string, target = "/"): string {
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
}

async function statusOf(port: number, host: string, target?: string): Promise<number> {
  return (await exchange(port, request(host, target))).status;
}

/** Starts the program on loopback, or at the addresses in `args`. */
function start(site: Site, ...args: string[]): Promise<Program> {
  const where = args.includes("-a") || args.includes("--listen") ? [] : ["-a", "127.0.0.1"];
  const port = args.includes("--listen") ? [] : ["-p", "0"];
  return Program.startCommand(programCommand([...port, ...where, "-d", site.root, ...args]));
}

Deno.test("on loopback another name with the port of the server is rejected, with a line that says how to allow it", async () => {
  using site = new Site({ "index.html": "site" });
  for (const args of [[], ["-w", "1"], ["--coroutine"], ["-a", "::1"], ["--no-sandbox"]]) {
    await using program = await start(site, ...args);
    const { port } = program;
    const ask = async (host: string) => {
      using wire = await Wire.connect(port, args.includes("::1") ? "::1" : "127.0.0.1");
      await wire.send(request(host));
      return await wire.expect();
    };
    for (const host of OWN) assertEquals((await ask(`${host}:${port}`)).status, 200, host);
    for (const host of FOREIGN) {
      for (let i = 0; i < 2; i++) {
        const { status, text, fields } = await ask(`${host}:${port}`);
        assertEquals([status, fields["content-type"]], [421, "text/plain; charset=utf-8"], host);
        assertStringIncludes(text, "--allowed-hosts");
      }
    }
    // A proxy on this machine passes the name on, with its own port, or without one.
    for (const host of ["example.org", "example.org:443", `example.org:${port - 1}`, "example.org:"]) {
      assertEquals((await ask(host)).status, 200, host);
    }
  }
});

Deno.test("a recognized head of one host name is not used for another", async () => {
  using site = new Site({ "index.html": "site" });
  await using program = await start(site);
  using wire = await Wire.connect(program.port);
  for (let i = 0; i < 4; i++) {
    for (const [host, expected] of [["localhost", 200], ["evil.example", 421]] as const) {
      await wire.send(`GET / HTTP/1.1\r\nHost: ${host}:${program.port}\r\n\r\n`);
      assertEquals((await wire.expect()).status, expected);
    }
    await wire.send(`GET http://evil.example:${program.port}/ HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    assertEquals((await wire.expect()).status, 421, "the target counts more than Host");
  }
});

Deno.test("on other addresses, or with trusted proxies, every name is answered unless there is a list", async () => {
  using site = new Site({ "index.html": "site" });
  for (
    const args of [["-a", "0.0.0.0"], ["-a", "::"], ["--trust-proxy", "loopback"], ["--allowed-hosts", "*"]]
  ) {
    await using program = await start(site, ...args);
    assertEquals(await statusOf(program.port, `evil.example:${program.port}`), 200, args.join(" "));
  }
});

Deno.test("a list applies on all addresses and ports; the names of hosts in the configuration are always in it", async () => {
  using site = new Site({ "index.html": "site", "other/index.html": "other" });
  const config = site.path("conf.json");
  const settings = {
    root: ".",
    hosts: { "own.example": { root: "other" }, "*.below.example": { root: "other" } },
  };
  site.write("conf.json", JSON.stringify({ ...settings, allowedHosts: ["App.test", "*.sub.test"] }));
  const cases: readonly (readonly [host: string, status: number])[] = [
    ...OWN.map((host) => [host, 200] as const),
    ...FOREIGN.map((host) => [host, 421] as const),
    ["app.test", 200],
    ["APP.TEST.", 200],
    ["a.app.test", 421],
    ["a.sub.test", 200],
    ["a.b.sub.test", 200],
    ["sub.test", 421],
    ["own.example", 200],
    ["x.below.example", 200],
    ["below.example", 421],
  ];
  for (const args of [["-a", "0.0.0.0"], [], ["--trust-proxy", "loopback"]]) {
    await using program = await start(site, "--config", config, ...args);
    for (const [host, status] of cases) {
      assertEquals(await statusOf(program.port, host), status, host);
      assertEquals(await statusOf(program.port, `${host}:81`), status, host);
      assertEquals(await statusOf(program.port, host, "/missing"), status === 200 ? 404 : 421, host);
    }
    const none = await exchange(program.port, "GET / HTTP/1.0\r\n\r\n");
    assertEquals(none.status, 200, "no browser leaves Host out");
  }
  site.write("conf.json", JSON.stringify({ ...settings, allowedHosts: [] }));
  await using empty = await start(site, "-a", "0.0.0.0", "--config", config);
  assertEquals(await statusOf(empty.port, "app.test"), 421);
  site.write("conf.json", JSON.stringify({ ...settings, allowedHosts: ["app.test"] }));
  empty.kill("SIGHUP");
  await empty.printed(/Settings read again/);
  assertEquals(await statusOf(empty.port, "app.test"), 200);
});

Deno.test("the list may come from flags, variables and a named file; the later of these takes precedence", async () => {
  using site = new Site({ "index.html": "", "conf.json": '{ "root": ".", "allowedHosts": ["a.test"] }' });
  const file = ["--config", "conf.json"];
  const cases: [args: string[], env: Record<string, string>, expected: unknown][] = [
    [["-d", "."], {}, "auto"],
    [file, {}, ["a.test"]],
    [[...file, "--allowed-hosts", "B.test,*.c.test"], {}, ["b.test", "*.c.test"]],
    [file, { EPOLLET_ALLOWED_HOSTS: "e.test,f.test" }, ["e.test", "f.test"]],
    [[...file, "--allowed-hosts", "auto"], {}, "auto"],
    [["-d", ".", "--allowed-hosts", "*"], {}, ["*"]],
  ];
  for (const [args, env, expected] of cases) {
    const { code, stdout, stderr } = await runProgram(["--check", ...args], site.root, env);
    assertEquals([code, JSON.parse(stdout).allowedHosts], [0, expected], args.join(" "));
    const isOverruled = args[0] === "--config" &&
      (args.length > 2 || "EPOLLET_ALLOWED_HOSTS" in env);
    assertMatch(stderr, isOverruled ? /^epollet: Overruled in conf\.json: allowedHosts \(by .+\)\n$/ : /^$/);
  }
  for (const name of ["a b", "https://a.test", "a.test:80", "*.*", "a,,b"]) {
    const { code, stderr } = await runProgram(["--check", "-d", ".", `--allowed-hosts=${name}`], site.root);
    assertEquals([code, stderr.split("\n").length], [2, 2], name);
  }
});

Deno.test("--explain says why a name is rejected, and an embedded handler rejects none unless it has a list", async () => {
  using site = new Site({ "index.html": "site" });
  const args = ["-a", "127.0.0.1", "8080", site.root, "--no-config", "--explain"];
  const refused = await runProgram([...args, "http://evil.example:8080/"]);
  assertStringIncludes(refused.stdout, "HTTP/1.1 421 Misdirected Request");
  assertStringIncludes(refused.stdout, "--allowed-hosts");
  assertStringIncludes((await runProgram([...args, "http://example.org/"])).stdout, "HTTP/1.1 200 OK");
  assertStringIncludes(await explain({ root: site.root }, "http://evil.example/"), "200 OK");
  await using open = serving(staticHandler({ root: site.root }));
  assertEquals(await statusOf(open.port, `evil.example:${open.port}`), 200);
  await using listed = serving(staticHandler({ root: site.root, allowedHosts: ["app.test"] }));
  assertEquals([await statusOf(listed.port, "evil.example"), await statusOf(listed.port, "app.test")], [
    421,
    200,
  ]);
});

Deno.test("a browser that another site's name leads to this machine gets nothing of the site", async () => {
  const browser = await findBrowser();
  if (browser === null) return;
  using site = new Site({ "secret.html": "<p>for this machine alone</p>" });
  const show = async (port: number, host: string) => {
    const rebinding = `--host-resolver-rules=MAP ${host} 127.0.0.1`; // what the attacker's name server answers
    const url = `http://${host}:${port}/secret.html`;
    const profile = Deno.makeTempDirSync({ prefix: "epollet-browser-" });
    const args = [...QUIETLY, rebinding, `--user-data-dir=${profile}`, "--dump-dom", url];
    const { stdout } = await new Deno.Command(browser, {
      args,
      stderr: "null",
      signal: AbortSignal.timeout(60_000),
    }).output();
    await removeSoon(profile);
    return new TextDecoder().decode(stdout);
  };
  await using program = await start(site);
  assertStringIncludes(await show(program.port, "localhost"), "for this machine alone");
  const shown = await show(program.port, "evil.example");
  assertStringIncludes(shown, "421");
  assertEquals(shown.includes("for this machine alone"), false);
  await using open = await start(site, "--allowed-hosts", "*"); // the attack would work
  assertStringIncludes(await show(open.port, "evil.example"), "for this machine alone");
});
