/**
 * Directories of ACME: one that does not last, and one in which another client writes.
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { patient } from "../support/deadline.ts";
import { IS_EMULATED, Program, programCommand, Site } from "../support/program.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { eventually, outputOf } from "../support/waiting.ts";

Deno.test("on a container's own file system it refuses to start, and says why", async () => {
  if (Deno.uid() !== 0 || IS_EMULATED) return console.log("skipped: only root can mount");
  using scene = new Site();
  for (const name of ["site", "lower", "upper", "work", "merged"]) Deno.mkdirSync(`${scene.root}/${name}`);
  // An overlay cannot be made on another one.
  const mount =
    'mount -t tmpfs tmpfs "$0" && mkdir "$0/u" "$0/w" "$0/l" "$0/m" && mount -t overlay o -o "lowerdir=$0/l,upperdir=$0/u,workdir=$0/w" "$0/m" || exit 99; exec "$@"';
  const program = programCommand([
    "0",
    `${scene.root}/site`,
    "--acme",
    "a.example",
    "--acme-dir",
    `${scene.root}/merged/m/certs`,
  ]);
  const args = ["--mount", "--propagation", "private", "sh", "-c", mount, `${scene.root}/merged`, ...program];
  const process = new Deno.Command("unshare", { args, stdout: "piped", stderr: "piped" }).spawn();
  const { code, stderr } = await outputOf(process, "the program");
  if (code === 99) return console.log("skipped: no overlay can be mounted");
  const text = new TextDecoder().decode(stderr);
  assertEquals(code, 2, text);
  assertMatch(
    text,
    /^epollet: \S+\/certs is in the container's own file system, and would be lost with it; .*mount a volume there/,
  );
});

Deno.test(
  "--acme-tls-alpn answers with what another client writes, also in place, until it is removed",
  patient(300, async () => {
    using scene = new Site();
    using certificates = new TestCertificates();
    scene.write("site/index.html", "hello");
    Deno.mkdirSync(`${scene.root}/alpn`);
    const [cert, key] = certificates.files(certificates.make({ names: ["localhost"] }));
    const flags = ["--tls-cert", cert, "--tls-key", key, "--acme-tls-alpn", `${scene.root}/alpn`];
    await using program = await Program.start(`${scene.root}/site`, flags);
    const shown = async (alpn: string) => {
      const args = [
        "s_client",
        "-connect",
        `127.0.0.1:${program.port}`,
        "-servername",
        "a.example",
        "-alpn",
        alpn,
      ];
      const { stdout } = await new Deno.Command("openssl", { args, stdin: "null", stderr: "null" }).output();
      return new TextDecoder().decode(stdout);
    };
    const answer = certificates.make({ names: ["a.example"] });
    Deno.writeTextFileSync(`${scene.root}/alpn/a.example.crt.pem`, answer.cert);
    Deno.writeTextFileSync(`${scene.root}/alpn/a.example.key.pem`, answer.key);
    await eventually(async () => /ALPN protocol: acme-tls\/1/.test(await shown("acme-tls/1")), "no answer");
    assertMatch(await shown("acme-tls/1"), /subject=CN = a\.example/);
    assertMatch(await shown("http/1.1"), /subject=CN = localhost/);
    Deno.removeSync(`${scene.root}/alpn/a.example.crt.pem`);
    await eventually(async () => !/subject=CN/.test(await shown("acme-tls/1")), "it is still answered");
  }),
);
