/**
 * The environment, as the program reads it.
 * @module
 */
import { assertEquals } from "@std/assert";
import { describeUnknown } from "../../program/config/flags/environment.ts";
import { FLAG_FORMS, variableOf } from "../../program/config/flags/flag_forms.ts";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";

Deno.test("the program reads its environment, without --allow-env", async () => {
  using site = new Site({
    "public/index.html": "",
    "epollet.json": '{ "port": 1, "browse": true, "etag": "off" }',
  });
  const env = { EPOLLET_PORT: "2", EPOLLET_ROOT: "public", EPOLLET_BROWSE: "no", EPOLLET_ETAG: "mtime" };
  const { code, stdout, stderr } = await runProgram(["--check", "3"], site.root, env);
  const overruled = "browse (by EPOLLET_BROWSE), etag (by EPOLLET_ETAG)";
  assertEquals([code, stderr], [0, `epollet: Overruled in ./epollet.json: ${overruled}\n`]);
  const { port, root, browse, etag } = JSON.parse(stdout);
  assertEquals([port, root, browse, etag], [3, `${Deno.realPathSync(site.root)}/public`, false, "mtime"]);
  const bad = await runProgram(["public"], site.root, { EPOLLET_CACHE_SIZE: "much" });
  assertEquals([bad.code, bad.stdout], [2, ""]);
  assertEquals(
    bad.stderr,
    'epollet: Bad EPOLLET_CACHE_SIZE "much": expected bytes, or a number with K, M or G, such as 64M\n',
  );
  assertEquals((await runProgram(["--version"], site.root, { EPOLLET_PORT: "x" })).code, 0);
});

Deno.test("an unknown variable that begins like the program's own is named, and variables of other programs are ignored", () => {
  const of = (...words: string[]) => describeUnknown(words);
  assertEquals(of("EPOLLET_CACHESIZE=1", "EPOLLET_X\u001b=", "epollet_port=1"), [
    "Unknown variable EPOLLET_CACHESIZE, which sets nothing: is it EPOLLET_CACHE_SIZE?",
    "Unknown variable EPOLLET_X?, which sets nothing: see --help for the flags that variables are named after",
    "Unknown variable epollet_port, which sets nothing: is it EPOLLET_PORT?",
  ]);
  assertEquals(
    of(
      ...["PATH=/bin", "XEPOLLET_A=", "EPOLLET_PORT=tcp://10.0.0.7:80", "EPOLLET_SERVICE_HOST=10.0.0.7"],
      ...[
        "EPOLLET_SERVICE_PORT_HTTP=80",
        "EPOLLET_PORT_80_TCP_ADDR=10.0.0.7",
        "EPOLLET_DOCS_PORT=tcp://10.0.0.8:80",
      ],
      ...[...FLAG_FORMS.values()].flatMap((form) => variableOf(form) ?? []).map((name) => `${name}=x`),
    ),
    [],
  );
});

Deno.test("--check and the start name an unknown variable once, and serve all the same", async () => {
  using site = new Site({ "public/index.html": "" });
  const env = { EPOLLET_AUHT: "anna:x", EPOLLET_ROOT: "public" };
  const line = "epollet: Unknown variable EPOLLET_AUHT, which sets nothing: is it EPOLLET_AUTH?\n";
  const checked = await runProgram(["--check"], site.root, env);
  assertEquals([checked.code, checked.stderr], [0, line]);
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  for (const flags of [[], ["-w", "2"]]) {
    const command = ["env", ...words, ...programCommand(["-a", "127.0.0.1", "-p", "0", ...flags])];
    await using program = await Program.startCommand(command, site.root);
    program.kill("SIGTERM");
    assertEquals((await program.finish()).stderr.split(line).length, 2, flags.join());
  }
});
