/**
 * `epollet certificate` with Let's Encrypt's test authority.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseCertificate } from "../../program/commands/certificate.ts";
import { SUBCOMMANDS } from "../../program/config/flags/subcommands.ts";
import { freePort } from "../support/free_port.ts";
import { patient } from "../support/deadline.ts";
import { HAS_PEBBLE, Pebble } from "../support/pebble.ts";
import { programCommand, runProgram, Site } from "../support/program.ts";
import { openssl } from "../support/test_certificates.ts";
import { eventually } from "../support/waiting.ts";

const MISSING = "skipped: pebble is not installed";

/** The flags of the command for an authority. */
function flags(pebble: Pebble, dir: string, port: number = pebble.port): string[] {
  return [
    ...["--directory", `https://localhost:${port}/dir`, "--ca", pebble.certificates.root, "--dir", dir],
    ...["--http-port", String(pebble.httpPort), "--tls-port", String(pebble.tlsPort)],
  ];
}

function modeOf(path: string): string {
  return (Deno.statSync(path).mode! & 0o777).toString(8);
}

function keyOf(path: string): string {
  return /-----BEGIN PRIVATE KEY-----[^]*?-----END PRIVATE KEY-----/.exec(Deno.readTextFileSync(path))![0];
}

Deno.test(
  "epollet certificate gets a certificate for each name, though half of all nonces are refused; keeps those that are not due, and with --force gets new ones with new keys",
  patient(300, async () => {
    if (!HAS_PEBBLE) return console.log(MISSING);
    await using pebble = await Pebble.start({ refusedNonces: 50 });
    using scene = new Site();
    const dir = `${scene.root}/certs`;
    const args = ["certificate", "localhost", "www.example.org", ...flags(pebble, dir)];
    const first = await runProgram(args);
    assertEquals(first.code, 0, first.stderr);
    for (const name of ["localhost", "www.example.org"]) {
      const file = `${dir}/${name}.pem`;
      assert(first.stdout.split("\n").some((line) => line.startsWith(`${file} (new, until `)), first.stdout);
      assertEquals(modeOf(file), "600");
      const root = await pebble.issuingRoot();
      assertMatch(openssl("verify", "-CAfile", root, "-untrusted", file, file), /: OK\n$/);
      assertMatch(
        openssl("x509", "-in", file, "-noout", "-ext", "subjectAltName"),
        new RegExp(`DNS:${name}\n`),
      );
      assertMatch(openssl("x509", "-in", file, "-noout", "-text"), /ASN1 OID: prime256v1/);
      const [inKey, inCertificate] = [["pkey", "-pubout"], ["x509", "-noout", "-pubkey"]]
        .map((words) => openssl(...words, "-in", file));
      assertEquals(inKey, inCertificate);
    }
    assertEquals(modeOf(dir), "700");
    const [account] = Deno.readDirSync(`${dir}/accounts`);
    assertEquals(modeOf(`${dir}/accounts/${account!.name}`), "600");
    assertEquals([...Deno.readDirSync(`${dir}/challenges`)], []);
    const key = keyOf(`${dir}/localhost.pem`);
    const again = await runProgram(args);
    assertMatch(again.stdout, /localhost\.pem \(kept, /);
    assertEquals(keyOf(`${dir}/localhost.pem`), key);
    const forced = await runProgram([...args, "--force"]);
    assertMatch(forced.stdout, /localhost\.pem \(new, /, forced.stderr);
    assert(keyOf(`${dir}/localhost.pem`) !== key, "a new certificate has a new key");
  }),
);

Deno.test("an account that the authority does not know any more is replaced by a new one", async () => {
  if (!HAS_PEBBLE) return console.log(MISSING);
  await using pebble = await Pebble.start();
  using scene = new Site();
  const dir = `${scene.root}/certs`;
  const args = ["certificate", "localhost", "--force", ...flags(pebble, dir)];
  assertEquals((await runProgram(args)).code, 0);
  await pebble.stop();
  await pebble.start(); // it has forgotten all accounts
  const { code, stderr } = await runProgram(args);
  assertEquals(code, 0, stderr);
  assertMatch(stderr, /The account at localhost:\d+ is not valid any more: a new one is made\n/);
});

Deno.test("an authority with external account binding gets the credentials of --eab, and without them one line says so", async () => {
  if (!HAS_PEBBLE) return console.log(MISSING);
  const key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
  await using pebble = await Pebble.start({ externalKey: key });
  using scene = new Site();
  const dir = `${scene.root}/certs`;
  const args = ["certificate", "localhost", ...flags(pebble, dir)];
  const without = await runProgram(args);
  assertEquals(without.code, 1);
  assertMatch(
    without.stderr,
    /^epollet: localhost: localhost:\d+ wants an account of its own: name its credentials by --acme-eab FILE\. /,
  );
  const file = pebble.certificates.write(`kid-1 ${key}\n`);
  const { code, stderr } = await runProgram([...args, "--eab", file]);
  assertEquals(code, 0, stderr);
  assert(!stderr.includes(key) && !Deno.readTextFileSync(`${dir}/localhost.json`).includes(key));
});

Deno.test("each subcommand explains itself, with all of its flags, which it takes", async () => {
  for (const { name, args, flags } of SUBCOMMANDS) {
    if (name === "help") continue; // it explains all flags
    const { code, stdout, stderr } = await runProgram([name, "--help"]);
    assertEquals([code, stderr], [0, ""]);
    assert(stdout.startsWith(`epollet ${name} ${args.replace("...", "…")}`), stdout);
    for (const flag of flags) {
      const [written] = flag.split(" ");
      assert(written === "--help" || stdout.includes(flag), `${name} ${written}`);
    }
  }
  const [certificate] = SUBCOMMANDS;
  for (const flag of certificate!.flags) {
    const [written, value] = flag.split(" ");
    const values: Record<string, string> = { ADDRESS: "a@b.example", URL: "https://a.example/", PORT: "80" };
    const words = value === undefined ? [written!] : [written!, values[value] ?? "x"];
    assert(parseCertificate(["a.example", ...words]) !== null || written === "--help", flag);
  }
});

Deno.test("what cannot be got is refused with a sentence: wildcards, addresses, no name, a wrong flag", async () => {
  for (
    const [args, expected] of [
      [
        ["*.example.org"],
        /^epollet: Bad name "\*\.example\.org": expected .*: a certificate for a wildcard needs a record in DNS/,
      ],
      [["192.0.2.1"], /^epollet: Bad name "192\.0\.2\.1": expected .*: not an IP address/],
      [["a b"], /^epollet: Bad name "a b": expected a name such as example\.org\n$/],
      [["../etc/passwd"], /^epollet: Bad name "\.\.\/etc\/passwd": expected a name/],
      [[], /^epollet: No name is given: write epollet certificate example\.org\n$/],
      [
        ["a.example", "--directory", "http://a.example/"],
        /^epollet: Bad --directory "http:\/\/a\.example\/": expected the URL/,
      ],
      [
        ["a.example", "--drectory", "x"],
        /^epollet: Unknown option '--drectory': see epollet certificate --help; type: epollet certificate a\.example --directory x\n$/,
      ],
    ] as const
  ) {
    const { code, stdout, stderr } = await runProgram(["certificate", ...args]);
    assertEquals([code, stdout], [2, ""], stderr);
    assertMatch(stderr, expected);
  }
});

Deno.test("an authority that cannot reach the name is told of in one line that asks about the port, and one that is down in another", async () => {
  if (!HAS_PEBBLE) return console.log(MISSING);
  await using pebble = await Pebble.start();
  using scene = new Site();
  const args = ["certificate", "a.example.org", ...flags(pebble, `${scene.root}/certs`)]
    .map((word) =>
      word === String(pebble.httpPort) || word === String(pebble.tlsPort) ? String(freePort()) : word
    );
  const refused = await runProgram(args);
  assertEquals(refused.code, 1);
  assertMatch(
    refused.stderr,
    /^epollet: a\.example\.org: the authority could not fetch http:\/\/a\.example\.org\/\.well-known\/acme-challenge\/…: connection refused\. Is port 80 open\? Also: .*Is port 443 open\? Next try in \d+ s\n$/,
  );
  await pebble.stop();
  const down = await runProgram(args);
  assertEquals(down.code, 1);
  assertMatch(
    down.stderr,
    /^epollet: a\.example\.org: Cannot reach localhost:\d+: ECONNREFUSED \(connection refused\)\. Next try in /,
  );
});

/** Passes connections on to an authority, and kills a process once that has begun so many of them. */
function killAt(
  count: number,
  pebble: Pebble,
): { port: number; victim: { process?: Deno.ChildProcess }; close: () => void } {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const victim: { process?: Deno.ChildProcess } = {};
  let seen = 0;
  const pipe = async (client: Deno.TcpConn) => {
    const isLast = ++seen === count;
    using authority = await Deno.connect({ port: pebble.port, hostname: "127.0.0.1" });
    const up = client.readable.pipeTo(authority.writable).catch(() => {});
    const answered = authority.readable.getReader();
    const writer = client.writable.getWriter();
    try {
      for (let part = await answered.read(); !part.done; part = await answered.read()) {
        await writer.write(part.value).catch(() => {});
      }
    } finally {
      if (isLast) victim.process?.kill("SIGKILL"); // the client may have closed before it has read everything
    }
    await writer.close().catch(() => {});
    await up;
  };
  (async () => {
    for await (const client of listener) void pipe(client).catch(() => {});
  })().catch(() => {});
  return { port: listener.addr.port, victim, close: () => listener.close() };
}

Deno.test(
  "a process that is killed after any of its requests leaves nothing that keeps the next one from getting the certificate",
  patient(600, async () => {
    if (!HAS_PEBBLE) return console.log(MISSING);
    await using pebble = await Pebble.start();
    using scene = new Site();
    const dir = `${scene.root}/certs`;
    let kills = 0;
    for (let count = 1;; count++) {
      const relay = killAt(count, pebble);
      try {
        const args = ["certificate", "localhost", ...flags(pebble, dir, relay.port)];
        const [program, ...rest] = programCommand(args);
        const process = new Deno.Command(program, { args: rest, stdout: "null", stderr: "piped" }).spawn();
        relay.victim.process = process;
        const { signal, stderr } = await process.output();
        if (signal === null) {
          assertMatch(new TextDecoder().decode(stderr), /certificate from localhost/);
          break;
        }
        kills++;
        // Each start begins with the account that the authority knows, or makes one.
        Deno.removeSync(`${dir}/localhost.pem`, { recursive: true });
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      } finally {
        relay.close();
      }
    }
    assert(kills >= 10, `${kills} kills`);
    await eventually(() => [...Deno.readDirSync(`${dir}/challenges`)].length === 0, "challenges are left");
    const names = [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
    assertEquals(names, ["accounts", "challenges", "localhost.json", "localhost.pem", "lock"]);
  }),
);
