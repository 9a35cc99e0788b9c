/**
 * A configuration file that is found in the working directory and not named, and the default root: an attacker may
 * have put either into a folder that was downloaded.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { LIMITS } from "../../program/config/settings/table.ts";
import { configSchema } from "../../program/config/file/schema.ts";
import { HASH, ignored, PORT, say, start } from "../support/found_config.ts";
import { runProgram, Site } from "../support/program.ts";
import { exchange, get } from "../support/wire.ts";

Deno.test("a log that a downloaded folder sets is not written, so a shell cannot run its lines", async () => {
  using home = new Site({ ".bashrc": "# mine\n" });
  using folder = new Site({ "html/index.html": "site" });
  folder.write(
    "epollet.json",
    JSON.stringify({ accessLogFile: home.path(".bashrc"), errorLog: home.path("errors"), sandbox: false }),
  );
  await using program = await start(folder);
  const attack = `GET /$(touch$IFS${home.path("run")}) HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`;
  assertEquals((await exchange(program.port, attack)).status, 404);
  program.kill("SIGTERM");
  const { code, stderr } = await program.finish();
  assertEquals([code, stderr], [0, ignored("accessLogFile, errorLog, sandbox")]);
  assertEquals(Array.from(Deno.readDirSync(home.root), ({ name }) => name), [".bashrc"]);
  assertEquals(Deno.readTextFileSync(home.path(".bashrc")), "# mine\n");
});

Deno.test("a root that leads out of a downloaded folder is ignored: absolute, by .., by a link, at the top or of a host", async () => {
  using outside = new Site({ "secret.txt": "secret", "inner/secret.txt": "secret" });
  const name = outside.root.slice(outside.root.lastIndexOf("/") + 1);
  for (const root of [outside.root, `../${name}`, "link", "link/inner", "html/../link", "/", ".."]) {
    using folder = new Site({ "html/index.html": "site" });
    Deno.symlinkSync(outside.root, folder.path("link"));
    folder.write("epollet.json", JSON.stringify({ root, browse: true, hosts: { "x.example": { root } } }));
    await using program = await start(folder);
    for (const host of ["test", "x.example"]) {
      assertEquals(await say(program, "/", host), "site", root);
      for (const target of ["/secret.txt", "/inner/secret.txt", "/etc/passwd"]) {
        assertEquals(await say(program, target, host), "404", root);
      }
    }
    program.kill("SIGTERM");
    assertEquals((await program.finish()).stderr, ignored('root, hosts["x.example"]'), root);
  }
});

Deno.test("a found file's settings for the site in its directory are in force, however its root is written", async () => {
  for (const root of ["site", "./link", "ABSOLUTE/site", "site/../site", "."]) {
    using folder = new Site({ "site/index.html": "site", "site/deep/a.txt": "a" });
    if (root === ".") folder.write("index.html", "site");
    if (root === ".") folder.write("deep/a.txt", "a");
    Deno.symlinkSync("site", folder.path("link"));
    folder.write(
      "epollet.json",
      JSON.stringify({
        $schema: "x",
        root: root.replace("ABSOLUTE", folder.root),
        headers: { "X-A": "b" },
        auth: [{ source: "/deep/**", users: { anna: HASH } }],
        hosts: { "x.example": { root: "site/deep" }, "y.example": { headers: {} } },
      }),
    );
    await using program = await start(folder);
    const home = await exchange(program.port, get("/"));
    assertEquals([home.text, home.fields["x-a"]], ["site", "b"], root);
    assertEquals(await say(program, "/deep/a.txt"), "401");
    assertEquals(await say(program, "/a.txt", "x.example"), "a");
    assertEquals(await say(program, "/deep/a.txt", "y.example"), "401");
    program.kill("SIGTERM");
    assertEquals((await program.finish()).stderr, "");
  }
});

Deno.test("the keys that count in a found file are those about a site, and no other key of the schema", () => {
  const counting = Object.keys(configSchema.shape).filter((key) => {
    const value = SAMPLES[key];
    assert(value !== undefined, `a new key, ${key}: does it decide about the site in its directory alone?`);
    const { ignored } = parseConfig("./epollet.json", JSON.stringify({ [key]: value }), false);
    assertEquals(parseConfig("epollet.json", JSON.stringify({ [key]: value })).ignored, []);
    return ignored.length === 0;
  });
  assertEquals(
    counting.sort(),
    ("$schema archive archiveSize auth browse cacheControl cleanUrls compress compressLevel cors errorPages etag headers hosts index precompressed redirects rewrites root " +
      "securityHeaders spa").split(" "),
  );
});

/** A value for each key. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(
    ("http2 https dev live qr nextPort keepAlive coroutine sandbox browse archive compress cleanUrls securityHeaders proxyProtocol cors spa")
      .split(" ").map((key) => [key, true]),
  ),
  ...Object.fromEntries(
    [
      "port",
      "backlog",
      "cacheSize",
      "cacheFileSize",
      "archiveSize",
      "keepAssets",
      "keepAssetsSize",
      "workers",
      "admin",
    ].map(
      (key) => [key, 1],
    ),
  ),
  ...Object.fromEntries(
    LIMITS.map(({ key }) => [key, key === "rate" ? "1/s" : key === "maxHead" ? "64K" : 1]),
  ),
  $schema: "x",
  allowedHosts: "*",
  open: "/docs/",
  host: "::",
  listen: "unix:a",
  tls: { cert: "cert.pem", key: ["key.pem"], profile: "modern", port: 8443, redirectHttp: 80, hsts: true },
  acme: {
    names: ["a.example"],
    email: "a@b.example",
    directory: "https://a.example/",
    staging: false,
    dir: "a",
    ca: "a",
    eab: "a",
    profile: "a",
    tlsAlpn: "a",
  },
  socketMode: "666",
  poller: "poll",
  handler: "echo",
  cacheValidate: "off",
  user: "root",
  accessLog: "json",
  accessLogFile: "a",
  errorLog: "a",
  trustProxy: "loopback",
  root: "a",
  index: "a",
  errorPages: {},
  etag: "off",
  compressLevel: 6,
  precompressed: "off",
  cacheControl: "off",
  headers: {},
  redirects: [],
  rewrites: [],
  auth: [],
  hosts: {},
};

Deno.test("only the site of a found file is in force, and a line names the ignored keys, unless they are set elsewhere", async () => {
  using folder = new Site({ "html/index.html": "site" });
  const settings = {
    port: 1,
    listen: ["127.0.0.1:1", "unix:a.sock"],
    admin: 9,
    user: "nobody",
    workers: 3,
    sandbox: false,
    trustProxy: ["0.0.0.0/0"],
    proxyProtocol: true,
    cacheSize: "1G",
    browse: true,
  };
  folder.write("epollet.json", JSON.stringify(settings));
  const found = await runProgram(["--check"], folder.root);
  assertEquals([found.code, found.stderr], [
    0,
    ignored("port, listen, cacheSize, trustProxy, proxyProtocol, workers, admin, user, sandbox"),
  ]);
  const inForce = JSON.parse(found.stdout);
  assertEquals(
    [inForce.port, inForce.listen, inForce.admin, inForce.user, inForce.workers, inForce.sandbox],
    [7890, undefined, undefined, undefined, 0, true],
  );
  assertEquals([inForce.trustProxy, inForce.proxyProtocol, inForce.cacheSize, inForce.browse], [
    [],
    false,
    "256M",
    true,
  ]);
  const flags = ["8080", "--no-admin", "--no-user", "-w", "0", "--sandbox", "--trust-proxy", "loopback"];
  const overruled = await runProgram(["--check", ...flags], folder.root, { EPOLLET_PROXY_PROTOCOL: "no" });
  assertEquals(overruled.stderr, ignored("cacheSize"));
  const quiet = await runProgram(["--check", "-q"], folder.root);
  assertEquals([quiet.code, quiet.stdout, quiet.stderr], [0, "", ""]);
  const explained = await runProgram(["--explain", "/"], folder.root);
  assertStringIncludes(explained.stderr, "Ignored in ./epollet.json: port, listen");
  // When a flag or a variable names the file, all of it counts. When it names the directory, the file may be missing.
  for (
    const config of ["epollet.json", "./epollet.json", "./", `${folder.root}/`, folder.path("epollet.json")]
  ) {
    for (const byFlag of [true, false]) {
      const args = ["--check", "--no-user", ...byFlag ? ["--config", config] : []];
      const named = await runProgram(args, folder.root, byFlag ? {} : { EPOLLET_CONFIG: config });
      const path = config.endsWith("/") ? `${config}epollet.json` : config;
      const overruled = `epollet: Overruled in ${path}: user (by --no-user)\n`;
      assertEquals([named.code, named.stderr], [0, overruled], config);
      const { sandbox, workers, admin } = JSON.parse(named.stdout);
      assertEquals([sandbox, workers, admin], [false, 3, "127.0.0.1:9"], config);
    }
  }
  using empty = new Site({ "html/index.html": "site" });
  const none = await runProgram(["--check"], empty.root, { EPOLLET_CONFIG: "./" });
  assertEquals([none.code, none.stderr, JSON.parse(none.stdout).workers], [0, "", 0]);
  const missing = await runProgram(["--check"], empty.root, { EPOLLET_CONFIG: "./epollet.json" });
  assertEquals(missing.code, 2);
});

Deno.test("a found file has no effect on a named root elsewhere, and its password is not silently ignored", async () => {
  using folder = new Site({ "html/index.html": "own" });
  using other = new Site({ "index.html": "other" });
  folder.write(
    "epollet.json",
    JSON.stringify({ cors: true, hosts: { "x.example": { browse: true }, "y.example": { root: "html" } } }),
  );
  for (const [args, env] of [[["-d", other.root], {}], [[], { EPOLLET_ROOT: other.root }]] as const) {
    const { code, stdout, stderr } = await runProgram(["--check", ...args], folder.root, env);
    assertEquals([code, stderr], [0, ignored('hosts["x.example"], cors')]);
    const { cors, hosts } = JSON.parse(stdout);
    assertEquals([cors, Object.keys(hosts)], [false, ["y.example"]]);
  }
  const below = await runProgram(["--check", "html"], folder.root);
  assertEquals([below.stderr, JSON.parse(below.stdout).cors], ["", true]);
  const auth = [{ source: "/private/**", users: { anna: HASH } }];
  for (const settings of [{ auth }, { hosts: { "x.example": { auth } } }]) {
    folder.write("epollet.json", JSON.stringify(settings));
    const { code, stderr } = await runProgram([...PORT, other.root], folder.root);
    assertEquals(code, 2);
    assertMatch(
      stderr,
      /^epollet: \.\/epollet\.json asks for passwords .*: name it by --config epollet\.json, or .* --no-config\n$/,
    );
  }
});
