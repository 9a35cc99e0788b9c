/**
 * Other things in the place of a log file: links that another user has planted, and special files.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EAGAIN, ELOOP, EMLINK } from "../../ffi/libc/errno.ts";
import { appendTo, openLogDirectory, openToAppend } from "../../ffi/file/log_file.ts";
import { close } from "../../ffi/socket/socket.ts";
import { LogFile } from "../../server/access_log/log_file.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { LogInFile } from "../support/access_log.ts";
import { eventually } from "../support/descriptors.ts";
import { DENO, Program, runProgram, Site } from "../support/program.ts";
import { get, Wire } from "../support/wire.ts";

const VICTIM = "not a log\n";

/** What an attacker puts at `log`, given a file of another user, and what the message about it contains. */
const PLANTED: readonly [what: string, plant: (log: string, victim: string) => void, found: string][] = [
  ["a symbolic link", (log, victim) => Deno.symlinkSync(victim, log), "a symbolic link is there"],
  ["a link to nothing", (log, victim) => Deno.symlinkSync(`${victim}.new`, log), "a symbolic link is there"],
  ["a link to a device", (log) => Deno.symlinkSync("/dev/null", log), "a symbolic link is there"],
  ["a hard link", (log, victim) => Deno.linkSync(victim, log), "a file with other names"],
  ["a FIFO", (log) => makeFifo(log), "something that is no regular file is there"],
  ["a directory", (log) => Deno.mkdirSync(log), "EISDIR"],
];

function makeFifo(path: string): void {
  assert(new Deno.Command("mkfifo", { args: [path] }).outputSync().success);
}

async function ask(program: Program, path: string): Promise<void> {
  using wire = await Wire.connect(program.port);
  await wire.send(get(path));
  await wire.expect();
}

for (const [what, plant, found] of PLANTED) {
  Deno.test(`${what} under a log's name ends the start with a line, and nothing is written or created`, async () => {
    using site = new Site({ "a": "x", "victim": VICTIM, "d/logs/other": "" });
    const log = site.path("d/logs/a.log");
    plant(log, site.path("victim"));
    for (const flag of ["--access-log-file", "--error-log"]) {
      const { code, stderr } = await runProgram(["-p", "0", site.root, flag, log]);
      assertEquals(code, 2, stderr);
      assertMatch(stderr, /^epollet: [^\n]*\n$/);
      assertStringIncludes(stderr, `Cannot open ${log}: `);
      assertStringIncludes(stderr, found);
      assertStringIncludes(stderr, flag);
    }
    assertEquals(Deno.readTextFileSync(site.path("victim")), VICTIM);
    assertEquals(Array.from(Deno.readDirSync(site.root), ({ name }) => name).sort(), ["a", "d", "victim"]);
  });

  Deno.test(`${what} under a log's name at SIGUSR1: a line says so, and the old file stays in use`, async () => {
    using site = new Site({ "a": "x", "victim": VICTIM });
    using log = new LogInFile();
    await using program = await Program.start(site.root, ["--access-log-file", log.path]);
    await ask(program, "/a?1");
    Deno.renameSync(log.path, `${log.path}.1`);
    plant(log.path, site.path("victim"));
    program.kill("SIGUSR1");
    await program.warned(/Cannot reopen /);
    await ask(program, "/a?2");
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    assertEquals(code, 0);
    assertMatch(stderr, /^epollet: Cannot reopen \S+: [^\n]*: it goes on in the one that was open\n$/);
    assertStringIncludes(stderr, found);
    assertEquals(Deno.readTextFileSync(site.path("victim")), VICTIM);
    assertMatch(Deno.readTextFileSync(`${log.path}.1`), /^.*\/a\?1 .*\n.*\/a\?2 .*\n$/);
  });
}

Deno.test("a FIFO is no log even when it has a reader: its creator does not learn the clients' requests", () => {
  using site = new Site();
  const fifo = site.path("log");
  makeFifo(fifo);
  using _reader = Deno.openSync(fifo, { read: true, write: true });
  const log = new LogFile(fifo);
  try {
    log.open();
    assert(false, "the FIFO was opened");
  } catch (error) {
    assertStringIncludes((error as Error).message, "no regular file");
  }
});

Deno.test("a log that is copied and truncated, and one in a directory behind a link, are appended to", () => {
  using site = new Site({ "real/a.log": "old\n" });
  Deno.symlinkSync("real", site.path("logs"));
  const log = new LogFile(site.path("logs/a.log"));
  log.open();
  const line = encodeUtf8("line\n".padStart(128));
  assertEquals(log.write(line, line.length), 128);
  Deno.copyFileSync(site.path("real/a.log"), site.path("real/a.log.1"));
  Deno.truncateSync(site.path("real/a.log"));
  assertEquals(log.write(line, line.length), 128);
  log.close();
  assertEquals(Deno.statSync(site.path("real/a.log")).size, 128);
  assertEquals(Deno.statSync(site.path("real/a.log.1")).size, 132);
});

Deno.test("/dev/stdout and /dev/stderr are the streams that are open, for the access log and the error log", async () => {
  using site = new Site({ "a": "x" });
  const flags = ["--access-log-file", "/dev/stdout", "--error-log", "/dev/stderr"];
  await using program = await Program.start(site.root, flags);
  await ask(program, "/a");
  await program.printed(/"GET \/a HTTP\/1\.1" 200/);
  program.kill("SIGHUP"); // without a configuration file, a reload prints a warning
  await program.warned(/^\d{4}-\S+ \[\d+\] Reload: .*\n/);
  program.kill("SIGTERM");
  assertEquals((await program.finish()).code, 0);
});

/** Puts links to `victim` under the log's name and removes them, as fast as possible. */
const FLICKER = `
const [log, victim] = Deno.args;
const attempt = (action) => { try { action(); } catch { /* the other one was faster */ } };
console.log("begins");
const end = Date.now() + 20_000;
while (Date.now() < end) {
  attempt(() => Deno.linkSync(victim, log));
  attempt(() => Deno.removeSync(log));
  attempt(() => Deno.symlinkSync(victim, log));
  attempt(() => Deno.removeSync(log));
}
`;

Deno.test("a process that keeps planting and removing links never gets a line into another user's file", async () => {
  using site = new Site({ "victim": VICTIM, "logs/x": "" });
  const [log, victim] = [site.path("logs/a.log"), site.path("victim")];
  site.write("flicker.ts", FLICKER);
  const [deno, ...rest] = DENO;
  const args = [...rest, "run", "--no-prompt", "-A", site.path("flicker.ts"), log, victim];
  const attacker = new Deno.Command(deno, { args, stdout: "piped", stderr: "null" }).spawn();
  const directory = openLogDirectory(site.path("logs"), log);
  const counts = { opened: 0, links: 0, others: 0 };
  try {
    const reader = attacker.stdout.getReader();
    await reader.read();
    const line = encodeUtf8("a line\n".padStart(128));
    const endMs = Date.now() + 2000;
    await eventually(() => {
      for (let i = 0; i < 200; i++) {
        const fd = openToAppend(directory, "a.log");
        if (fd >= 0) {
          counts.opened++;
          appendTo(fd, true, line, line.length);
          close(fd);
        } else if (fd === -ELOOP || fd === -EMLINK) counts.links++;
        else {
          assertEquals(fd, -EAGAIN);
          counts.others++;
        }
      }
      return Date.now() > endMs;
    }, "the time does not end");
    await reader.cancel();
  } finally {
    attacker.kill("SIGKILL");
    await attacker.status;
    close(directory);
  }
  assert(counts.links > 0 && counts.opened > 0, JSON.stringify(counts));
  assertEquals(Deno.readTextFileSync(victim), VICTIM, JSON.stringify(counts));
});
