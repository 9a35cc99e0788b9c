/**
 * What an authority that lies and a wrong directory cannot do.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Change, FakeAuthority } from "../support/fake_authority.ts";
import { freePort } from "../support/free_port.ts";
import { runProgram, Site } from "../support/program.ts";
import { TestCertificates } from "../support/test_certificates.ts";

const KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** Runs the command, and returns what it logs. */
async function certificate(authority: FakeAuthority, dir: string): Promise<string> {
  const ports = ["--http-port", String(freePort()), "--tls-port", String(freePort())];
  const { code, stderr } = await runProgram([
    ...["certificate", "a.example", ...authority.flags, "--dir", dir, ...ports],
  ]);
  assertEquals(code, 1, stderr);
  assert(!KEY.test(stderr), stderr);
  return stderr;
}

const endless = () =>
  new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024).fill(0x20)),
  });

const LIES: readonly (readonly [
  title: string,
  change: Change,
  line: RegExp,
])[] = [
  [
    "a redirect to another host is not followed",
    (path) =>
      path === "/dir"
        ? new Response(null, { status: 302, headers: { location: "https://127.0.0.1:1/dir" } })
        : null,
    /localhost:\d+ redirects to another host, which is not followed\./,
  ],
  [
    "a URL of another host is not asked",
    (path, { base }) =>
      path === "/dir"
        ? Response.json({
          newNonce: `${base}/n`,
          newAccount: "https://169.254.169.254/a",
          newOrder: `${base}/o`,
        })
        : null,
    /sends a URL of another host for newAccount, 169\.254\.169\.254, which is not asked\./,
  ],
  [
    "a URL without TLS is not asked",
    (path) =>
      path === "/dir"
        ? Response.json({ newNonce: "http://localhost/n", newAccount: "x", newOrder: "y" })
        : null,
    /sends no HTTPS URL for newNonce\./,
  ],
  [
    "a body without an end is cut off",
    (path) => path === "/dir" ? new Response(endless()) : null,
    /answers with too long a body\./,
  ],
  [
    "what is no directory is told of",
    (path) => path === "/dir" ? new Response("<html>") : null,
    /sends no JSON object\./,
  ],
  [
    "a token that is a path becomes no file",
    (path, { base }) =>
      path !== "/authorization" ? null : Response.json({
        status: "pending",
        identifier: { type: "dns", value: "a.example" },
        challenges: [{ type: "http-01", url: `${base}/challenge`, token: "../../../../tmp/epollet-token" }],
      }),
    /sends a token that is none\./,
  ],
  [
    "an authorization for another name is not answered",
    (path) =>
      path === "/authorization"
        ? Response.json({ status: "pending", identifier: { type: "dns", value: "b.example" } })
        : null,
    /sends an authorization for another name\./,
  ],
  [
    "a certificate for another key is not used",
    (path, { certificates }) =>
      path === "/certificate"
        ? new Response(certificates.make({ names: ["a.example"], isIssued: true }).cert)
        : null,
    /sends a certificate that cannot be used: it has the key of another certificate\./,
  ],
  [
    "an explanation with control characters is one short line",
    (path) =>
      path === "/newOrder"
        ? Response.json({
          type: "urn:ietf:params:acme:error:rejectedIdentifier",
          detail: `no\n\x1b[31m${"x".repeat(5000)}`,
        }, { status: 400 })
        : null,
    /^epollet: a\.example: the authority gives no certificate for this name \(no \\x1b\[31mx{280,290}…\)\. Next try in \d+ s\n$/,
  ],
];

for (const [title, change, line] of LIES) {
  Deno.test(`an authority that lies: ${title}`, async () => {
    await using authority = new FakeAuthority(change);
    using scene = new Site();
    const stderr = await certificate(authority, `${scene.root}/certs`);
    assertMatch(stderr, line);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
    const names = [...Deno.readDirSync(`${scene.root}/certs`)].map(({ name }) => name);
    assert(!names.includes("a.example.pem"));
  });
}

Deno.test("interim responses of an authority are passed over", async () => {
  using certificates = new TestCertificates();
  using scene = new Site();
  const { cert, key } = certificates.make({ names: ["localhost"], isIssued: true });
  const listener = Deno.listenTls({ cert, key, hostname: "127.0.0.1", port: 0 });
  const interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(2);
  const answering = (async () => {
    for await (const client of listener) {
      await client.read(new Uint8Array(4096));
      await client.write(new TextEncoder().encode(`${interim}HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n`));
      client.close();
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const { stderr } = await runProgram([
    ...[
      "certificate",
      "a.example",
      "--directory",
      `https://localhost:${port}/dir`,
      "--ca",
      certificates.root,
    ],
    ...["--dir", `${scene.root}/certs`, "--http-port", String(freePort()), "--tls-port", String(freePort())],
  ]);
  assertMatch(stderr, /answers with status 418: is it a directory of ACME\?/);
  listener.close();
  await answering;
});

Deno.test("an authority without a certificate that is trusted is not asked", async () => {
  await using authority = new FakeAuthority(() => null);
  using scene = new Site();
  using others = new TestCertificates();
  others.make({ names: ["x.example"], isIssued: true });
  const flags = ["--directory", `${authority.base}/dir`, "--ca", others.root, "--dir", `${scene.root}/certs`];
  const ports = ["--http-port", String(freePort()), "--tls-port", String(freePort())];
  const { code, stderr } = await runProgram(["certificate", "a.example", ...flags, ...ports]);
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^epollet: a\.example: Cannot ask localhost:\d+: its certificate is not trusted: .*--acme-ca/,
  );
  assertEquals(authority.asked, []);
});

Deno.test("a directory with keys is refused as a site's root, as part of one, and around one, also by a link", async () => {
  using scene = new Site();
  scene.write("site/index.html", "hello");
  Deno.mkdirSync(`${scene.root}/site/certs`);
  Deno.symlinkSync(`${scene.root}/site/certs`, `${scene.root}/link`);
  const site = `${scene.root}/site`;
  for (
    const [dir, words] of [
      [site, "is the site"],
      [`${site}/certs`, "is in the site"],
      [`${site}/new/certs`, "is in the site"],
      [`${scene.root}/link`, "is in the site"],
      [scene.root, "contains the site"],
    ]
  ) {
    for (const check of [["--check"], []]) {
      const args = ["443", site, "--acme", "a.example", "--acme-dir", dir!, ...check];
      const { code, stderr } = await runProgram(args);
      assertEquals(code, 2, stderr);
      assert(stderr.startsWith(`epollet: ${dir!} has keys, and ${words} `), stderr);
    }
  }
});

Deno.test("settings that cannot work are refused with one line", async () => {
  using scene = new Site();
  scene.write("site/index.html", "hello");
  const dir = ["--acme-dir", `${scene.root}/certs`];
  for (
    const [args, expected] of [
      [
        ["--acme", "*.a.example"],
        /^epollet: Bad --acme "\*\.a\.example": expected .*wildcard needs a record in DNS/,
      ],
      [["--acme-email", "a@b.example"], /^epollet: --acme-email needs names: --acme NAME\n$/],
      [
        ["--acme", "a.example", "--acme-staging", "--acme-directory", "https://a.example/"],
        /^epollet: --acme-staging is the test service .*: give one of them\n$/,
      ],
      [
        ["--acme", "a.example", "--https"],
        /^epollet: --https is for development, and --acme for the open web: give one of them\n$/,
      ],
      [["--acme", "a.example", "--acme-eab", "/nowhere"], /^epollet: Bad --acme-eab: Cannot open \/nowhere/],
      [["--acme", "a.example", "--acme-directory", "ftp://a.example"], /^epollet: Bad --acme-directory/],
      [["--acme", "a.example", "--no-acme"], /exclude each other/],
    ] as const
  ) {
    const { code, stderr } = await runProgram(["443", scene.root + "/site", ...dir, ...args, "--check"]);
    assertEquals(code, 2, stderr);
    assertMatch(stderr, expected);
  }
});

Deno.test("--check says what would be asked for, and makes nothing", async () => {
  using scene = new Site();
  scene.write("site/index.html", "hello");
  const dir = `${scene.root}/certs`;
  const args = [
    "443",
    `${scene.root}/site`,
    "--acme",
    "a.example,b.example",
    "--acme-dir",
    dir,
    "--redirect-http",
    "80",
    "--check",
  ];
  const { code, stdout, stderr } = await runProgram(args);
  assertEquals(code, 0, stderr);
  const line =
    "epollet: b.example: no certificate yet; at the start, a certificate is asked for at acme-v02.api.letsencrypt.org, by http-01, then tls-alpn-01; it is kept in ";
  assert(stderr.split("\n").includes(line + dir), stderr);
  assertMatch(stdout, /"names": \[\s*"a\.example",\s*"b\.example"\s*\]/);
  assert(![...Deno.readDirSync(scene.root)].some(({ name }) => name === "certs"));
});
