/**
 * HTTPS beside HTTP (`--https-port`), and directories that may have a certificate (`--tls-cert DIR/`).
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";
import { type TestCertificate, TestCertificates } from "../support/test_certificates.ts";
import { eventually } from "../support/waiting.ts";
import { exchange, get } from "../support/wire.ts";

const NAMES = ["localhost", "127.0.0.1"];

/** A directory as the program takes it, with a certificate if `pair` is given. */
function directoryOf(site: Site, pair: TestCertificate | null): string {
  Deno.mkdirSync(site.path("certs"), { recursive: true });
  if (pair !== null) {
    site.write("certs/tls.crt", pair.cert);
    site.write("certs/tls.key", pair.key);
  }
  return `${site.path("certs")}/`;
}

/** Returns the addresses that the program has printed. */
function urlsOf(program: Program): { readonly http: string | undefined; readonly https: string | undefined } {
  const url = (scheme: string) =>
    new RegExp(` at (${scheme}://127\\.0\\.0\\.1:\\d+/)\n`).exec(program.stdout)?.[1];
  return { http: url("http"), https: url("https") };
}

async function curl(...args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("curl", { args: ["-sS", ...args] }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

for (const workers of [[], ["--workers", "2"]]) {
  Deno.test(`--https-port is for HTTPS, and the other ports are for HTTP ${workers.join(" ")}`, async () => {
    using certificates = new TestCertificates();
    using site = new Site({ "www/index.html": "hello" });
    const certs = directoryOf(site, certificates.make({ names: NAMES, isIssued: true }));
    const flags = ["--tls-cert", certs, "--https-port", "0", "--no-config", ...workers];
    await using program = await Program.start(site.path("www"), flags);
    await program.printed(/ at https:/);
    const check = async () => {
      const { http, https } = urlsOf(program);
      assertEquals(await curl("--cacert", certificates.root, https!), "hello");
      assertEquals(await curl(http!), "hello");
      assertMatch(await curl("-i", http!.replace("http:", "https:")), /^curl: \(35\)/);
    };
    await check();
    if (workers.length > 0) {
      program.kill("SIGHUP");
      await program.printed(/Settings read again/);
      await check();
    }
    program.kill("SIGTERM");
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
  });
}

Deno.test("--https-port has the address of --host, and an address of --listen may say https://, too", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "www/index.html": "hello" });
  const certs = directoryOf(site, certificates.make({ names: NAMES }));
  const where = ["--host", "127.0.0.2", "--listen", "https://127.0.0.1:0", "--listen", "127.0.0.3:0"];
  const flags = ["--tls-cert", certs, "--https-port", "0", ...where];
  await using program = await Program.start(site.path("www"), flags);
  await program.printed(/ at https:\/\/127\.0\.0\.2:/);
  for (const url of ["http://127.0.0.2", "https://127.0.0.1", "http://127.0.0.3", "https://127.0.0.2"]) {
    assertMatch(program.stdout, new RegExp(` at ${url}:\\d+/\n`));
  }
});

Deno.test("an empty directory is no certificate: only HTTP is served, and nothing is said of it", async () => {
  using site = new Site({ "www/index.html": "hello" });
  Deno.mkdirSync(site.path("certs/..data"), { recursive: true }); // as Kubernetes mounts a secret that is missing
  const flags = ["--tls-cert", directoryOf(site, null), "--https-port", "0"];
  await using program = await Program.start(site.path("www"), flags);
  assertEquals((await exchange(program.port, get("/"))).text, "hello");
  assertEquals(urlsOf(program).https, undefined);
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test("a directory whose links change, as those of a mounted secret do, is served anew without a signal", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "www/index.html": "hello" });
  const certs = site.path("certs");
  Deno.mkdirSync(certs);
  for (const name of ["tls.crt", "tls.key"]) Deno.symlinkSync(`..data/${name}`, `${certs}/${name}`);
  const put = (version: string) => {
    const { cert, key } = certificates.make({ names: NAMES, from: -1 });
    site.write(`certs/..${version}/tls.crt`, cert);
    site.write(`certs/..${version}/tls.key`, key);
    Deno.symlinkSync(`..${version}`, `${certs}/..data_tmp`);
    Deno.renameSync(`${certs}/..data_tmp`, `${certs}/..data`);
    return cert;
  };
  put("1");
  await using program = await Program.start(site.path("www"), ["--tls-cert", `${certs}/`]);
  const trusts = async (cert: string) =>
    await curl("--cacert", certificates.write(cert), `https://localhost:${program.port}/`) === "hello";
  const next = put("2");
  await eventually(() => trusts(next), "the new certificate is not served");
  Deno.removeSync(`${certs}/..data`);
  await program.warned(/Certificates stay as they are: \S+certs\/tls\.crt cannot be used: .*ENOENT/);
  assert(await trusts(next));
});

Deno.test("each mistake with a directory or --https-port is one line, and status 2", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "www/index.html": "hello", "other/fullchain.pem": "", "half/x": "" });
  const pair = certificates.make({ names: NAMES });
  const certs = directoryOf(site, pair);
  Deno.removeSync(site.path("half/x"));
  site.write("half/tls.crt", pair.cert);
  const cases: [flags: string[], expected: RegExp][] = [
    [["--https-port", "0"], /^--https-port needs a certificate: --tls-cert FILE, or the directory of one\n/],
    [
      ["--tls-cert", site.path("missing/")],
      /^There is no directory \S+missing\/: --tls-cert takes a file, or /,
    ],
    [
      ["--tls-cert", site.path("other/")],
      /^\S+other\/ has no tls\.crt, but fullchain\.pem: --tls-cert takes /,
    ],
    [["--tls-cert", site.path("half/")], /^\S+half\/tls\.key cannot be used: .*ENOENT/],
    [["--tls-cert", site.path("www/index.html/")], /index\.html\/tls\.crt cannot be used: .*ENOTDIR/],
    [["--tls-cert", certs, "--tls-key", site.path("certs/tls.key")], /^\S+tls\.key has no certificate: /],
    [["--tls-key", certs], /^Bad --tls-key "\S+": expected a file such as /],
    [
      ["--tls-cert", certs, "--https-port", "8443", "--listen", "8443"],
      /^Bad address "\S+8443": .* listens there, too/,
    ],
    [
      ["--tls-cert", certs, "--https-port", "8443", "--redirect-http", "8443"],
      /^Bad address --redirect-http: https:\S+8443 listens there, too/,
    ],
    [
      ["--tls-cert", certs, "--https-port", "x"],
      /^Bad --https-port "x": expected a whole number from 0 to 65535/,
    ],
  ];
  for (const [flags, expected] of cases) {
    for (const action of [[], ["--check"]]) {
      const { code, stderr } = await runProgram(["--port", "0", "-d", site.path("www"), ...flags, ...action]);
      assertEquals(code, 2, `${flags}: ${stderr}`);
      assertMatch(stderr.replace(/^epollet: /, ""), expected, flags.join(" "));
      assertEquals(stderr.split("\n").length, 2, stderr);
    }
  }
});

Deno.test("--check writes a directory of certificates as one", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "www/index.html": "hello" });
  const certs = directoryOf(site, certificates.make({ names: NAMES }));
  const flags = ["-d", "www", "--tls-cert", "certs//", "--https-port", "8443", "--check"];
  const { code, stdout, stderr } = await runProgram(flags, site.root);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, `"cert": [\n      "${certs}"\n    ]`);
  assertStringIncludes(stdout, '"port": 8443');
});

Deno.test("a file's certificate counts where the directory of the environment is empty", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "www/index.html": "hello" });
  const { cert, key } = certificates.make({ names: NAMES });
  site.write("own.crt", cert);
  site.write("own.key", key);
  site.write("epollet.json", '{ "port": 0, "root": "www", "tls": { "cert": "own.crt", "key": "own.key" } }');
  const start = async (certs: string) => {
    const variables = [`EPOLLET_TLS_CERT=${certs}`, "EPOLLET_HTTPS_PORT=0", "EPOLLET_CONFIG=./"];
    return await Program.startCommand(["env", ...variables, ...programCommand([])], site.root);
  };
  await using program = await start(directoryOf(site, null));
  await program.printed(/ at https:/);
  assertEquals(await curl("--cacert", site.path("own.crt"), urlsOf(program).https!), "hello");
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test("a variable that Kubernetes sets beside a Service named epollet-https is no port", async () => {
  using site = new Site({ "index.html": "hello" });
  const variables = [
    "EPOLLET_HTTPS_PORT=tcp://10.0.0.7:443",
    "EPOLLET_HTTPS_PORT_443_TCP=tcp://10.0.0.7:443",
  ];
  const command = ["env", ...variables, ...programCommand(["--port", "0", "--root", site.root])];
  await using program = await Program.startCommand(command);
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});
