/**
 * `--hsts`: who is told to use nothing but HTTPS.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { output } from "../support/commands.ts";
import { Program, runProgram, Site } from "../support/program.ts";
import { TestCertificates } from "../support/test_certificates.ts";

Deno.test("--hsts tells clients of HTTPS to use nothing else, for two years or as long as is said", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello" });
  for (
    const [flag, seconds] of [["--hsts", 63_072_000], ["--hsts=30d", 2_592_000], ["--hsts=0", 0]] as const
  ) {
    await using program = await Program.start(site.root, [...certificates.flags(), flag]);
    for (const path of ["/", "/missing"]) {
      const answer = await output(
        "curl",
        "-sSi",
        "--cacert",
        certificates.root,
        `https://localhost:${program.port}${path}`,
      );
      assertMatch(answer, new RegExp(`^Strict-Transport-Security: max-age=${seconds}\r$`, "im"));
    }
  }
  for (
    const [flags, expected] of [[["--hsts"], /^--hsts needs a certificate/], [["--hsts=x"], /hsts/]] as const
  ) {
    const { code, stderr } = await runProgram(["--port", "0", "-d", site.root, ...flags]);
    assertEquals(code, 2);
    assertMatch(stderr.replace(/^epollet: /, ""), expected);
  }
});

Deno.test("without TLS there is no field of --hsts, whatever is answered; another value in a rule stays", async () => {
  using certificates = new TestCertificates();
  const page = "x".repeat(300_000);
  using site = new Site({
    "index.html": "h\u00e9llo",
    "page.html": page,
    ".well-known/acme-challenge/token": "proof",
    "epollet.json":
      '{ "headers": [{ "source": "/own/*", "headers": { "Strict-Transport-Security": "max-age=1" } }] }',
  });
  const flags = [...certificates.flags(), "--hsts", "--redirect-http", "127.0.0.1:0", "-v"];
  for (const coroutine of [[], ["--coroutine"]]) {
    const listen = ["--listen", "http://127.0.0.1:0", "--config", site.path("epollet.json"), ...coroutine];
    await using program = await Program.start(site.root, [...flags, ...listen]);
    await program.printed(/\npoller /);
    const secure = Number(/https:\/\/127\.0\.0\.1:(\d+)/.exec(program.stdout)?.[1]);
    const plain = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(program.stdout)?.[1]);
    const redirect = Number(/127\.0\.0\.1:(\d+) \(redirects to HTTPS\)/.exec(program.stdout)?.[1]);
    const fetched = async (url: string, ...more: string[]) =>
      await output("curl", "-sSi", "--http1.1", "--cacert", certificates.root, url, ...more);
    const field = /^Strict-Transport-Security: max-age=(\d+)\r$/m;
    for (const path of ["/", "/page.html", "/missing", "/own/missing"]) {
      for (
        const more of [[], ["-I"], ["-r", "1-4"], ["-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"]]
      ) {
        const [before, after] = [
          await fetched(`https://localhost:${secure}${path}`, ...more),
          await fetched(`http://localhost:${plain}${path}`, ...more),
        ];
        const isOwn = path.startsWith("/own/");
        assertEquals(field.exec(before)?.[1], isOwn ? "1" : "63072000", path);
        assertEquals(field.exec(after)?.[1], isOwn ? "1" : undefined, path);
        const same = (text: string) =>
          text.replace(field, "").replace(/\r\n\n/, "\r\n").replace(/^Date: .*$/m, "");
        assertEquals(same(after), same(before));
      }
    }
    const proof = await fetched(`http://localhost:${redirect}/.well-known/acme-challenge/token`);
    assertMatch(proof, /^HTTP\/1.1 200 [^]*proof$/);
    assert(!field.test(proof), proof);
  }
});
