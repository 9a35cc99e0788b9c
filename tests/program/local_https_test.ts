/**
 * `--https`: the local authority, its limits, and the certificate that it signs.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hashPassword } from "../../handlers/site/auth/password_hash.ts";
import { machineNames } from "../../program/setup/local_names.ts";
import { output } from "../support/commands.ts";
import { LocalHome, MADE } from "../support/local_home.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { openssl, TestCertificates } from "../support/test_certificates.ts";

const modeOf = (path: string) => (Deno.statSync(path).mode! & 0o7777).toString(8);
const ROOT_URL = "/.well-known/epollet-root.pem";

/** Returns what a client that trusts the authority gets, or curl's error. */
function fetchBy(home: LocalHome, url: string, ...more: string[]): Promise<string> {
  return output("curl", "-sS", "--noproxy", "*", "--cacert", home.root, url, ...more);
}

Deno.test("--https makes an authority once, and clients that trust it accept the site by name and address", async () => {
  using home = new LocalHome();
  using site = new Site({ "index.html": "hello\n" });
  const [name] = machineNames();
  for (const isFirst of [true, false]) {
    await using program = await home.start(site.root);
    const { port } = program;
    assertStringIncludes(program.greeting, `Serving ${site.root} at https://127.0.0.1:${port}/`);
    assertEquals(await fetchBy(home, `https://localhost:${port}/`), "hello\n");
    assertEquals(await fetchBy(home, `https://127.0.0.1:${port}/`), "hello\n");
    if (name !== undefined) {
      for (const host of [name, `${name}.local`]) {
        const resolve = ["--resolve", `${host}:${port}:127.0.0.1`];
        assertEquals(await fetchBy(home, `https://${host}:${port}/`, ...resolve), "hello\n", host);
      }
    }
    program.kill("SIGTERM");
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
    assertEquals(MADE.test(program.stdout), isFirst, program.stdout);
  }
  assertEquals([home.authority, `${home.authority}/authority.pem`].map(modeOf), ["700", "600"]);
  const text = openssl("x509", "-in", home.root, "-noout", "-text");
  assertMatch(text, /Public Key Algorithm: id-ecPublicKey[^]*NIST CURVE: P-256/);
});

Deno.test("what the authority signs for other names is not accepted", async () => {
  using home = new LocalHome();
  using files = new TestCertificates();
  using site = new Site({ "index.html": "hello\n" });
  await (await home.start(site.root))[Symbol.asyncDispose]();
  const authority = `${home.authority}/authority.pem`;
  const verify = (name: string) => {
    const leaf = files.make({ names: [name] });
    const request = `${files.directory}/request.pem`;
    openssl("req", "-new", "-key", files.write(leaf.key), "-subj", "/O=stolen", "-out", request);
    const kind = /^[\d.]+$|:/.test(name) ? "IP" : "DNS";
    const extensions = files.write(`subjectAltName=${kind}:${name}\nextendedKeyUsage=serverAuth\n`);
    const signed = `${files.directory}/signed.pem`;
    openssl(
      ...["x509", "-req", "-in", request, "-CA", home.root, "-CAkey", authority, "-days", "10"],
      ...["-extfile", extensions, "-out", signed],
    );
    return new Deno.Command("openssl", {
      args: ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", home.root, signed],
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
  };
  const machine = machineNames();
  const local = [
    "localhost",
    "a.localhost",
    "printer.local",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.9.9",
    ...machine,
  ];
  for (const name of [...local, "127.1.2.3", "169.254.1.1", "::1", "fd12::1", "fe80::1"]) {
    assert(verify(name), `${name} is local`);
  }
  const foreign = [
    "example.org",
    "localhost.example.org",
    "8.8.8.8",
    "172.32.0.1",
    "192.169.0.1",
    "2001:db8::1",
  ];
  for (const name of [...foreign, ...machine.flatMap((own) => [`www.${own}`, `${own}.org`])]) {
    assert(!verify(name), `${name} is not local`);
  }
});

Deno.test("the authority's certificate is served with --https, and only that, also to those without a password", async () => {
  using home = new LocalHome();
  using site = new Site({ "index.html": "hello\n" });
  const user = `alice:${hashPassword("open sesame")}`;
  await using program = await home.start(site.root, ["--https", "--browse", "--auth", user]);
  const url = `https://localhost:${program.port}`;
  assertMatch(await fetchBy(home, `${url}/`, "-i"), /^HTTP\/[\d.]+ 401/);
  const answer = await fetchBy(home, url + ROOT_URL, "-i");
  assertMatch(answer, /^HTTP\/[\d.]+ 200/);
  assertMatch(answer, /content-type: application\/x-x509-ca-cert/i);
  assertStringIncludes(answer.replaceAll("\r", ""), `\n\n${Deno.readTextFileSync(home.root)}`);
  assert(!answer.includes("PRIVATE KEY"), answer);
  const head = await fetchBy(home, url + ROOT_URL, "-I");
  assertMatch(head, /^HTTP\/[\d.]+ 200[^]*content-length: \d{3,4}\r/i);
  assertMatch(
    await fetchBy(home, url + ROOT_URL, "-i", "-X", "POST"),
    /^HTTP\/[\d.]+ 405[^]*allow: GET, HEAD/i,
  );
  const known = ["-i", "-u", "alice:open sesame"];
  assertMatch(await fetchBy(home, `${url}${ROOT_URL}/`, ...known), /^HTTP\/[\d.]+ 404/);
  for (
    const path of ["/authority.pem", "/.well-known/authority.pem", "/.local/share/epollet/authority.pem"]
  ) {
    assertMatch(await fetchBy(home, url + path, ...known), /^HTTP\/[\d.]+ 404/, path);
  }
  await using plain = await home.start(site.root, []);
  assertMatch(
    await output("curl", "-sSi", "--noproxy", "*", `http://127.0.0.1:${plain.port}${ROOT_URL}`),
    /^HTTP\/1.1 404 /,
  );
});

Deno.test("plain HTTP on the port is redirected for names of the certificate, and refused for others", async () => {
  using home = new LocalHome();
  using site = new Site({ "index.html": "hello\n" });
  await using program = await home.start(site.root);
  const ask = (host: string) =>
    output("curl", "-sSi", "--noproxy", "*", "-H", `Host: ${host}`, `http://127.0.0.1:${program.port}/a`);
  const port = `:${program.port}`;
  const redirected = await ask(`localhost${port}`);
  assertMatch(redirected, /^HTTP\/1.1 308 /);
  assertStringIncludes(redirected, `Location: https://localhost${port}/a\r\n`);
  assertMatch(await ask("example.org"), /^HTTP\/1.1 400 /);
});

Deno.test("names of hosts below localhost and local are in the certificate, and others are not", async () => {
  using home = new LocalHome();
  using files = new TestCertificates();
  using site = new Site({ "index.html": "hello\n" });
  const hosts = { "app.localhost": {}, "*.dev.local": {}, "example.org": {} };
  const config = files.write(
    JSON.stringify({ port: 0, https: true, root: site.root, hosts }),
    "epollet.json",
  );
  await using program = await Program.startCommand(
    programCommand(["--config", config]),
    files.directory,
    home.environment(),
  );
  const { port } = program;
  const ask = (host: string) =>
    fetchBy(home, `https://${host}:${port}/`, "--resolve", `${host}:${port}:127.0.0.1`);
  for (const host of ["app.localhost", "a.dev.local"]) assertEquals(await ask(host), "hello\n", host);
  assertMatch(await ask("example.org"), /curl: \(60\) .*no alternative certificate subject name/);
});

Deno.test("--https-port serves HTTPS beside HTTP, and --redirect-http leads to it", async () => {
  using home = new LocalHome();
  using site = new Site({ "index.html": "hello\n" });
  const flags = ["--https", "--https-port", "0", "--redirect-http", "127.0.0.1:0", "-v"];
  await using program = await home.start(site.root, flags);
  await program.printed(/^keep-alive/m);
  const portOf = (kind: RegExp) => Number(kind.exec(program.stdout)?.[1]);
  const secure = portOf(/Serving \S+ at https:\/\/127\.0\.0\.1:(\d+)/);
  const plain = portOf(/Serving \S+ at http:\/\/127\.0\.0\.1:(\d+)/);
  const redirect = portOf(/listening +127\.0\.0\.1:(\d+) \(redirects to HTTPS\)/);
  assertEquals(await fetchBy(home, `https://localhost:${secure}/`), "hello\n");
  assertEquals(await fetchBy(home, `http://localhost:${plain}/`), "hello\n");
  assertEquals(await fetchBy(home, `http://localhost:${plain}${ROOT_URL}`), Deno.readTextFileSync(home.root));
  assertMatch(
    await fetchBy(home, `http://localhost:${redirect}/a`, "-i"),
    new RegExp(`^HTTP/1.1 308 [^]*Location: https://localhost:${secure}/a\r`),
  );
});

Deno.test("--check says what would be made, and makes nothing; -v says what was made", async () => {
  using home = new LocalHome();
  using site = new Site({ "index.html": "hello\n" });
  const check = () => home.run(["--check", "--https", "--no-config", site.root]);
  const before = await check();
  assertEquals(before.code, 0, before.stderr);
  assertMatch(
    before.stderr,
    /epollet: --https: a certificate for localhost, .*127\.0\.0\.1, ::1.*, signed by a new authority in \S+\/epollet\n/,
  );
  assertEquals(JSON.parse(before.stdout).https, true);
  assertEquals(
    [...Deno.readDirSync(home.path)].map(({ name }) => name).filter((name) => name === ".local"),
    [],
  );
  await using program = await home.start(site.root, ["--https", "-v"]);
  await program.printed(
    /certificate +The certificate of --https: for localhost, .* ECDSA 256, until \d{4}-\d\d-\d\d/,
  );
  assertMatch(
    (await check()).stderr,
    /signed by the authority in \S+\/epollet, which is valid until 20\d\d-/,
  );
});

Deno.test("each mistake about --https is one line, and status 2", async () => {
  using home = new LocalHome();
  using files = new TestCertificates();
  using site = new Site({ "index.html": "hello\n" });
  const [cert, key] = files.files(files.make({ names: ["localhost"] }));
  const file = files.write('{\n  "https": true,\n  "tls": { "hsts": true }\n}', "epollet.json");
  const cases: [args: string[], message: RegExp, more?: Record<string, string>][] = [
    [
      ["--https", "--tls-cert", cert, "--tls-key", key],
      /^--https makes a certificate of its own, and --tls-cert \S+ names another one: leave one out$/,
    ],
    [
      ["--https", "--tls-key", key],
      /^--https makes a certificate of its own, and --tls-key \S+ names another one/,
    ],
    [
      ["--https", "--hsts"],
      /^--https is for development, and --hsts would keep browsers from http:\/\/localhost/,
    ],
    [["--config", file], /epollet\.json:2: --https is for development, and --hsts/],
    [["--https"], /^There is no place for the local authority, since HOME is not set: set XDG_DATA_HOME/, {
      HOME: "",
    }],
    [
      ["--https"],
      /^The local authority cannot be used: .*ENOTDIR.*: set XDG_DATA_HOME to a directory of your own$/,
      { XDG_DATA_HOME: cert },
    ],
    [["--https=yes"], /^--https takes no value: write --https alone; type: epollet 0 \S+ --https$/],
  ];
  for (const [args, message, more] of cases) {
    const { code, stdout, stderr } = await home.run(["0", site.root, ...args], more);
    assertEquals([code, stdout], [2, ""], stderr);
    assertMatch(stderr, /^epollet: [^\n]+\n$/);
    assertMatch(stderr.slice("epollet: ".length, -1), message);
  }
  const { stdout, code } = await home.run(["--check", "--config", file, "--no-hsts"]);
  assertEquals([code, JSON.parse(stdout).https], [0, true]);
});
