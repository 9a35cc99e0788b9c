/**
 * One of the ways in docs/deploy.md to get and renew certificates, with an authority on this machine. The commands are those
 * of the document, with its ports, paths and names.
 *
 * `tests/system/acme_test.ts` runs this program as root in namespaces of its own, where /etc and /srv are copies, and no
 * other process listens: `deno run -A acme_scene.ts certbot|lego DIRECTORY`.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { blocksOf, readDocument } from "./documents.ts";
import { Program, programCommand } from "./program.ts";
import { sleep } from "./sleep.ts";
import { TestCertificates } from "./test_certificates.ts";
import { TlsClient } from "./tls_client.ts";
import { eventually, outputOf } from "./waiting.ts";
import { get } from "./wire.ts";

const ACME = "https://localhost:14000/dir";
const CLIENTS = 40;
/** Certificates with so few days left are due, for both clients. */
const VALID_DAYS = 20;
const [way, directory] = Deno.args as ["certbot" | "lego", string];

/** Returns the commands of a part of the section about HTTPS, a block each. */
function commandsOf(heading: string): string[] {
  const [, https] = readDocument("docs/deploy.md").split("\n## HTTPS\n");
  const parts = `\n### \n${https!.split("\n## ")[0]}`.split("\n### ");
  const part = parts.find((part) => part.startsWith(`${heading}\n`));
  assert(part !== undefined, heading);
  return blocksOf(part, "sh");
}

/** What the clients of the authority need beside the document, since the authority is another one. */
const OTHERS = {
  certbot: {
    trust: "REQUESTS_CA_BUNDLE",
    files: {
      "/etc/letsencrypt/cli.ini": [
        `server = ${ACME}`,
        "non-interactive = true",
        "agree-tos = true",
        "register-unsafely-without-email = true",
        "no-random-sleep-on-renew = true",
      ].join("\n"),
    },
    adapt: (command: string) => command,
    renew: (_: string) => "certbot renew",
    key: "/etc/letsencrypt/live/example.org/privkey.pem",
  },
  lego: {
    trust: "LEGO_CA_CERTIFICATES",
    files: {},
    adapt: (command: string) => command.replace(/^lego /m, `lego --server ${ACME} `),
    renew: (first: string) => `${first.replace(/ run\s*$/, " renew")} --no-random-sleep`,
    key: "/etc/lego/certificates/example.org.key",
  },
} as const;
const { trust, files, adapt, renew, key } = OTHERS[way];

using certificates = new TestCertificates();

/** Runs a command, and returns what it prints. */
async function run(command: string): Promise<string> {
  const shell = new Deno.Command("bash", {
    args: ["-euc", command],
    env: { [trust]: certificates.root },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await outputOf(shell.spawn(), command);
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert(success, `${command}\n${text}`);
  return text;
}

/** Starts the program by a command of the document. */
async function start(command: string): Promise<Program> {
  const program = programCommand([]).map((word) => `'${word}'`).join(" ");
  return await Program.startCommand(["bash", "-euc", command.replace(/^epollet /, `exec ${program} `)]);
}

/** Starts the authority. It drops all that it knows when it ends, with these namespaces. */
async function startAuthority(): Promise<void> {
  const { cert, key } = certificates.make({ names: ["localhost", "127.0.0.1"], isIssued: true });
  const settings = {
    listenAddress: "127.0.0.1:14000",
    managementListenAddress: "127.0.0.1:15000",
    certificate: certificates.write(cert),
    privateKey: certificates.write(key),
    httpPort: 80,
    tlsPort: 443,
    certificateValidityPeriod: VALID_DAYS * 86_400,
  };
  const config = certificates.write(JSON.stringify({ pebble: settings }));
  // Each certificate is challenged, and no request is refused by chance.
  const env = { PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "0", PEBBLE_AUTHZREUSE: "0" };
  new Deno.Command("pebble", { args: ["-config", config], env, stdout: "null", stderr: "null" }).spawn();
  const fetchRoot = async () => {
    const args = [
      "-sf",
      "--cacert",
      certificates.root,
      "https://localhost:15000/roots/0",
      "-o",
      `${directory}/root.pem`,
    ];
    return (await new Deno.Command("curl", { args }).output()).success;
  };
  await eventually(fetchRoot, "the authority does not answer");
}

/** Returns the number of the certificate that a new client gets. */
async function served(): Promise<string> {
  const shown = await run(
    "openssl s_client -connect 127.0.0.1:443 -servername example.org | openssl x509 -noout -serial",
  );
  return /serial=\w+/.exec(shown)![0];
}

/** Clients that connect and ask all the time. */
class Clients {
  #isOver = false;
  answered = 0;
  readonly #all: Promise<void>[] = Array.from({ length: CLIENTS }, () => this.#ask());

  async #ask(): Promise<void> {
    while (!this.#isOver) {
      using client = await TlsClient.connect(443, { serverName: "example.org" });
      for (let i = 0; i < 3; i++) {
        await client.send(get("/"));
        assertMatch(await client.receiveText("hello"), /^HTTP\/1.1 200 /);
        this.answered++;
        await sleep(20);
      }
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#all);
  }
}

for (const [path, text] of Object.entries(files)) {
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  Deno.writeTextFileSync(path, text);
}
Deno.writeTextFileSync("/etc/hosts", "127.0.0.1 localhost example.org\n");
Deno.mkdirSync("/srv/www", { recursive: true });
Deno.writeTextFileSync("/srv/www/index.html", "hello");
await startAuthority();

const [serving] = commandsOf("");
const [plain, issuing, rights] = commandsOf("certbot");
let [first, allowing, secure] = [issuing!, rights!, serving!];
if (way === "lego") {
  const [all] = commandsOf("lego");
  const at = all!.indexOf("\n") + 1;
  const end = all!.indexOf("epollet ");
  [first, allowing, secure] = [all!.slice(0, at), all!.slice(at, end), all!.slice(end)];
}

{
  await using program = await start(plain!);
  await run(adapt(first));
  program.kill("SIGTERM");
  await program.finish();
}
await run(allowing);
const rightsOf = async () => await run(`stat -L -c '%a %U %G' ${key}`);
assertEquals(await rightsOf(), "640 root tls\n");

await using program = await start(secure);
const page = await run(`curl -sS --cacert ${directory}/root.pem https://example.org/`);
assertEquals(page, "hello");
assertMatch(
  await run("curl -sSi http://example.org/a?b"),
  /^HTTP\/1.1 308 [^]*\r\nLocation: https:\/\/example.org\/a\?b\r\n/,
);
const clients = new Clients();
const old = await served();
const before = Deno.readTextFileSync(key);
await run(adapt(renew(first.trim())));
assert(Deno.readTextFileSync(key) !== before, "a renewal has a new key");
assertEquals(await rightsOf(), "640 root tls\n"); // the next one can be read, too
await eventually(async () => await served() !== old, "the renewed certificate is not served");
assertEquals(await run(`curl -sS --cacert ${directory}/root.pem https://example.org/`), "hello");
await clients.end();
assert(clients.answered > CLIENTS, `${clients.answered}`);
program.kill("SIGTERM");
const { code, stderr } = await program.finish();
assertEquals(code, 0, stderr);
assertMatch(stderr, /^epollet: Certificates renewed, valid until \S+\n$/);
console.log(`${clients.answered} answers`);
Deno.exit(0);
