/**
 * The program over HTTPS, as other people's clients see it: curl, OpenSSL, GnuTLS, Python, wrk and Chromium.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { findBrowser } from "../support/browser.ts";
import { isInstalled, run } from "../support/commands.ts";
import { Page } from "../support/devtools.ts";
import { Site } from "../support/program.ts";
import { noise } from "../support/random.ts";
import { SecureProgram } from "../support/secure_program.ts";

const MIB = 1024 * 1024;
/** Larger than files that are kept in memory. */
const LARGE = noise(5 * MIB, 9);
const FILES = { "index.html": "hello\n", "large.bin": LARGE };

/** Ends the program, which has to have logged nothing. */
async function endWell({ program }: SecureProgram): Promise<void> {
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
}

async function hexDigest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

Deno.test("curl checks the chain, speaks HTTP/1.1 and HTTP/2 over TLS 1.2 and 1.3, keeps its connection, and gets whole files", async () => {
  if (!isInstalled("curl")) return;
  using site = new Site(FILES);
  using here = new Site();
  await using secure = await SecureProgram.start(site.root);
  const curl = (...args: string[]) => run(["curl", "-sS", "--cacert", secure.authority, ...args]);
  for (const [version, http] of [["1.2", "1.1"], ["1.3", "1.1"], ["1.2", "2"], ["1.3", "2"]] as const) {
    const only = [`--http${http}`, `--tlsv${version}`, "--tls-max", version];
    const shown = ["-w", "%{http_version} %{ssl_verify_result} %{num_connects}\\n"];
    const { code, stdout, stderr } = await curl(...only, ...shown, secure.url(), secure.url());
    assertEquals([code, stdout], [0, `hello\n${http} 0 1\nhello\n${http} 0 0\n`], stderr);
    const got = here.path("large.bin");
    assertEquals(await curl(...only, "-o", got, secure.url("/large.bin")), {
      code: 0,
      stdout: "",
      stderr: "",
    });
    assertEquals(Deno.readFileSync(got).every((byte, i) => byte === LARGE[i]), true);
    assertEquals(Deno.statSync(got).size, LARGE.length);
    const { stdout: range } = await curl(
      ...only,
      "-r",
      "4000000-4000099",
      "-o",
      got,
      "-w",
      "%{http_code}",
      secure.url("/large.bin"),
    );
    assertEquals([range, ...Deno.readFileSync(got)], ["206", ...LARGE.subarray(4_000_000, 4_000_100)]);
  }
  const { code } = await run(["curl", "-sS", secure.url()]);
  assertEquals(code, 60, "without the authority, curl refuses");
  await endWell(secure);
});

/** Runs `openssl s_client`. */
function openssl({ port, authority }: SecureProgram, input: string, ...args: string[]) {
  const own = ["-connect", `localhost:${port}`, "-CAfile", authority, "-verify_return_error"];
  return run(["openssl", "s_client", ...own, ...args], input);
}

Deno.test("openssl s_client -reconnect resumes on each of two workers; a saved session is resumed with both versions", async () => {
  if (!isInstalled("openssl")) return;
  using site = new Site(FILES);
  using here = new Site();
  await using secure = await SecureProgram.start(site.root, ["--workers", "2"]);
  for (let round = 0; round < 3; round++) {
    const { code, stdout } = await openssl(secure, "", "-reconnect", "-tls1_2");
    assertEquals(code, 0);
    assertEquals(stdout.match(/^New, TLSv1\.2/gm)?.length, 1, stdout);
    assertEquals(stdout.match(/^Reused, TLSv1\.2/gm)?.length, 5, "each of five more connections resumes");
  }
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const session = here.path(`session${version}`);
    // A ticket of TLS 1.3 comes after the handshake, so there has to be a request.
    const request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const first = await openssl(secure, request, version, "-ign_eof", "-sess_out", session);
    assertMatch(first.stdout, /^New, TLSv1\.[23][^]*\r\n\r\nhello\n/m);
    for (let round = 0; round < 6; round++) {
      const next = await openssl(secure, request, version, "-ign_eof", "-sess_in", session);
      assertMatch(next.stdout, /^Reused, TLSv1\.[23][^]*\r\n\r\nhello\n/m);
    }
  }
  await endWell(secure);
});

Deno.test("gnutls-cli trusts the chain, resumes, and gets close_notify at the end", async () => {
  if (!isInstalled("gnutls-cli", "gnutls-bin")) return;
  using site = new Site(FILES);
  await using secure = await SecureProgram.start(site.root);
  for (const version of ["1.2", "1.3"]) {
    const only = ["--priority", `NORMAL:-VERS-ALL:+VERS-TLS${version}`, "--x509cafile", secure.authority];
    const command = ["gnutls-cli", ...only, "-p", `${secure.port}`] as const;
    const { code, stdout, stderr } = await run(
      [...command, "localhost"],
      "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assertEquals(code, 0, stderr);
    assertMatch(
      stdout,
      new RegExp(`The certificate is trusted[^]*TLS${version}[^]*HTTP/1\\.1 200 OK[^]*hello`),
    );
    assertStringIncludes(stdout, "Peer has closed the GnuTLS connection");
    const { stdout: resumed } = await run([...command, "--resume", "localhost"]);
    assertStringIncludes(resumed, "This is a resumed session");
  }
  await endWell(secure);
});

/** Requests by Python's ssl: what follows its own close_notify, the server's close_notify, and keep-alive. */
const PYTHON = `
import socket, ssl, sys
port, authority = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=authority)

def request(path, close):
    return f"GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n{'Connection: close' if close else 'X: y'}\\r\\n\\r\\n".encode()

def rest(read):
    parts = []
    while part := read(65536):
        parts.append(part)
    return b"".join(parts)

for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    context.minimum_version = context.maximum_version = version
    connect = lambda: socket.create_connection(("localhost", port))

    # The server's end is close_notify, not only FIN: ssl would raise SSLEOFError.
    with context.wrap_socket(connect(), server_hostname="localhost", suppress_ragged_eofs=False) as client:
        client.sendall(request("/large.bin", True))
        body = rest(client.recv).partition(b"\\r\\n\\r\\n")[2]
        print(client.version(), len(body), end=" ")

    # unwrap sends close_notify and waits for the server's; then the connection ends.
    client = context.wrap_socket(connect(), server_hostname="localhost", suppress_ragged_eofs=False)
    client.sendall(request("/", False))
    while not client.recv(65536).endswith(b"hello\\n"):
        pass
    plain = client.unwrap()
    print(plain.recv(1), end=" ")
    plain.close()

    # A client that says close_notify behind its request reads its whole response.
    plain = connect()
    received, written = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(received, written, server_hostname="localhost")

    def until(call):
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                plain.sendall(written.read())
                part = plain.recv(65536)
                received.write(part) if part else received.write_eof()

    until(client.do_handshake)
    client.write(request("/large.bin", True))
    try:
        client.unwrap()
    except ssl.SSLWantReadError:
        pass
    body = b""
    try:
        while True:
            body += until(lambda: client.read(65536))
    except ssl.SSLZeroReturnError:  # the server's close_notify
        pass
    print(len(body.partition(b"\\r\\n\\r\\n")[2]))
`;

Deno.test("Python's ssl gets whole responses, also behind its own close_notify, and the server's close_notify", async () => {
  if (!isInstalled("python3")) return;
  using site = new Site(FILES);
  await using secure = await SecureProgram.start(site.root);
  const { stdout, stderr } = await run(["python3", "-c", PYTHON, `${secure.port}`, secure.authority]);
  const line = (version: string) => `${version} ${LARGE.length} b'' ${LARGE.length}\n`;
  assertEquals([stdout, stderr], [line("TLSv1.2") + line("TLSv1.3"), ""]);
  await endWell(secure);
});

Deno.test("wrk over HTTPS sees neither errors nor other statuses, with and without keep-alive", async () => {
  if (!isInstalled("wrk")) return;
  using site = new Site(FILES);
  await using secure = await SecureProgram.start(site.root);
  for (const args of [[], ["-H", "Connection: close"]]) {
    const { code, stdout } = await run(["wrk", "-t1", "-c8", "-d1s", ...args, secure.url()]);
    assertEquals(code, 0);
    assert(!/Socket errors|Non-2xx/.test(stdout), stdout);
    assertMatch(stdout, /[1-9]\d* requests in/);
  }
  await endWell(secure);
});

/** A page with a style sheet, a script, images, and a script that fetches a large file. */
const PAGE =
  `<!doctype html><title>HTTPS</title><link rel=stylesheet href=style.css><link rel=icon href=a.svg>
<img src=a.svg><img src=b.svg><img src=c.svg><img src=d.svg><script src=script.js></script>`;
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="30" height="30"></svg>`;
const SCRIPT = `let state = "loading";
const pages = Array.from({ length: 20 }, async (_, i) => (await fetch("/small/" + i + ".txt")).text());
(async () => {
  const bytes = await (await fetch("/large.bin")).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const texts = await Promise.all(pages);
  state = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") + " " + texts.join();
})().catch((error) => state = String(error));`;

Deno.test("Chromium loads a page over HTTPS whole: style sheet, script, images, twenty small files and a large one", async () => {
  const browser = await findBrowser();
  if (browser === null || !isInstalled("openssl")) return;
  const small = Array.from({ length: 20 }, (_, i) => [`small/${i}.txt`, `text ${i}`] as const);
  using site = new Site({
    "index.html": PAGE,
    "style.css": "body { color: rgb(1, 2, 3) }",
    "script.js": SCRIPT,
    ...Object.fromEntries(["a", "b", "c", "d"].map((name) => [`${name}.svg`, SVG])),
    ...Object.fromEntries(small),
    "large.bin": LARGE,
  });
  await using secure = await SecureProgram.start(site.root);
  // The browser accepts the certificates with this key, and checks everything else.
  const { stdout: pin } = await run([
    "sh",
    "-c",
    `openssl x509 -in "$0" -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | openssl base64`,
    secure.certificate,
  ]);
  {
    await using page = await Page.start(browser, [`--ignore-certificate-errors-spki-list=${pin.trim()}`]);
    await page.open(secure.url());
    await page.until(
      `document.readyState === "complete" && typeof state === "string" && state !== "loading"`,
    );
    assertEquals(await page.evaluate("state"), `${await hexDigest(LARGE)} ${small.map(([, text]) => text)}`);
    assertEquals(await page.evaluate("getComputedStyle(document.body).color"), "rgb(1, 2, 3)");
    assertEquals(
      await page.evaluate("[...document.images].map((image) => image.naturalWidth).join()"),
      "30,30,30,30",
    );
    assertEquals(await page.evaluate("location.protocol + isSecureContext"), "https:true");
    const protocols = "performance.getEntries().map((entry) => entry.nextHopProtocol).filter(Boolean)";
    assertEquals(await page.evaluate(`[...new Set(${protocols})].join()`), "h2");
    assertEquals(page.consoleMessages, []);
  }
  await endWell(secure);
});
