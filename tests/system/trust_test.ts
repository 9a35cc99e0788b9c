/**
 * `epollet trust`, with the real stores of the system and of browsers, each in a directory of the test's own.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { findBrowser, QUIETLY, removeSoon } from "../support/browser.ts";
import { isInstalled, type Printed } from "../support/commands.ts";
import { LocalHome } from "../support/local_home.ts";
import { OWN_MOUNTS } from "../support/own_mounts.ts";
import { programCommand, REPOSITORY, Site } from "../support/program.ts";
import { awaited, outputOf } from "../support/waiting.ts";

const ADDED = "/usr/local/share/ca-certificates";
const BUNDLE = "/etc/ssl/certs";
const NICKNAME = "epollet development authority";

/** A home directory, and a copy of the system's store. */
class Stores extends LocalHome {
  readonly added = `${this.path}/added`;
  readonly bundle = `${this.path}/bundle`;

  constructor() {
    super();
    new Deno.Command("sh", { args: ["-c", `mkdir "$0" && cp -a ${BUNDLE} "$1"`, this.added, this.bundle] })
      .outputSync();
  }

  /** Runs a command that sees the copy in place of the system's store. `setup` are further mounts. */
  async in(command: readonly string[], more: Record<string, string> = {}, setup = ":"): Promise<Printed> {
    const mounts = `mount --bind ${this.added} ${ADDED} && mount --bind ${this.bundle} ${BUNDLE} && ${setup}`;
    const [program, ...args] = [...OWN_MOUNTS, "sh", "-c", `${mounts} && exec "$@"`, "sh", ...command];
    const process = new Deno.Command(program!, {
      args,
      cwd: REPOSITORY,
      env: this.environment(more),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { code, stdout, stderr } = await outputOf(process, command.join(" "));
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  trust(args: readonly string[] = [], more?: Record<string, string>, setup?: string): Promise<Printed> {
    return this.in(programCommand(["trust", ...args]), more, setup);
  }

  /** Returns the trust flags of the authority in a database of NSS; null if it is not there. */
  async flagsIn(directory: string): Promise<string | null> {
    const { stdout } = await this.in(["certutil", "-L", "-d", `sql:${directory}`]);
    const lines = stdout.split("\n").filter((line) => line.startsWith(NICKNAME));
    assert(lines.length <= 1, stdout);
    return lines[0]?.slice(NICKNAME.length).trim() ?? null;
  }
}

/** Returns true if the tests can run here; otherwise says why not. */
function canTrust(): boolean {
  if (
    !isInstalled("certutil", "libnss3-tools") || !isInstalled("update-ca-certificates", "ca-certificates")
  ) return false;
  if (OWN_MOUNTS.length > 0) return true;
  console.log("skipped: this test needs mounts of its own (root)");
  return false;
}

Deno.test("trust makes the system and browsers trust the authority, however often, and --remove takes that back", async () => {
  if (!canTrust()) return;
  using stores = new Stores();
  using site = new Site({ "index.html": "hello\n" });
  const firefox = `${stores.path}/.mozilla/firefox/abcd.default`;
  const chromium = `${stores.path}/.pki/nssdb`;
  Deno.mkdirSync(firefox, { recursive: true });
  await stores.in(["certutil", "-N", "-d", `sql:${firefox}`, "--empty-password"]);
  await using program = await stores.start(site.root);
  const fetched = () =>
    stores.in(["curl", "-sS", "--noproxy", "*", `https://localhost:${program.port}/`], {
      CURL_CA_BUNDLE: `${BUNDLE}/ca-certificates.crt`,
    });
  assertEquals((await fetched()).code, 60, "curl refuses an unknown authority");
  for (let time = 0; time < 2; time++) {
    const { code, stdout, stderr } = await stores.trust();
    assertEquals([code, stderr], [0, ""], stdout);
    assertMatch(
      stdout,
      /^Local authority: \S+\/root.pem, valid until 20\d\d-\d\d-\d\d\nSystem: trusted \(\S+\.crt\)\n/,
    );
    assertStringIncludes(stdout, `Chromium: trusted (${chromium})`);
    assertStringIncludes(stdout, `Firefox: trusted (${firefox})`);
    assert(!/To do|PRIVATE/.test(stdout), stdout);
    assertEquals((await fetched()).stdout, "hello\n");
    assertEquals([await stores.flagsIn(chromium), await stores.flagsIn(firefox)], ["C,,", "C,,"]);
    assertEquals([...Deno.readDirSync(stores.added)].length, 1);
  }
  for (
    const expected of [
      /System: removed[^]*Chromium: removed[^]*Firefox: removed/,
      /System: does not[^]*Chromium: does not[^]*Firefox: does not/,
    ]
  ) {
    const { code, stdout, stderr } = await stores.trust(["--remove"]);
    assertEquals([code, stderr], [0, ""], stdout);
    assertMatch(stdout, expected);
    assertEquals((await fetched()).code, 60);
    assertEquals([await stores.flagsIn(chromium), await stores.flagsIn(firefox)], [null, null]);
    assertEquals([...Deno.readDirSync(stores.added)].length, 0);
  }
});

Deno.test("trust replaces an authority that was made anew", async () => {
  if (!canTrust()) return;
  using stores = new Stores();
  const chromium = `${stores.path}/.pki/nssdb`;
  const inBrowser = async () =>
    (await stores.in(["certutil", "-L", "-d", `sql:${chromium}`, "-n", NICKNAME, "-a"])).stdout.replaceAll(
      "\r",
      "",
    );
  const roots: string[] = [];
  for (let time = 0; time < 2; time++) {
    assertEquals((await stores.trust()).code, 0);
    const root = Deno.readTextFileSync(stores.root);
    assertEquals((await inBrowser()).trim(), root.trim());
    roots.push(root);
    Deno.removeSync(stores.authority, { recursive: true });
  }
  assert(roots[0] !== roots[1]);
  const { stdout } = await stores.trust(["--remove"]); // the authority is missing by now
  assertMatch(stdout, /System: removed[^]*Chromium: removed/);
  assertEquals(await stores.flagsIn(chromium), null);
});

Deno.test("where it may not write, trust prints the commands for root, and they work", async () => {
  if (!canTrust()) return;
  using stores = new Stores();
  const readOnly = `mount -o remount,bind,ro ${ADDED}`;
  const { code, stdout, stderr } = await stores.trust([], {}, readOnly);
  assertEquals([code, stderr], [0, ""], stdout);
  assertMatch(stdout, /System: not yet, see below\n[^]*Chromium: trusted/);
  const commands = Array.from(stdout.matchAll(/^ {2}sudo (.*)$/gm), ([, command]) => command!);
  assertMatch(
    commands.join("\n"),
    new RegExp(`^install -m 644 ${stores.root} ${ADDED}/epollet-\\w+\\.crt\\nupdate-ca-certificates$`),
  );
  const done = await stores.in(["sh", "-ec", commands.join("\n")]);
  assertEquals(done.code, 0, done.stderr);
  assertEquals([...Deno.readDirSync(stores.added)].length, 1);
  const removal = await stores.trust(["--remove"], {}, readOnly);
  assertMatch(
    removal.stdout,
    /System: not removed yet, see below\n[^]* {2}sudo rm -f \S+\.crt\n {2}sudo update-ca-certificates --fresh\n/,
  );
});

Deno.test("without certutil, and on a system whose store is not known, trust says what to do", async () => {
  if (!canTrust()) return;
  using stores = new Stores();
  const setup = "mount -t tmpfs none /usr/local/share && export PATH=/nonexistent";
  const { code, stdout, stderr } = await stores.trust([], {}, setup);
  assertEquals([code, stderr], [0, ""], stdout);
  assertMatch(
    stdout,
    /System: its store of authorities is not known here; add \S+\/root\.pem to it by hand\n/,
  );
  assertMatch(
    stdout,
    /Chromium: not yet \(\S+\): certutil is missing[^]*sudo apt-get install libnss3-tools[^]*epollet trust\n$/,
  );
});

Deno.test("mistakes about trust are one line, and status 2", async () => {
  using home = new LocalHome();
  const { code, stdout, stderr } = await home.run(["trust", "--removes"]);
  assertEquals([code, stdout], [2, ""]);
  assertEquals(
    stderr,
    'epollet: Unexpected argument "--removes": epollet trust takes --remove, or nothing; type: epollet trust --remove\n',
  );
  assertMatch((await home.run(["trust", "--help"])).stdout, /^epollet trust \[--remove\]\n/);
  assertEquals([...Deno.readDirSync(home.path)].length, 0, "nothing was made");
});

/** Returns the document that a browser with a new profile shows for `url`. */
async function shownBy(browser: string, home: LocalHome, url: string): Promise<string> {
  const profile = await Deno.makeTempDir({ prefix: "epollet-browser-" });
  const process = new Deno.Command(browser, {
    args: [...QUIETLY, `--user-data-dir=${profile}`, "--dump-dom", url],
    env: { HOME: home.path },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  try {
    return new TextDecoder().decode((await awaited(process.output(), `${browser} to show ${url}`)).stdout);
  } finally {
    await removeSoon(profile);
  }
}

Deno.test("Chromium with a new profile accepts the site after trust, by name and address, and not before", async () => {
  const browser = await findBrowser();
  if (browser === null || !canTrust()) return;
  using stores = new Stores();
  using site = new Site({ "index.html": "<!doctype html><title>padlock</title><p id=it>hello" });
  await using program = await stores.start(site.root);
  const shows = async (host: string) =>
    (await shownBy(browser, stores, `https://${host}:${program.port}/`)).includes('<p id="it">hello');
  assert(!await shows("localhost"), "an unknown authority is refused");
  assertEquals((await stores.trust()).code, 0);
  for (const host of ["localhost", "127.0.0.1"]) assert(await shows(host), `${host} is refused`);
  assertEquals((await stores.trust(["--remove"])).code, 0);
  assert(!await shows("localhost"), "it is refused after --remove");
});
