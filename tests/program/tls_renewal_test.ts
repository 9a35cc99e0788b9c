/**
 * Certificates that are renewed while the program serves.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Program, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { type TestCertificate, TestCertificates } from "../support/test_certificates.ts";
import { TlsClient } from "../support/tls_client.ts";
import { eventually } from "../support/waiting.ts";
import { get } from "../support/wire.ts";

const NAMES = ["localhost", "127.0.0.1"];

/** Makes a certificate that can be told from others by its end, in `days` days. */
function make(
  certificates: TestCertificates,
  days: number,
  names: readonly string[] = NAMES,
): TestCertificate {
  return certificates.make({ names, days, from: -1 });
}

/** Returns in how many days the certificate ends that a new client gets. */
async function daysOf(port: number): Promise<number> {
  const client = new Deno.Command("openssl", {
    args: ["s_client", "-connect", `127.0.0.1:${port}`],
    stdin: "null",
    stderr: "null",
  });
  const { stdout } = await client.output();
  const shown = new Deno.Command("openssl", {
    args: ["x509", "-noout", "-enddate"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = shown.stdin.getWriter();
  await writer.write(stdout);
  await writer.close();
  const text = new TextDecoder().decode((await shown.output()).stdout);
  return Math.round((Date.parse(text.slice(text.indexOf("=") + 1)) - Date.now()) / 86_400_000);
}

async function servesDays(port: number, days: number): Promise<void> {
  await eventually(async () => await daysOf(port) === days, `a certificate of ${days} days is not served`);
}

/** Starts the program with the certificate at the paths. */
async function start(site: Site, cert: string, key: string, ...more: string[]): Promise<Program> {
  return await Program.start(site.root, ["--tls-cert", cert, "--tls-key", key, "--no-config", ...more]);
}

/**
 * Ways to replace a pair of files, as programs do it. Each returns the paths, and writes another pair. `group` is for a
 * secret with `fsGroup`: only the owner, root, and that group may read the files.
 */
const WAYS: Readonly<
  Record<
    string,
    (directory: string, group?: number) => { cert: string; key: string; put: (pair: TestCertificate) => void }
  >
> = {
  "in place": (directory) => {
    const [cert, key] = [`${directory}/cert.pem`, `${directory}/key.pem`];
    return {
      cert,
      key,
      put: (pair) => {
        Deno.writeTextFileSync(cert, pair.cert);
        Deno.writeTextFileSync(key, pair.key);
      },
    };
  },
  "by a rename": (directory) => {
    const [cert, key] = [`${directory}/cert.pem`, `${directory}/key.pem`];
    const replace = (path: string, text: string) => {
      Deno.writeTextFileSync(`${path}.new`, text);
      Deno.renameSync(`${path}.new`, path);
    };
    return {
      cert,
      key,
      put: (pair) => {
        replace(key, pair.key);
        replace(cert, pair.cert);
      },
    };
  },
  "as certbot does": (directory) => {
    let number = 0;
    Deno.mkdirSync(`${directory}/archive`);
    Deno.mkdirSync(`${directory}/live`);
    const link = (name: string, text: string) => {
      Deno.writeTextFileSync(`${directory}/archive/${name}${number}.pem`, text);
      Deno.symlinkSync(`../archive/${name}${number}.pem`, `${directory}/live/new`);
      Deno.renameSync(`${directory}/live/new`, `${directory}/live/${name}.pem`);
    };
    return {
      cert: `${directory}/live/fullchain.pem`,
      key: `${directory}/live/privkey.pem`,
      put: (pair) => {
        number++;
        link("privkey", pair.key);
        link("fullchain", pair.cert);
      },
    };
  },
  "as Kubernetes does": (directory, group) => {
    let number = 0;
    Deno.symlinkSync("..data/tls.crt", `${directory}/tls.crt`);
    Deno.symlinkSync("..data/tls.key", `${directory}/tls.key`);
    return {
      cert: `${directory}/tls.crt`,
      key: `${directory}/tls.key`,
      put: (pair) => {
        const version = `..version${++number}`;
        Deno.mkdirSync(`${directory}/${version}`);
        Deno.writeTextFileSync(`${directory}/${version}/tls.crt`, pair.cert);
        Deno.writeTextFileSync(`${directory}/${version}/tls.key`, pair.key);
        for (const name of ["tls.crt", "tls.key"]) {
          if (group === undefined) break;
          Deno.chownSync(`${directory}/${version}/${name}`, 0, group);
          Deno.chmodSync(`${directory}/${version}/${name}`, 0o440);
        }
        Deno.symlinkSync(version, `${directory}/..data_tmp`);
        Deno.renameSync(`${directory}/..data_tmp`, `${directory}/..data`);
        if (number > 1) Deno.removeSync(`${directory}/..version${number - 1}`, { recursive: true });
      },
    };
  },
};

for (const [way, prepare] of Object.entries(WAYS)) {
  Deno.test(`a certificate that is replaced ${way} is served without a signal, in the sandbox`, async () => {
    using certificates = new TestCertificates();
    using site = new Site({ "index.html": "hello" });
    using files = new Site();
    const { cert, key, put } = prepare(files.root);
    put(make(certificates, 30));
    await using program = await start(site, cert, key);
    assertEquals(await daysOf(program.port), 30);
    for (const days of [40, 20]) { // a shorter one may be the newer one
      put(make(certificates, days));
      await servesDays(program.port, days);
    }
    await program.warned(/Certificates renewed, valid until/);
  });
}

Deno.test("workers get a renewed certificate, and so do those that replace them", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello" });
  using files = new Site();
  const { cert, key, put } = WAYS["in place"]!(files.root);
  put(make(certificates, 30));
  await using program = await start(site, cert, key, "--workers", "2");
  put(make(certificates, 40));
  await servesDays(program.port, 40);
  for (let i = 0; i < 6; i++) assertEquals(await daysOf(program.port), 40);
  program.kill("SIGHUP");
  await program.printed(/Settings read again/);
  for (let i = 0; i < 6; i++) assertEquals(await daysOf(program.port), 40);
});

Deno.test("what cannot be served does not replace what is: one line says why, until something changes", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello" });
  using files = new Site();
  const { cert, key, put } = WAYS["by a rename"]!(files.root);
  const first = make(certificates, 30);
  put(first);
  await using program = await start(site, cert, key);
  const refusals: [pair: TestCertificate, why: RegExp][] = [
    [{ cert: first.cert, key: make(certificates, 30).key }, /has the key of another certificate/],
    [{ cert: "half a certific", key: first.key }, /has no certificate in PEM/],
    [make(certificates, 40, ["localhost"]), /is not for 127\.0\.0\.1, which is served/],
    [certificates.make({ names: NAMES, days: 40, from: -9 }), /is older than what is served/],
    [certificates.make({ names: NAMES, days: -1 }), /expired on/],
  ];
  for (const [pair, why] of refusals) {
    put(pair);
    await program.warned(new RegExp(`Certificates stay as they are: .*${why.source}`));
    assertEquals(await daysOf(program.port), 30);
  }
  put(make(certificates, 50));
  await servesDays(program.port, 50);
  program.kill("SIGTERM");
  const { stderr } = await program.finish();
  const lines = stderr.trimEnd().split("\n");
  assertEquals(lines.length, refusals.length + 1, stderr);
  assertMatch(lines.at(-1)!, /renewed/);
});

Deno.test("a renewal while clients come and go loses none of them", async () => {
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello" });
  using files = new Site();
  const { cert, key, put } = WAYS["by a rename"]!(files.root);
  put(make(certificates, 30));
  await using program = await start(site, cert, key);
  let isOver = false;
  let answers = 0;
  const loop = async () => {
    while (!isOver) {
      using client = await TlsClient.connect(program.port, { serverName: "localhost" });
      for (let i = 0; i < 3; i++) {
        await client.send(get("/"));
        assertMatch(await client.receiveText("hello"), /^HTTP\/1.1 200 /);
        answers++;
        await sleep(5);
      }
    }
  };
  const clients = Promise.all(Array.from({ length: 200 }, loop));
  for (let days = 31; days < 36; days++) {
    put(make(certificates, days));
    await servesDays(program.port, days);
  }
  isOver = true;
  await clients;
  assert(answers > 600, `${answers}`);
});

Deno.test("a user of the group that may read a secret serves the renewed one; another user says that it cannot", async () => {
  if (Deno.uid() !== 0) return console.log("skipped: only root can become another user");
  const [USER, GROUP, OTHER] = [65_534, 54_321, 54_322];
  using certificates = new TestCertificates();
  using site = new Site({ "index.html": "hello" });
  using files = new Site();
  for (const { root } of [site, files]) Deno.chmodSync(root, 0o755);
  const { cert, key, put } = WAYS["as Kubernetes does"]!(files.root, GROUP);
  put(make(certificates, 30));
  {
    await using program = await start(site, cert, key, "--user", `${USER}:${GROUP}`);
    put(make(certificates, 40));
    await servesDays(program.port, 40);
    program.kill("SIGTERM");
    assertMatch((await program.finish()).stderr, /^epollet: Certificates renewed, valid until \S+\n$/);
  }
  await using program = await start(site, cert, key, "--user", `${USER}:${OTHER}`);
  await program.warned(
    /Certificates stay as they are: \S+tls\.crt cannot be used: .*EACCES .*, as user .*:54322\)/,
  );
  assertEquals(await daysOf(program.port), 40);
});
