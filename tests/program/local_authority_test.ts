/**
 * The directory of the local authority: no site contains it, its key is for its owner only, and it is made once.
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { output } from "../support/commands.ts";
import { LocalHome, MADE } from "../support/local_home.ts";
import { Site } from "../support/program.ts";
import { TestCertificates } from "../support/test_certificates.ts";

/** Returns what a client that trusts the authority gets, or curl's error. */
function fetchBy(home: LocalHome, url: string): Promise<string> {
  return output("curl", "-sS", "--noproxy", "*", "--cacert", home.root, url);
}

Deno.test("no site may be the authority's directory, be in it, or contain it, by whatever path", async () => {
  using home = new LocalHome();
  using site = new Site({ "index.html": "hello\n" });
  const refused = async (root: string, ...more: string[]) => {
    const { code, stdout, stderr } = await home.run(["0", root, "--no-config", ...more]);
    assertEquals([code, stdout], [2, ""], `${root}: ${stderr}`);
    assertMatch(
      stderr,
      /^epollet: Bad root \S+: the key of the local authority is in \S+, and no site may contain it: .*\n$/,
    );
  };
  await refused(home.path, "--https"); // before there is one
  await (await home.start(site.root))[Symbol.asyncDispose]();
  Deno.mkdirSync(`${home.authority}/inner`);
  const link = `${site.root}-link`;
  Deno.symlinkSync(`${home.path}/.local`, link);
  const key = `${home.authority}/authority.pem`;
  Deno.symlinkSync(key, site.path("key"));
  try {
    for (
      const root of [
        home.authority,
        `${home.authority}/inner`,
        home.path,
        `${home.path}/.local/`,
        link,
        "/",
        key,
        site.path("key"),
      ]
    ) {
      await refused(root);
    }
    await refused(home.authority, "--https");
    using files = new TestCertificates();
    const config = files.write(
      `{\n  "root": "${site.root}",\n  "hosts": {\n    "a.test": { "root": "${home.path}" }\n  }\n}`,
      "epollet.json",
    );
    const { code, stderr } = await home.run(["0", "--config", config]);
    assertEquals(code, 2);
    assertMatch(stderr, /epollet\.json:4: Bad root \S+: the key of the local authority is in /);
  } finally {
    Deno.removeSync(link);
  }
});

Deno.test("a key that others may read, and a directory that others may write to, are not used", async () => {
  using home = new LocalHome();
  using site = new Site({ "index.html": "hello\n" });
  await (await home.start(site.root))[Symbol.asyncDispose]();
  const key = `${home.authority}/authority.pem`;
  const refusal = async () => {
    const { code, stderr } = await home.run(["0", site.root, "--no-config", "--https"]);
    assertEquals(code, 2, stderr);
    return stderr;
  };
  Deno.chmodSync(key, 0o640);
  assertMatch(
    await refusal(),
    /^epollet: Other users may read the key in \S+\/authority.pem: run chmod 600 .*\n$/,
  );
  Deno.chmodSync(key, 0o600);
  Deno.chmodSync(home.authority, 0o770);
  assertMatch(await refusal(), /^epollet: Other users may write to \S+\/epollet: run chmod 700 .*\n$/);
  Deno.chmodSync(home.authority, 0o700);
  const good = Deno.readTextFileSync(key);
  Deno.writeTextFileSync(key, good.replace(/PRIVATE KEY-----\n..../, "PRIVATE KEY-----\nAAAA"));
  assertMatch(
    await refusal(),
    /^epollet: \S+\/authority.pem has a damaged key .*: copy it again; or remove .*\n$/,
  );
  Deno.writeTextFileSync(key, "");
  assertMatch(await refusal(), /^epollet: \S+\/authority.pem has no certificate in PEM .*\n$/);
  Deno.writeTextFileSync(key, good);
  Deno.removeSync(home.root);
  await using program = await home.start(site.root);
  assertEquals(await fetchBy(home, `https://localhost:${program.port}/`), "hello\n"); // the certificate alone is back
});

Deno.test("several programs that start at once make one authority", async () => {
  using home = new LocalHome();
  using site = new Site({ "index.html": "hello\n" });
  const programs = await Promise.all([1, 2, 3].map(() => home.start(site.root)));
  try {
    for (const { port } of programs) {
      assertEquals(await fetchBy(home, `https://localhost:${port}/`), "hello\n");
    }
    const names = [...Deno.readDirSync(home.authority)].map(({ name }) => name).sort();
    assertEquals(names, ["authority.pem", "root.pem"]);
  } finally {
    for (const program of programs) await program[Symbol.asyncDispose]();
  }
});

Deno.test("an authority that ends soon is replaced", async () => {
  using home = new LocalHome();
  using files = new TestCertificates();
  using site = new Site({ "index.html": "hello\n" });
  const old = files.make({ names: ["localhost"], days: 100, from: -1 });
  Deno.mkdirSync(home.authority, { recursive: true, mode: 0o700 });
  Deno.writeTextFileSync(`${home.authority}/authority.pem`, old.cert + old.key, { mode: 0o600 });
  await using program = await home.start(site.root);
  assertMatch(program.stdout + program.greeting, /Serving/);
  await program.printed(MADE);
  assertEquals(await fetchBy(home, `https://localhost:${program.port}/`), "hello\n");
});
