/**
 * `--live`: the reserved paths, who may ask, and what the terminal shows.
 * @module
 */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { liveHandler } from "../../handlers/live/live_handler.ts";
import { LiveSite } from "../support/live.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { runProgram, Site } from "../support/program.ts";
import { ServedSite } from "../support/served_site.ts";
import { exchange, get } from "../support/wire.ts";

const OWN = ["/.epollet/live.js", "/.epollet/events", "/.epollet/changes"];

function ask(method: string, target: string, ...lines: string[]): string {
  return [`${method} ${target} HTTP/1.1`, "Connection: close", ...lines, "", ""].join("\r\n");
}

Deno.test("pages of other sites are refused at the reserved paths, and other host names everywhere", async () => {
  await using live = await LiveSite.start(new Site({ "index.html": "<p>", "a.txt": "secret" }));
  const { port } = live.program;
  const status = async (request: string) => (await exchange(port, request)).status;
  const machine = new TextDecoder().decode(new Deno.Command("hostname").outputSync().stdout).trim()
    .toLowerCase();
  for (
    const host of [
      "localhost",
      "127.0.0.1",
      "[::1]:80",
      "a.localhost",
      machine,
      `${machine.split(".")[0]}.local`,
    ]
  ) {
    assertEquals(await status(ask("GET", OWN[0]!, `Host: ${host}`)), 200, host);
    assertEquals(await status(ask("GET", "/a.txt", `Host: ${host}`)), 200, host);
  }
  for (const host of ["evil.example", `evil.example:${port}`, "localhost.evil.example"]) {
    for (const target of ["/", "/a.txt", ...OWN]) {
      const { status, text, fields } = await exchange(port, ask("GET", target, `Host: ${host}`));
      assertEquals([status, text.includes("secret"), fields["access-control-allow-origin"]], [
        421,
        false,
        undefined,
      ]);
    }
  }
  for (
    const [lines, expected] of [
      [[], 200],
      [["Origin: http://localhost"], 200],
      [["Origin: https://localhost"], 200],
      [["Sec-Fetch-Site: same-origin"], 200],
      [["Origin: http://localhost:1"], 403],
      [["Origin: http://evil.example"], 403],
      [["Origin: null"], 403],
      [["Sec-Fetch-Site: cross-site"], 403],
      [["Sec-Fetch-Site: same-site"], 403],
    ] as const
  ) {
    assertEquals(await status(ask("GET", OWN[0]!, "Host: localhost", ...lines)), expected, String(lines));
    for (const target of OWN.slice(1)) {
      const isRefused = await status(ask("DELETE", target, "Host: localhost", ...lines)) === 403;
      assertEquals(isRefused, expected === 403, String(lines));
    }
  }
});

Deno.test("no file, rule or password has the reserved paths, and mistakes are errors of the client", async () => {
  const config = {
    live: true,
    redirects: [{ source: "/**", destination: "/elsewhere" }],
    rewrites: [{ source: "/**", destination: "/a.txt" }],
    auth: [{ source: "/**", users: { a: hashOf("right") } }],
  };
  await using served = await ServedSite.start({ "a.txt": "x", ".epollet/live.js": "file" }, { config });
  const script = await served.ask(get(OWN[0]!));
  assertEquals([script.status, script.fields["content-type"]], [200, "text/javascript; charset=utf-8"]);
  assertMatch(script.text, /EventSource/);
  const { port } = served;
  const post = async (body: string) =>
    (await exchange(
      port,
      `POST ${
        OWN[2]
      } HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )).status;
  assertEquals(await post('{"paths":[],"baselines":[]}'), 200);
  for (
    const body of ["", "x", "[]", "null", '{"paths":[1],"baselines":["a"]}', '{"paths":["/"],"baselines":[]}']
  ) {
    assertEquals(await post(body), 400, body);
  }
  assertEquals(
    await post(JSON.stringify({ paths: ["", "%", "x", "/../..", "/\0"], baselines: Array(5).fill("") })),
    200,
  );
  assertEquals((await served.ask(get("/.epollet/other"))).status, 404);
  for (
    const [method, target, status] of [["POST", OWN[0], 405], ["POST", OWN[1], 405], [
      "GET",
      OWN[2],
      405,
    ]] as const
  ) {
    assertEquals((await exchange(port, ask(method, target!, "Host: localhost"))).status, status);
  }
});

Deno.test("of what needs a password, only a page that needed it learns", async () => {
  const site = new Site({ "index.html": "<p>", "private/index.html": "<p>", "private/a.txt": "a" });
  const rule = { source: "/private/**", users: { ann: hashOf("right") } };
  site.write("epollet.json", JSON.stringify({ live: true, auth: [rule] }));
  await using live = await LiveSite.start(site, ["--config", site.path("epollet.json")]);
  const load = async (path: string, ...lines: string[]) =>
    await exchange(live.program.port, get(path, ...lines));
  const keyIn = (text: string) => /data-keys="([\w-]+)"/.exec(text)?.[1];
  const right = basic("ann", "right");
  const page = await load("/private/", "Accept: text/html", right);
  await load("/private/a.txt", right);
  const [key, state] = [keyIn(page.text)!, /data-state="([^"]+)"/.exec(page.text)![1]!];
  assertEquals(keyIn((await load("/private/", "Accept: text/html")).text), undefined);
  assertEquals(keyIn((await load("/")).text), undefined);
  site.write("private/a.txt", "changed");
  for (const path of ["/private/a.txt", "/private/none.txt"]) {
    for (const keys of [[], ["wrong"]]) {
      const { tokens, changed } = await live.ask({ [path]: state }, keys);
      assertEquals([tokens, changed], [[""], []], "whether the file exists is not to be seen");
    }
  }
  const { changed } = await live.ask({ "/private/a.txt": state, "/private/": state }, [key]);
  assertEquals(changed, ["/private/a.txt"]);
});

Deno.test("what is missing for a page is a line in the terminal, once for each load", async () => {
  await using live = await LiveSite.start(new Site({ "index.html": "<p>", "a.css": "a" }));
  const { program } = live;
  const page = `http://127.0.0.1:${program.port}/?x`;
  const miss = async (path: string, ...lines: string[]) =>
    await exchange(program.port, ask("GET", path, `Host: 127.0.0.1:${program.port}`, ...lines));
  const load = async () => await miss("/?x", "Sec-Fetch-Mode: navigate", "Accept: text/html");
  await load();
  for (let i = 0; i < 3; i++) await miss("/no.png", `Referer: ${page}`, "Sec-Fetch-Mode: no-cors");
  await miss("/b.woff", `Referer: ${live.urlOf("/a.css")}`);
  await miss("/favicon.ico", `Referer: ${page}`);
  await miss("/by-curl.png");
  await miss("/elsewhere.png", "Referer: http://other.example/");
  await miss("/followed", `Referer: ${page}`, "Sec-Fetch-Mode: navigate");
  await miss("/frame", `Referer: ${page}`, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe");
  await miss("/unnamed.js", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors");
  await load();
  await miss("/no.png", `Referer: ${page}`, "Sec-Fetch-Mode: no-cors");
  await program.printed(/(no\.png[^]*){2}/);
  assertEquals(program.stdout.match(/^404 .*$/gm), [
    "404 /no.png, used by /?x",
    "404 /b.woff, used by /a.css",
    "404 /frame, used by /?x",
    "404 /unnamed.js",
    "404 /no.png, used by /?x",
  ]);
});

Deno.test("without the flag there is no script and no such path; workers and unnoticed changes are refused", async () => {
  {
    await using served = await ServedSite.start({ "index.html": "<p>" });
    assertEquals(await served.say("/"), "200 <p>");
    for (const path of OWN) assertEquals(await served.say(path), "404");
  }
  using site = new Site({ "index.html": "<p>" });
  for (
    const [args, expected] of [
      [["--workers", "2"], /^epollet: --live is for one process: leave out --workers/],
      [["--cache-validate", "off"], /^epollet: --live needs to know of changes/],
      [["--handler", "echo"], /^epollet: --live is without effect/],
    ] as const
  ) {
    for (const more of [[], ["--check"]]) {
      const { code, stderr } = await runProgram([
        "--no-config",
        "--root",
        site.root,
        "--live",
        ...args,
        ...more,
      ]);
      assertEquals(code, 2, stderr);
      assertMatch(stderr, expected);
      assertEquals(stderr.trim().split("\n").length, 1, stderr);
    }
  }
  assertThrows(() => liveHandler({ root: site.root, validate: "off" }), TypeError, 'validate "off"');
});
