/**
 * HTTPS by the program: certificates from files, their mistakes, and real clients.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { output } from "../support/commands.ts";
import { Program, runProgram, Site } from "../support/program.ts";
import { type CertificateWish, LOCAL_NAMES, TestCertificates } from "../support/test_certificates.ts";
import { noise } from "../support/random.ts";
import { hasKernelTls } from "../../ffi/socket/kernel_tls.ts";
import { TlsClient } from "../support/tls_client.ts";
import { eventually } from "../support/waiting.ts";
import { exchange, get } from "../support/wire.ts";

Deno.test("a site is served by HTTPS, the greeting says so, and clients that check the chain accept it", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello\n", "large.txt": "0123456789".repeat(200_000) });
  await using program = await Program.start(site.root, certificates.flags());
  assertStringIncludes(program.greeting, `Serving ${site.root} at https://127.0.0.1:${program.port}/`);
  const url = `https://localhost:${program.port}/`;
  const { root } = certificates;
  assertEquals(await output("curl", "-sS", "--cacert", root, url), "hello\n");
  const large = await output("curl", "-sS", "--cacert", root, `${url}large.txt`);
  assertEquals(large.length, 2_000_000);
  const shown = await output("openssl", "s_client", "-connect", `localhost:${program.port}`, "-CAfile", root);
  assertStringIncludes(shown, "Verification: OK");
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test("--redirect-http leads to HTTPS, and to no other host; challenges of an authority come from the site", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello\n", ".well-known/acme-challenge/token": "proof" });
  const flags = [...certificates.flags(), "--redirect-http", "127.0.0.1:0", "-v"];
  await using program = await Program.start(site.root, flags);
  await program.printed(/redirects to HTTPS/);
  const plain = Number(/listening +127\.0\.0\.1:(\d+) \(redirects to HTTPS\)/.exec(program.stdout)?.[1]);
  const answer = async (host: string, path: string, ...more: string[]) =>
    await output("curl", "-sSi", "-H", `Host: ${host}`, `http://127.0.0.1:${plain}${path}`, ...more);
  const redirected = await answer("localhost", "/a/b?c=d");
  assertMatch(redirected, /^HTTP\/1.1 308 /);
  assertStringIncludes(redirected, `Location: https://localhost:${program.port}/a/b?c=d\r\n`);
  assertMatch(await answer("localhost", "/", "--http1.0"), /^HTTP\/1.1 301 /);
  for (const host of ["evil.test", "", "localhost@evil.test"]) {
    const refused = await answer(host, "/");
    assertMatch(refused, /^HTTP\/1.1 400 /, host);
    assert(!refused.includes("Location"), refused);
  }
  assertMatch(
    await answer("localhost", "/.well-known/acme-challenge/token"),
    /^HTTP\/1.1 200 [^]*\r\n\r\nproof$/,
  );
});

Deno.test("addresses say by their scheme what is spoken, and UNIX sockets speak HTTP", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello\n" });
  const socket = `${certificates.directory}/a.sock`;
  const listen = ["https://127.0.0.1:0", "http://127.0.0.1:0", `unix:${socket}`].flatMap((
    at,
  ) => ["--listen", at]);
  await using program = await Program.startArguments([
    "-d",
    site.root,
    ...listen,
    ...certificates.flags(),
  ]);
  await program.printed(/ at unix:/);
  const url = (scheme: string) => new RegExp(`${scheme}://127\\.0\\.0\\.1:\\d+/`).exec(program.stdout)![0];
  assertEquals(await output("curl", "-sS", "--cacert", certificates.root, url("https")), "hello\n");
  assertEquals(await output("curl", "-sS", url("http")), "hello\n");
  assertEquals(await output("curl", "-sS", "--unix-socket", socket, "http://localhost/"), "hello\n");
});

Deno.test("each mistake in a certificate or key is one line that names the file, and status 2", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello" });
  const good = certificates.make({ names: LOCAL_NAMES });
  const [cert, key] = certificates.files(good);
  const otherKey = certificates.files(certificates.make({ names: LOCAL_NAMES }))[1];
  const make = (wish: CertificateWish) => certificates.files(certificates.make(wish));
  const expired = make({ names: LOCAL_NAMES, days: -1 });
  const early = make({ names: LOCAL_NAMES, days: 60, from: 2 });
  const weak = make({ names: LOCAL_NAMES, key: "rsa:1024" });
  const issued = certificates.make({ names: LOCAL_NAMES, isIssued: true });
  const blocks = issued.cert.match(/-----BEGIN[^]*?-----END CERTIFICATE-----\n/g)!;
  const unordered = certificates.write(blocks[0]! + good.cert);
  const damaged = certificates.write(good.cert.replace(/\n(.{20})/, "\n!$1"));
  const encrypted = `${certificates.directory}/encrypted.pem`;
  await output("openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:x", "-out", encrypted);
  const empty = certificates.write("no pem\n");
  const missing = `${certificates.directory}/missing.pem`;
  const cases: [flags: string[], expected: RegExp][] = [
    [["--tls-cert", missing], new RegExp(`^${missing} cannot be used: .*ENOENT`)],
    [["--tls-cert", certificates.directory], /EISDIR/],
    [["--tls-cert", cert], new RegExp(`^${cert} has no key in it: .*--tls-key`)],
    [["--tls-cert", empty, "--tls-key", key], new RegExp(`^${empty} has no certificate in PEM`)],
    [["--tls-cert", cert, "--tls-key", empty], new RegExp(`^${empty} has no private key in PEM`)],
    [
      ["--tls-cert", cert, "--tls-key", encrypted],
      new RegExp(`^${encrypted} has an encrypted key.*openssl pkey`),
    ],
    [
      ["--tls-cert", cert, "--tls-key", otherKey],
      new RegExp(`^${otherKey} has the key of another certificate than ${cert}`),
    ],
    [["--tls-cert", damaged, "--tls-key", key], new RegExp(`^${damaged} has a damaged certificate`)],
    [
      ["--tls-cert", unordered, "--tls-key", certificates.write(issued.key)],
      new RegExp(`^${unordered} has a chain in the wrong order`),
    ],
    [["--tls-cert", expired[0], "--tls-key", expired[1]], new RegExp(`^${expired[0]} expired on `)],
    [["--tls-cert", early[0], "--tls-key", early[1]], new RegExp(`^${early[0]} is not valid before `)],
    [
      ["--tls-cert", weak[0], "--tls-key", weak[1]],
      new RegExp(`^${weak[0]} has a weak key \\(RSA 1024 bits\\)`),
    ],
    [["--tls-key", key], /^--tls-key \S+ needs a certificate: --tls-cert/],
    [
      ["--tls-cert", cert, "--tls-key", key, "--tls-key", otherKey],
      new RegExp(`^${otherKey} has no certificate: `),
    ],
    [["--redirect-http", "0"], /^--redirect-http needs a certificate/],
    [["--listen", "https://127.0.0.1:0"], /^https:\/\/ needs a certificate/],
    [["--tls-cert", "a/"], /tls-cert/],
    [["--tls-profile", "old"], /tls-profile/],
  ];
  for (const [flags, expected] of cases) {
    for (const action of [[], ["--check"]]) {
      const { code, stderr, stdout } = await runProgram([
        "--port",
        "0",
        "-d",
        site.root,
        ...flags,
        ...action,
      ]);
      assertEquals(code, 2, `${flags}: ${stderr}`);
      assertMatch(stderr.replace(/^epollet: /, ""), expected, flags.join(" "));
      assertEquals(stderr.split("\n").length, 2, stderr);
      assert(!`${stdout}${stderr}`.includes("PRIVATE KEY-----\n"), "no key is shown");
    }
  }
});

Deno.test("--check tells what the certificates say, warns of a missing chain and a near end, and shows no key", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello" });
  const issued = certificates.make({ names: ["example.org", "*.example.org"], isIssued: true, days: 5 });
  const [cert, key] = certificates.files({
    ...issued,
    cert: issued.cert.split(/(?<=END CERTIFICATE-----\n)/)[0]!,
  });
  const flags = ["--tls-cert", cert, "--tls-key", key, "-d", site.root, "--check"];
  const { code, stdout, stderr } = await runProgram(flags);
  assertEquals(code, 0, stderr);
  assertMatch(
    stderr,
    /for example\.org, \*\.example\.org, ECDSA 256, until \d{4}-\d\d-\d\d, no chain, issued by CN=Test Middle/,
  );
  assertMatch(
    stderr,
    /TLS profile intermediate, groups .*X25519, P-256, P-384, OpenSSL 3\.\S+, (no kTLS|kTLS with AES-128-GCM)/,
  );
  assertMatch(stderr, new RegExp(`${cert} has no chain: `));
  assertMatch(stderr, new RegExp(`${cert} expires on .*, in [45] days: renew it`));
  assertStringIncludes(
    stdout,
    `"tls": {\n    "cert": [\n      "${cert}"\n    ],\n    "key": [\n      "${key}"\n    ],\n    "profile": "intermediate"\n  }`,
  );
  assert(!/PRIVATE KEY/.test(stdout + stderr));
});

Deno.test("-v says whether the kernel encrypts, and a large file comes whole from inside the sandbox", async () => {
  using certificates = new TestCertificates();
  const content = noise(3_000_001, 5);
  using site = new Site({ "large.bin": content });
  await using program = await Program.start(site.root, [...certificates.flags(), "-v"]);
  await program.printed(/TLS +profile intermediate, groups .*, OpenSSL 3.*, (no kTLS|kTLS with AES-128-GCM)/);
  using client = await TlsClient.connect(program.port);
  await client.send(get("/large.bin", "Connection: close"));
  const { bytes, status } = await client.receive();
  assertEquals(status, 0);
  assertEquals(bytes.slice(-content.length), content);
  assertEquals(program.stdout.includes("no kTLS"), !hasKernelTls());
});

Deno.test("workers and a reload share the keys of tickets: every one of them resumes a session", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.start(site.root, [
    ...certificates.flags(),
    "--workers",
    "2",
    "--no-config",
  ]);
  const session = async () => {
    using client = await TlsClient.connect(program.port, { serverName: "localhost" });
    await client.send(get("/"));
    await client.receiveText("hello");
    client.sayEnd();
    return client.session;
  };
  const resumes = async () => {
    using client = await TlsClient.connect(program.port, {
      serverName: "localhost",
      session: await session(),
    });
    return client.isResumed;
  };
  for (let i = 0; i < 6; i++) assertEquals(await resumes(), true);
  program.kill("SIGHUP");
  await program.printed(/Settings read again/);
  for (let i = 0; i < 6; i++) assertEquals(await resumes(), true);
});

Deno.test("metrics tell of handshakes by version and result, and of the end of each certificate", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello" });
  const flags = [...certificates.flags(), "--admin", "127.0.0.1:0", "--workers", "1", "--no-config"];
  await using program = await Program.start(site.root, flags);
  await program.printed(/Admin at/);
  const admin = Number(/Admin at http:\/\/127\.0\.0\.1:(\d+)\//.exec(program.stdout)![1]);
  for (const version of [0x0303, 0x0304, 0x0304]) {
    using client = await TlsClient.connect(program.port, { version });
    await client.send(get("/"));
    await client.receiveText("hello");
  }
  await TlsClient.connect(program.port, { alpn: ["imap"] }).catch(() => {});
  await TlsClient.connect(program.port, { version: 0x0303, ciphers: "AES128-SHA" }).catch(() => {});
  const text = async () => (await exchange(admin, get("/metrics"))).text;
  await eventually(async () => /tls_failures_total(\{[^}]*\})? 2\n/.test(await text()), "two failures");
  const metrics = (await text()).replaceAll('worker="0",', "").replaceAll('{worker="0"}', "");
  for (
    const line of [
      'epollet_tls_handshakes_total{version="1.2"} 1',
      'epollet_tls_handshakes_total{version="1.3"} 2',
      "epollet_tls_resumptions_total 0",
    ]
  ) assertStringIncludes(metrics, `${line}\n`);
  const end = Number(/certificate_not_after_seconds\{place="0",name="localhost"\} (\d+)/.exec(metrics)?.[1]);
  assert(Math.abs(end - Date.now() / 1000 - 30 * 86_400) < 86_400, metrics);
});
