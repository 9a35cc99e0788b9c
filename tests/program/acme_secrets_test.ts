/**
 * The keys of accounts and certificates of `--acme`: no site has them in it, by whatever way, and nothing shows them.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AcmeSite, workersOf } from "../support/acme_serving.ts";
import { patient } from "../support/deadline.ts";
import { FakeAuthority } from "../support/fake_authority.ts";
import { OWN_MOUNTS } from "../support/own_mounts.ts";
import { IS_EMULATED, Program, programCommand, runProgram, Site } from "../support/program.ts";
import { outputOf } from "../support/waiting.ts";

const NAME = "a.example.org";

/** Makes a directory as it is after some time, and a site. */
function makeScene(): Site {
  const scene = new Site();
  scene.write("site/index.html", "hello");
  scene.write("certs/accounts/a.json", "{}");
  scene.write(`certs/${NAME}.pem`, "key");
  return scene;
}

Deno.test(
  "a directory with keys is refused as a part of a site, also where it, or a part of it, or one around it is mounted",
  patient(300, async () => {
    if (Deno.uid() !== 0 || IS_EMULATED || OWN_MOUNTS.length === 0) {
      return console.log("skipped: only root can mount");
    }
    using scene = makeScene();
    for (const name of ["site/inner", "alias"]) Deno.mkdirSync(`${scene.root}/${name}`);
    const refusal = async (mount: string, root: string, ...more: string[]) => {
      const program = programCommand(["443", root, "--no-config", ...more]);
      const args = [
        ...OWN_MOUNTS.slice(1),
        "sh",
        "-c",
        `cd "$0" && ${mount} || exit 99; exec "$@"`,
        scene.root,
      ];
      const process = new Deno.Command(OWN_MOUNTS[0]!, {
        args: [...args, ...program],
        env: { STATE_DIRECTORY: `${scene.root}/state` },
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const { code, stderr } = await outputOf(process, mount);
      const text = new TextDecoder().decode(stderr);
      assertEquals(code, 2, `${mount}: ${text}`);
      assertEquals(text.trim().split("\n").length, 1, text);
      return text;
    };
    const acme = ["--acme", NAME, "--acme-dir", `${scene.root}/certs`];
    const site = `${scene.root}/site`;
    for (
      const [mount, root, words] of [
        ["mount --bind certs site/inner", site, "is in"],
        ["mount --bind certs/accounts site/inner", site, "is in"],
        [`mount --bind . site/inner`, site, "is in"],
        ["mount --bind certs alias", `${scene.root}/alias`, "is"],
        ["mount --bind . alias", `${scene.root}/alias`, "is in"],
        ["mount --bind certs/accounts alias", `${scene.root}/alias`, "is"],
        ["mount --bind certs site/inner && mount --rbind site alias", `${scene.root}/alias`, "is in"],
      ] as const
    ) {
      assertMatch(await refusal(mount, root, ...acme), new RegExp(`/certs has keys, and ${words} the site `));
    }
    const alpn = ["--acme-tls-alpn", `${site}/inner`, "--tls-cert", "x.pem"];
    assertMatch(
      await refusal("true", site, ...alpn),
      /inner has keys, and is in the site .*--acme-tls-alpn DIR\n$/,
    );
    scene.write("site/inner/eab", "kid-1 abcdefghijklmnopqrstuvwxyz");
    const eab = ["--acme-eab", `${site}/inner/eab`];
    assertMatch(
      await refusal("true", site, ...acme, ...eab),
      /eab has keys, and is in the site .*--acme-eab FILE\n$/,
    );
    scene.write("certs/lock", "");
    scene.write("certs/challenges/x", "");
    for (const inside of ["certs", "certs/accounts"]) {
      assertMatch(
        await refusal("true", `${scene.root}/${inside}`),
        /^epollet: Bad root \S+: \S+\/certs has keys of --acme: /,
      );
    }
    // What an earlier start has left in the usual directory counts without --acme, too.
    scene.write("state/acme/accounts/a.json", "{}");
    assertMatch(
      await refusal("true", `${scene.root}/state`),
      /^epollet: Bad root \S+: \S+ has keys of --acme, and is in /,
    );
    assertMatch(
      await refusal("mount --bind state site/inner", site),
      /^epollet: Bad root \S+: \S+ has keys of --acme/,
    );
  }),
);

Deno.test(
  "no request, log line, metric, page or --check shows a key, and a reload cannot make a site of them",
  patient(300, async () => {
    await using authority = new FakeAuthority();
    using scene = new AcmeSite(authority);
    const site = `${scene.root}/site`;
    const write = (text: string) => scene.write("epollet.json", text);
    write(JSON.stringify({ root: site, browse: true }));
    Deno.symlinkSync(scene.dir, `${site}/link`);
    scene.write("site/list/a.txt", "a");
    Deno.symlinkSync(scene.dir, `${site}/list/link`);
    Deno.symlinkSync(`${scene.dir}/${NAME}.pem`, `${site}/key.txt`);
    const flags = ["--config", `${scene.root}/epollet.json`, "-v", "--access-log", "json"];
    const args = scene.arguments(NAME, ...flags).filter((word) => word !== site);
    await using program = await Program.startArguments(["--port", ...args]);
    await scene.served(NAME);
    const certificate = Deno.readTextFileSync(`${scene.dir}/${NAME}.pem`);
    const [account] = [...Deno.readDirSync(`${scene.dir}/accounts`)];
    const accountText = Deno.readTextFileSync(`${scene.dir}/accounts/${account!.name}`);
    const secrets = [certificate, JSON.parse(accountText).key as string].map((pem) =>
      /-----BEGIN PRIVATE KEY-----\n(.{60})/.exec(pem)![1]!
    );
    const isSecret = (text: string) =>
      /PRIVATE KEY/.test(text) || secrets.some((secret) => text.includes(secret));
    assert(isSecret(accountText));

    const paths = [
      "/link",
      "/link/",
      `/link/${NAME}.pem`,
      `/link/accounts/${account!.name}`,
      "/key.txt",
      `/../certs/${NAME}.pem`,
      `/%2e%2e/certs/${NAME}.pem`,
      `/..%2fcerts%2f${NAME}.pem`,
      `/%2e%2e%2fcerts/${NAME}.pem`,
      `/..%5ccerts%5c${NAME}.pem`,
      `//certs/${NAME}.pem`,
      `${scene.dir}/${NAME}.pem`,
      "/.well-known/acme-challenge/",
      `/.well-known/acme-challenge/../${NAME}.pem`,
      `/.well-known/acme-challenge/..%2f${NAME}.pem`,
      `/.well-known/acme-challenge/%2e%2e/accounts/${account!.name}`,
      `/.well-known/acme-challenge/${NAME}.pem`,
    ];
    for (const port of [scene.httpPort, scene.tlsPort]) {
      for (const path of paths) {
        const url = `${port === scene.httpPort ? "http" : "https"}://127.0.0.1:${port}${path}`;
        const { stdout } = await new Deno.Command("curl", { args: ["-skig", "--path-as-is", url] }).output();
        const text = new TextDecoder().decode(stdout);
        assertMatch(text, /^HTTP\/[12.]+ (30[18]|400|403|404)/, `${url}: ${text}`);
        assert(!isSecret(text), url);
      }
    }
    const list = await new Deno.Command("curl", {
      args: ["-sk", `https://127.0.0.1:${scene.tlsPort}/list/`],
    })
      .output();
    const listed = new TextDecoder().decode(list.stdout);
    assertStringIncludes(listed, "a.txt");
    assert(!isSecret(listed) && !listed.includes('"link'), listed);
    for (const path of ["/", "/metrics", "/readyz", "/healthz"]) {
      assert(!isSecret(await scene.admin(path)), path);
    }
    const checked = await runProgram(["--port", ...args, "--check"]);
    assertEquals(checked.code, 0, checked.stderr);
    assert(!isSecret(checked.stdout + checked.stderr));

    let refusals = 0;
    for (
      const next of [{ root: scene.root }, { root: scene.dir }, {
        root: site,
        hosts: { "b.example": { root: scene.dir } },
      }]
    ) {
      const before = workersOf(program);
      write(JSON.stringify(next));
      program.kill("SIGHUP");
      const line = "Reload refused, the old settings stay: [^\\n]* has keys, and [^]*";
      await program.warned(new RegExp(`(?:${line}){${++refusals}}`));
      assertEquals(workersOf(program), before);
    }
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    const { stdout } = program;
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, '"target"');
    assert(!isSecret(stdout + stderr));
  }),
);
