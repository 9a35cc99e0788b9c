/**
 * Messages to a user with the habits of another server, or without a needed privilege: one line that says what to
 * write instead.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";

/** Returns the message for a command line with a mistake. */
async function mistake(args: readonly string[], cwd?: string, env?: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await runProgram(args, cwd, env);
  assertEquals([code, stdout, stderr.split("\n").length], [2, "", 2], `${args.join(" ")}: ${stderr}`);
  return stderr.trimEnd();
}

Deno.test("a subcommand of another server, or a second directory, is named, with what to write", async () => {
  using site = new Site({ "site/index.html": "hello", "start/index.html": "start" });
  assertEquals(
    await mistake(["start", "site"], site.root),
    'epollet: Unexpected argument "start": epollet serves without a subcommand: write "epollet site" or "epollet 7890 site"',
  );
  assertEquals(
    await mistake(["a", "b"], site.root),
    'epollet: Unexpected argument "a": expected a port and a directory, and neither begins with a digit: write "epollet b" or "epollet 7890 b"',
  );
  assertStringIncludes(
    await mistake(["serve"], site.root),
    ': epollet serves without a subcommand: write "epollet"',
  );
  const command = programCommand(["start", "0"]);
  await using program = await Program.startCommand(command, site.root); // a directory may have such a name
  assertStringIncludes(program.greeting, "Serving start at ");
});

Deno.test("a port after the wrong letter is reported with the right one", async () => {
  for (const [written, flag] of [["-h8095", "-8"], ["-P8095", "-P"], ["-q8095", "-8"]]) {
    assertEquals(
      await mistake([written!]),
      `epollet: Unknown flag ${flag} in "${written}": a port is -p 8095, or 8095 alone; type: epollet -p 8095`,
    );
  }
  assertEquals(await mistake(["-x"]), "epollet: Unknown flag -x: see --help for those that there are");
});

Deno.test("~ is expanded by shells only: wherever a path may be written, the line says so", async () => {
  using site = new Site({ "~/index.html": "hello" });
  const expected = (what: string, path: string) =>
    `epollet: ${what} "${path}": expected a path without ~, which only shells know: write /home/NAME/… (or ./${
      path.replace("unix:", "")
    }, where it is called so)`;
  const rest = ["--no-config"];
  assertEquals(await mistake(["--root=~/site", ...rest]), expected("Bad root", "~/site"));
  assertEquals(await mistake(["~anna/site", ...rest]), expected("Bad root", "~anna/site"));
  assertEquals(await mistake(["--config=~/a.json"]), expected("Bad --config", "~/a.json"));
  assertEquals(await mistake(["--error-log=~/e.log"]), expected("Bad --error-log", "~/e.log"));
  assertEquals(await mistake([], undefined, { EPOLLET_ROOT: "~" }), expected("Bad EPOLLET_ROOT", "~"));
  assertStringIncludes(await mistake(["--listen", "unix:~/a.sock"]), "expected a path without ~");
  site.write("epollet.json", '{\n  "root": "~/site"\n}');
  assertEquals(
    await mistake(["--config", "epollet.json"], site.root),
    expected("epollet.json:2: Bad root", "~/site"),
  );
  site.write("epollet.json", '{ "accessLogFile": "~/a.log" }');
  assertStringIncludes(await mistake(["--config", "epollet.json"], site.root), "expected a path without ~");
  await using program = await Program.startCommand(programCommand(["0", "./~", "--no-config"]), site.root);
  assertStringIncludes(program.greeting, "Serving ./~ at ");
});

Deno.test("a rewrite to another server is refused with its line: epollet is no proxy", async () => {
  using site = new Site();
  for (const destination of ["http://127.0.0.1:3000/api", "https://a.example/", "localhost:3000/api"]) {
    site.write(
      "epollet.json",
      `{ "rewrites": [\n{ "source": "/api/**", "destination": "${destination}" }] }`,
    );
    assertEquals(
      await mistake(["--check", "--config", "epollet.json"], site.root),
      `epollet: epollet.json:2: Bad rewrites[0].destination "${destination}": expected a path that begins with /, without ? and #: a rewrite serves another path of this site, and epollet is no proxy`,
    );
  }
  site.write("epollet.json", '{ "rewrites": [{ "source": "/a", "destination": "b" }] }');
  const plain = await mistake(["--check", "--config", "epollet.json"], site.root);
  assert(plain.endsWith("expected a path that begins with /, without ? and #"), plain);
});

Deno.test("--healthcheck without --admin says how to start the server", async () => {
  const ask = async (...args: string[]) =>
    (await runProgram(["--healthcheck", "--no-config", ...args])).stderr;
  const none = await ask();
  assert(none.startsWith("epollet: ") && none.split("\n").length === 2, none);
  assertStringIncludes(
    none,
    ": no --admin is set here, so 9090 is asked: start the server with --admin 9090",
  );
  assert(!(await ask("--admin", "9")).includes("start the server"));
});

Deno.test("a port that needs a privilege is reported with what to do", async () => {
  using site = new Site({ "index.html": "hello" });
  const unprivileged = Number(Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start"));
  if (unprivileged > 81) {
    for (const args of [["80"], ["0", "--admin", "81"], ["0", "--listen", "[::]:81", "--workers", "1"]]) {
      // In this user namespace root's files stay readable, but a port below 1024 cannot be bound.
      const [command, ...rest] = ["unshare", "--user", ...programCommand([...args, "--root", site.root])];
      const { code, stderr } = await new Deno.Command(command, { args: rest }).output();
      const text = new TextDecoder().decode(stderr);
      assertEquals([code, text.split("\n").length], [1, 2], text);
      assertStringIncludes(text, ": EACCES (permission denied): a port below 1024 needs a privilege: ");
      for (const way of ["from 1024 on", "--user", "CAP_NET_BIND_SERVICE"]) assertStringIncludes(text, way);
    }
  } else console.warn("skipped: every port may be bound here");
  Deno.mkdirSync(site.path("sockets"), { mode: 0o555 }); // here a directory is refused, not a port
  const unix = ["--listen", `unix:${site.path("sockets/a.sock")}`, "--root", site.root];
  const [command, ...rest] = ["unshare", "--user", ...programCommand(unix)];
  const { code, stderr } = await new Deno.Command(command, { args: rest }).output();
  const text = new TextDecoder().decode(stderr);
  assertEquals([code, text.includes("EACCES"), text.includes("port")], [1, true, false], text);
});
