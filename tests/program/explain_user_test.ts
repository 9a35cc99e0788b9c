/**
 * `--explain` with `--user` shows the responses of a server that runs as that user.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { IS_EMULATED, Program, programCommand, runProgram, Site } from "../support/program.ts";
import { exchange, get } from "../support/wire.ts";

const IS_ROOT = Deno.uid() === 0 && !IS_EMULATED;
if (!IS_ROOT) console.log("this is not run as root: what --explain finds as another user is left out");

const FILES = { "index.html": "hello", "secret.txt": "secret", "closed/a.txt": "a", "open/a.txt": "a" };

function newSite(): Site {
  const site = new Site(FILES);
  Deno.chmodSync(site.root, 0o755);
  Deno.chmodSync(site.path("secret.txt"), 0o600);
  Deno.chmodSync(site.path("closed"), 0o700);
  return site;
}

/** Returns the status that `--explain` shows, and all of its output. */
async function explained(
  site: Site,
  path: string,
  ...more: string[]
): Promise<[status: number, text: string]> {
  const args = ["0", site.root, "--no-config", "--explain", path, ...more];
  const { code, stdout, stderr } = await runProgram(args);
  assertEquals(code, 0, stderr);
  return [Number(/^HTTP\/1\.1 (\d+)/m.exec(stdout)?.[1]), stdout + stderr];
}

Deno.test({
  name: "with --user it finds what the server finds as that user, and names the user",
  ignore: !IS_ROOT,
  async fn() {
    using site = newSite();
    for (const rootMode of [0o755, 0o700]) {
      Deno.chmodSync(site.root, rootMode);
      await using program = await Program.start(site.root, ["--no-config", "--user", "nobody"]);
      for (const path of ["/", "/secret.txt", "/closed/a.txt", "/open/a.txt", "/none"]) {
        const [status, text] = await explained(site, path, "--user", "nobody");
        const served = await exchange(program.port, get(path));
        assertEquals(status, served.status, `${path}, ${rootMode.toString(8)}`);
        assertMatch(text, /^user +nobody \(\d+:\d+\)$/m);
        if (rootMode === 0o700) assertStringIncludes(text, `User nobody cannot look into ${site.root}`);
      }
      program.kill("SIGTERM");
      assertEquals((await program.finish()).code, 0);
    }
    Deno.chmodSync(site.root, 0o755);
    assertEquals((await explained(site, "/secret.txt"))[0], 200, "as root it may");
    assertEquals((await explained(site, "/secret.txt", "--user", "nobody", "--workers", "2"))[0], 403);
    assertEquals((await explained(site, "/open/a.txt", "--user", "nobody", "--workers", "2"))[0], 200);
  },
});

Deno.test("an unknown user is a mistake; without root, a line says whose rights are shown", async () => {
  using site = newSite();
  const args = ["0", site.root, "--no-config", "--explain", "/", "--user"];
  const none = await runProgram([...args, "nobody-here"]);
  assertEquals([none.code, none.stdout], [2, ""]);
  assertStringIncludes(none.stderr, 'Unknown user "nobody-here"');
  const [command, ...rest] = ["unshare", "--user", ...programCommand([...args, "daemon"])];
  const { code, stdout, stderr } = await new Deno.Command(command, { args: rest }).output();
  const [output, warned] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [
    string,
    string,
  ];
  assertEquals(code, 0, warned);
  assertMatch(
    warned,
    /^epollet: Only root can look as daemon \(\d+:\d+\): this is what nobody \(\d+:\d+\) finds\n$/,
  );
  assert(output.includes("HTTP/1.1 200 OK"), output);
});
