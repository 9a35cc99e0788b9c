/**
 * Filters of system calls that are older than some of the calls, as old container runtimes have them: sites are served
 * as without, and a line says which calls are refused, and by what.
 * @module
 */
import { NO_OPENAT2_WARNING } from "../../handlers/site/settings/site_options.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { EACCES, ENOSYS, EPERM } from "../../ffi/libc/errno.ts";
import { compileProgram } from "../support/c_compiler.ts";
import { IS_EMULATED, Program, programCommand, REPOSITORY, Site } from "../support/program.ts";
import { exchange, get, Wire } from "../support/wire.ts";

/** Compiles the filter. Returns null when that is impossible. */
async function filterIn(directory: Site): Promise<string | null> {
  if (IS_EMULATED) return null; // the filter would apply to the emulator
  const program = directory.path("refuse_calls");
  return await compileProgram(`${REPOSITORY}tests/support/refuse_calls.c`, program) ? program : null;
}

/** A site whose files are looked up in different ways. */
function someSite(): Site {
  const site = new Site({
    "a.txt": "hello\n",
    "dir/index.html": "index",
    "list/b.txt": "four",
    "large.bin": new Uint8Array(2_000_000),
  });
  Deno.symlinkSync("a.txt", site.path("link"));
  for (const name of ["a.txt", "dir/index.html", "list/b.txt", "large.bin"]) {
    Deno.utimeSync(site.path(name), 1_600_000_000.25, 1_600_000_000.25); // the times are parts of tags
  }
  Deno.chmodSync(site.path("list/b.txt"), 0o600);
  return site;
}

/** What a client gets of the site, without links. */
async function look(port: number, site: Site): Promise<unknown[]> {
  const seen: unknown[] = [];
  using wire = await Wire.connect(port);
  for (
    const target of [
      "/a.txt",
      "/dir",
      "/dir/",
      "/list/?format=json",
      "/list/b.txt",
      "/missing",
      "/large.bin",
      "/a.txt",
    ]
  ) {
    await wire.send(get(target));
    const { status, body, fields } = await wire.expect();
    seen.push([target, status, body.length, fields.etag, fields["last-modified"], fields.location]);
    if (target.startsWith("/list/?")) {
      seen.push(new TextDecoder().decode(body).replace(/"modified":[^,}]*/g, ""));
    }
  }
  site.write("a.txt", "another");
  Deno.utimeSync(site.path("a.txt"), 1_600_000_001, 1_600_000_001);
  for (let i = 0; i < 2; i++) {
    await wire.send(get("/a.txt"));
    const { text, fields } = await wire.expect();
    seen.push([text, fields.etag]);
  }
  return seen;
}

const BY = "by a filter of system calls \\(seccomp\\), as older container runtimes have one";

Deno.test("where a filter refuses statx(2) and openat2(2), files are served as without it, and lines say so", async () => {
  using directory = new Site();
  const filter = await filterIn(directory);
  if (filter === null) return;
  for (const etag of ["hash", "mtime"]) {
    using plainSite = someSite();
    const flags = ["--no-config", "--browse", "--etag", etag];
    await using plain = await Program.start(plainSite.root, flags);
    const expected = await look(plain.port, plainSite);
    for (const [errno, name] of [[EPERM, "EPERM"], [EACCES, "EACCES"], [ENOSYS, "ENOSYS"]] as const) {
      using site = someSite();
      const command = programCommand(["--port", "0", "--root", site.root, ...flags]);
      await using program = await Program.startCommand([filter, String(errno), "newer", ...command]);
      assertEquals(await look(program.port, site), expected, name);
      assertEquals((await exchange(program.port, get("/link"))).status, 404); // without openat2
      program.kill("SIGTERM");
      const { code, stderr } = await program.finish();
      assertEquals(code, 0);
      if (errno === ENOSYS) { // the C library falls back by itself
        assertEquals(
          stderr,
          `epollet: ${NO_OPENAT2_WARNING}\n`,
        );
        continue;
      }
      const lines = stderr.trimEnd().split("\n");
      assertEquals(lines.length, 2, stderr);
      assertMatch(
        lines[0]!,
        RegExp(`statx\\(2\\) is refused with ${name} ${BY}: files are looked at by fstatat\\(2\\) instead$`),
      );
      assertMatch(
        lines[1]!,
        RegExp(`openat2\\(2\\) is refused with ${name} ${BY}: symbolic links in the site are not followed$`),
      );
    }
  }
});

Deno.test("under such a filter a large file that is rewritten is cut, and workers, sockets and logs work", async () => {
  using directory = new Site();
  const filter = await filterIn(directory);
  if (filter === null) return;
  using site = new Site({ "a.txt": "hello\n", "large.bin": new Uint8Array(16 * 1024 * 1024) });
  for (const args of [["--workers", "2"], ["--cache-validate", "stat"]]) {
    const socket = directory.path("socket");
    const command = programCommand([
      ...["--port", "0", "--no-config", "--root", site.root, "--listen", `unix:${socket}`, ...args],
      ...["--access-log", "common", "--access-log-file", directory.path("access.log")],
    ]);
    await using program = await Program.startCommand([filter, String(EPERM), "newer", ...command]);
    for (let i = 0; i < 4; i++) assertEquals((await exchange(program.port, get("/a.txt"))).text, "hello\n");
    using wire = await Wire.connectUnix(socket);
    await wire.send(get("/a.txt"));
    assertEquals((await wire.expect()).status, 200);
    using slow = await Wire.connect(program.port);
    await slow.send(get("/large.bin", "Connection: close"));
    await slow.arrival();
    Deno.writeFileSync(site.path("large.bin"), new Uint8Array(16 * 1024 * 1024).fill(1));
    assert((await slow.readToEnd()).length < 16 * 1024 * 1024, "it went out at full length");
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    assertEquals(code, 0, stderr);
    assertMatch(Deno.readTextFileSync(directory.path("access.log")), /"GET \/a.txt HTTP\/1.1" 200 6/);
  }
});
