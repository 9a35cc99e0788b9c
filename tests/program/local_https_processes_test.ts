/**
 * `--https` with workers, over a reload and an upgrade, and when this machine gets another address.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { isInstalled, output } from "../support/commands.ts";
import { LocalHome } from "../support/local_home.ts";
import { childrenOf, isRunning } from "../support/process.ts";
import { Program, programCommand, REPOSITORY, Site } from "../support/program.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { eventually } from "../support/waiting.ts";

const ROOT_PATH = "/.well-known/epollet-root.pem";

function fetchBy(home: LocalHome, port: number, path = "/"): Promise<string> {
  return output("curl", "-sS", "--noproxy", "*", "--cacert", home.root, `https://localhost:${port}${path}`);
}

/** Resolves once `text` is served several times in a row: after a reload, workers are replaced one after the other. */
async function serves(home: LocalHome, port: number, text: string): Promise<void> {
  let times = 0;
  await eventually(async () => {
    times = await fetchBy(home, port) === text ? times + 1 : 0;
    return times === 8;
  }, `${text} is not served`);
}

for (const args of [["--workers", "2"], ["--no-sandbox"], []]) {
  Deno.test(`--https serves over a reload, ${args.join(" ") || "in the sandbox"}`, async () => {
    using home = new LocalHome();
    using files = new TestCertificates();
    using site = new Site({ "a.html": "first", "b.html": "second" });
    const write = (index: string) =>
      files.write(JSON.stringify({ port: 0, https: true, root: site.root, index: [index] }), "epollet.json");
    const config = write("a.html");
    await using program = await Program.startCommand(
      programCommand(["--config", config, ...args]),
      REPOSITORY,
      home.environment(),
    );
    const { port } = program;
    const root = Deno.readTextFileSync(home.root);
    for (const index of ["first", "second"]) {
      for (let i = 0; i < 4; i++) assertEquals(await fetchBy(home, port), index);
      assertEquals(await fetchBy(home, port, ROOT_PATH), root);
      write("b.html");
      program.kill("SIGHUP");
      await serves(home, port, "second");
    }
    for (const pid of childrenOf(program.pid)) {
      const open = Array.from(Deno.readDirSync(`/proc/${pid}/fd`), ({ name }) => {
        try {
          return Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
        } catch {
          return "";
        }
      });
      assert(!open.some((path) => path.includes("authority")), open.join());
    }
    program.kill("SIGTERM");
    assertEquals((await program.finish()).stderr, "");
  });
}

for (const args of [["--workers", "1"], ["--no-sandbox"]]) {
  Deno.test(`a new program takes over with --https ${args.join(" ")}`, async () => {
    using home = new LocalHome();
    using site = new Site({ "index.html": "hello" });
    await using program = await home.start(site.root, ["--https", ...args]);
    const { port } = program;
    const before = childrenOf(program.pid);
    program.kill("SIGUSR2");
    let successor = 0;
    await eventually(() => {
      successor = childrenOf(program.pid).find((pid) => !before.includes(pid)) ?? 0;
      return successor > 0;
    }, "no program was started");
    assertEquals(await program.exit(), 0);
    try {
      assertEquals(await fetchBy(home, port), "hello");
      assertEquals(await fetchBy(home, port, ROOT_PATH), Deno.readTextFileSync(home.root));
    } finally {
      Deno.kill(successor, "SIGTERM");
      await eventually(() => !isRunning(successor), "the new program does not end");
    }
  });
}

Deno.test("a new program takes over the certificate if it cannot read the authority", async () => {
  using home = new LocalHome();
  using site = new Site({ "index.html": "hello" });
  await using program = await home.start(site.root, ["--https", "--no-sandbox"]);
  const authority = `${home.authority}/authority.pem`;
  Deno.removeSync(authority);
  Deno.mkdirSync(authority); // as unreadable as with another user
  program.kill("SIGUSR2");
  let successor = 0;
  await eventually(() => {
    successor = childrenOf(program.pid)[0] ?? 0;
    return successor > 0;
  }, "no program was started");
  assertEquals(await program.exit(), 0);
  try {
    assertEquals(await fetchBy(home, program.port), "hello");
  } finally {
    Deno.kill(successor, "SIGTERM");
    await eventually(() => !isRunning(successor), "the new program does not end");
  }
});

/** Starts the program in a network of its own, which has one address beside loopback. Null where that is impossible. */
async function startInNetwork(home: LocalHome, site: Site, args: readonly string[]): Promise<Program | null> {
  const setup =
    "ip link set lo up && ip link add a0 type veth && ip addr add 10.77.0.1/24 dev a0 && ip link set a0 up";
  const probe = new Deno.Command("unshare", { args: ["-n", "sh", "-c", setup], stderr: "null" });
  if (!isInstalled("ip", "iproute2") || !probe.outputSync().success) {
    console.log("skipped: this test needs a network of its own (root, veth)");
    return null;
  }
  const command = programCommand([
    "--port",
    "0",
    "--root",
    `${site.root}/www`,
    "--no-config",
    "--https",
    ...args,
  ]);
  const words = ["unshare", "-n", "sh", "-c", `${setup} && exec "$@"`, "sh", ...command];
  return await Program.startCommand(words, REPOSITORY, home.environment());
}

for (const isConfined of [false, true]) {
  const name = isConfined
    ? "in the sandbox a line says that it needs a new start"
    : "it is made anew with workers";
  Deno.test(`when this machine gets another address, the certificate lacks it: ${name}`, async () => {
    using home = new LocalHome();
    using site = new Site({ "www/index.html": "hello" }); // what is beside the root may be read
    const started = await startInNetwork(home, site, isConfined ? [] : ["--workers", "1"]);
    if (started === null) return;
    await using program = started;
    const inside = (...words: string[]) => output("nsenter", "-t", String(program.pid), "-n", ...words);
    const fetched = (address: string) =>
      inside("curl", "-sS", "--noproxy", "*", "--cacert", home.root, `https://${address}:${program.port}/`);
    assertEquals(await fetched("10.77.0.1"), "hello");
    assertEquals(await inside("ip", "addr", "add", "10.77.0.2/24", "dev", "a0"), "");
    assertNotEquals(await fetched("10.77.0.2"), "hello");
    if (isConfined) {
      await program.warned(
        /The certificate of --https is not for 10\.77\.0\.2: start the server anew for another one \(/,
      );
    } else {
      await program.warned(
        /The certificate of --https was made anew: the one before is not for 10\.77\.0\.2/,
      );
      await eventually(async () => await fetched("10.77.0.2") === "hello", "the new address is not covered");
    }
    assertEquals(await fetched("10.77.0.1"), "hello");
  });
}
