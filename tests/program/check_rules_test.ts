/**
 * `--check` on rules that lead in a circle, on and on, to themselves or to a missing path; and on rules without a
 * problem.
 * @module
 */
import { assertEquals } from "@std/assert";
import { rehearsedWarnings } from "../../program/setup/rehearsed_warnings.ts";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { mergeSettings } from "../../program/config/settings/settings.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { get, Wire } from "../support/wire.ts";

/** Returns where the rules in a file with this text are found to lead. */
async function foundIn(site: Site, text: string): Promise<string[]> {
  const path = site.path("epollet.json");
  const command = mergeSettings(parseCommandLine([]), parseConfig(path, text));
  return (await rehearsedWarnings(command)).map((line) => line.replace(path, "epollet.json"));
}

/** Returns a file with each rule on a line of its own; the first is on line 3. */
function withRules(kind: string, rules: readonly (readonly [string, string])[], others: object = {}): string {
  const written = rules.map(([source, destination]) => JSON.stringify({ source, destination }));
  const [, rest] = /^\{(.*)\}$/.exec(JSON.stringify({ root: "html", ...others })) ?? [];
  return `{ ${rest},\n"${kind}": [\n${written.join(",\n")}\n] }`;
}

/** Redirects, and the warning about each; null for none. */
const REDIRECTS: readonly [source: string, destination: string, found: string | null, others?: object][] = [
  // To itself, in different spellings.
  ["/a", "/a#top", "to itself: it is without effect"],
  ["/a", "/%61", "to itself: it is without effect"],
  ["/a/b", "/a/./b", "to itself: it is without effect"],
  ["/*", "/$1", "to itself: it is without effect"],
  ["/blog/**", "/blog/$1", "to itself: it is without effect"],
  ["/**", "/$1/", null],
  ["/{b,c}", "/b", null],
  ["/**", "/index.html", null],
  ["/a", "/a?x=1", null],
  // Slashes: a directory redirects to its path with a slash.
  ["/folder/", "/folder", "in a circle: /folder/ → /folder → /folder/"],
  ["/folder", "/folder/", null],
  ["/none/", "/none", "in a circle where /none is a directory: /none/ → /none → /none/"],
  ["/**/", "/$1", "in a circle where /a is a directory: /a/ → /a → /a/"],
  // Clean URLs redirect from a file to its page.
  ["/about", "/about.html", "in a circle: /about → /about.html → /about", { cleanUrls: true }],
  ["/about", "/about.html", null],
  ["/about.html", "/about", null, { cleanUrls: true }],
  ["/", "/index.html", "in a circle: / → /index.html → /", { cleanUrls: true }],
  ["/folder/", "/folder/index.html", "in a circle: /folder/ → /folder/index.html → /folder/", {
    cleanUrls: true,
  }],
  ["/x/*", "/x/$1.html", "on and on: /x/a → /x/a.html → /x/a.html.html → …", { cleanUrls: true }],
  ["/x/[a-c]", "/x/a.html", "in a circle where /x/a.html is a file: /x/a → /x/a.html → /x/a", {
    cleanUrls: true,
  }],
  ["/about/", "/about", null, { cleanUrls: true }],
  // A single-page application has a page at every path.
  ["/none/", "/none", null, { spa: true }],
  // Patterns that match their own destination.
  ["/**", "/new/$1", "on and on: /a → /new/a → /new/new/a → …"],
  ["/**", "/$1$1$1/x", "on and on: /a → /aaa/x → "],
  ["/old/**", "/new/$1", null],
  ["/*.htm", "/$1.html", null],
  ["/[!a]?", "/x", null],
  ["/[!a]?", "/b[a]/../bc", null],
  // To another server, and to this one.
  ["/**", "https://example.org/$1", null],
  ["/**", "http://localhost/$1", "in a circle: /a → /a"],
  ["/**", "http://localhost:8080/$1", null],
];

Deno.test("--check names a redirect that never arrives with its line, and none that arrives", async () => {
  using site = new Site({ "html/index.html": "", "html/about.html": "", "html/folder/index.html": "" });
  for (const [source, destination, found, others] of REDIRECTS) {
    const text = withRules("redirects", [["/unrelated", "/about.html"], [source, destination]], others);
    const lines = await foundIn(site, text);
    const own = lines.filter((line) => line.includes(" leads ") && !line.includes("/unrelated "));
    const expected = found === null ? [] : [`epollet.json:4: The redirect rule for ${source} leads ${found}`];
    const shown = own.map((line, i) =>
      line.slice(0, found?.endsWith(" → ") ? expected[i]?.length : undefined)
    );
    assertEquals(shown, expected, text);
  }
});

Deno.test("circles of several rules and hosts are followed, wherever they begin", async () => {
  using site = new Site({ "html/index.html": "", "html/folder/index.html": "" });
  const rules: [string, string][] = [["/in", "/p/x"], ["/p/*", "/q/$1"], ["/q/*", "/p/$1"], ["/p/y", "/p/x"]];
  assertEquals(
    (await foundIn(site, withRules("redirects", rules))).filter((line) => line.includes("circle")),
    [
      "epollet.json:3: The redirect rule for /in leads into a circle: /in → /p/x → /q/x → /p/x",
      "epollet.json:4: The redirect rule for /p/* leads in a circle: /p/a → /q/a → /p/a",
      "epollet.json:5: The redirect rule for /q/* leads in a circle: /q/a → /p/a → /q/a",
    ],
  );
  const redirects = (destination: string) => [{ source: "/**", destination }];
  const text = `{ "root": "html", "hosts": {
    "a.example": { "redirects": ${JSON.stringify(redirects("http://b.example/$1"))} },
    "B.example": { "redirects": ${JSON.stringify(redirects("http://A.example/$1"))} },
    "c.example": { "redirects": ${JSON.stringify(redirects("http://d.example/$1"))} },
    "d.example": {} } }`;
  assertEquals(await foundIn(site, text), [
    "epollet.json:2: host a.example: The redirect rule for /** leads in a circle: /a → http://b.example/a → /a",
    "epollet.json:3: host b.example: The redirect rule for /** leads in a circle: /a → http://a.example/a → /a",
  ]);
});

Deno.test("a circle that --check reports is real: the server redirects from each step to the next", async () => {
  using site = new Site({ "html/index.html": "", "html/about.html": "", "html/folder/index.html": "" });
  const rules: [string, string][] = [["/folder/", "/folder"], ["/about", "/about.html"]];
  const text = withRules("redirects", rules, { cleanUrls: true, port: 0, host: "127.0.0.1" });
  site.write("epollet.json", text);
  const lines = await foundIn(site, text);
  await using program = await Program.startCommand(programCommand(["--config", "epollet.json"]), site.root);
  using wire = await Wire.connect(program.port);
  let steps = 0;
  for (const line of lines) {
    const [, first, ...way] = /: (\/\S+) → (\/\S+) → (\/\S+)$/.exec(line) ?? [];
    let at = first!;
    for (const step of way) {
      await wire.send(get(at));
      const response = await wire.expect();
      assertEquals([response.status, response.fields["location"]], [301, step], line);
      at = step;
      steps++;
    }
  }
  assertEquals(steps, 4);
});

Deno.test("--check names rewrites that lead to each other, to themselves or to a missing path, and no others", async () => {
  using site = new Site({ "html/index.html": "", "html/v1/a.html": "", "html/app/index.html": "" });
  const cases: [rules: [string, string][], found: string[], others?: object][] = [
    [[["/x/*", "/y/$1"], ["/y/*", "/x/$1"]], [
      "3: The rewrite rule for /x/* leads in a circle: /x/a → /y/a → /x/a",
      "4: The rewrite rule for /y/* leads in a circle: /y/a → /x/a → /y/a",
    ]],
    [[["/in", "/x"], ["/x", "/y"], ["/y", "/./x"]], [
      "3: The rewrite rule for /in leads into a circle: /in → /x → /y → /x",
      "4: The rewrite rule for /x leads in a circle: /x → /y → /x",
      "5: The rewrite rule for /y leads in a circle: /y → /x → /y",
    ]],
    [[["/**", "/$1"]], ["3: The rewrite rule for /** leads to itself: it is without effect"]],
    [[["/a", "/none.html"], ["/b", "/v1/"], ["/c", "/app/"], ["/d", "/v1/a"]], [
      "3: The rewrite rule for /a leads to /none.html, which does not exist",
      "4: The rewrite rule for /b leads to /v1/, which does not exist",
    ], { cleanUrls: true }],
    [[["/**", "/v1/$1"]], []], // a rewrite is applied once
    [[["/app/**", "/app/index.html"], ["/**", "/"]], []],
  ];
  for (const [rules, found, others] of cases) {
    const lines = (await foundIn(site, withRules("rewrites", rules, others)))
      .filter((line) => line.includes(" leads "));
    assertEquals(lines, found.map((line) => `epollet.json:${line}`), JSON.stringify(rules));
  }
  const missing =
    '{ "root": "html", "rewrites": [\n{ "source": "/a", "destination": "/b", "ifMissing": true },\n' +
    '{ "source": "/b", "destination": "/a", "ifMissing": true } ] }';
  assertEquals(await foundIn(site, missing), [
    "epollet.json:2: The rewrite rule for /a leads in a circle: /a → /b → /a",
    "epollet.json:3: The rewrite rule for /b leads in a circle: /b → /a → /b",
  ]);
});
