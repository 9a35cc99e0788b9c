/**
 * The files of the log: renamed files, full disks, pipes without a reader, several processes, the sandbox.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { appendTo } from "../../ffi/file/log_file.ts";
import { libc, loadLibc } from "../../ffi/libc/libc.ts";
import { LogFile } from "../../server/access_log/log_file.ts";
import { LogWriter } from "../../server/access_log/writer.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { LOG_BUFFER_BYTES_MAX } from "../../server/limits.ts";
import { LogInFile, parseLine } from "../support/access_log.ts";
import { Descriptors, eventually } from "../support/descriptors.ts";
import { serving } from "../support/in_process.ts";
import { Program, runProgram, Site } from "../support/program.ts";
import { get, Wire } from "../support/wire.ts";

loadLibc();

const LINE = encodeUtf8(`${"x".repeat(99)}\n`);

const READ_BYTES = 65536;
const buffer = new Uint8Array(READ_BYTES);

/** Reads everything in a pipe, and returns the number of bytes. */
function empty(pipe: number): number {
  let bytes = 0;
  for (let count = 1; count > 0; bytes += Math.max(count, 0)) count = libc.read(pipe, buffer, READ_BYTES);
  return bytes;
}

/** Appends a line, if there is room. */
function add(writer: LogWriter, line: Uint8Array = LINE): boolean {
  if (!writer.makeRoom()) return false;
  writer.bytes.set(line, writer.at);
  writer.at += line.length;
  return true;
}

Deno.test("while a disk is full lines wait in memory, and lines without room there are lost and counted", async () => {
  const file = new LogFile("/dev/full");
  file.open();
  const writer = new LogWriter(file);
  const count = 2000;
  let kept = 0;
  for (let i = 0; i < count; i++) if (add(writer)) kept++;
  assertEquals(kept, Math.ceil(LOG_BUFFER_BYTES_MAX / LINE.length));
  const lost = writer.takeLost()!;
  assertEquals([lost.lines, lost.status], [count - kept, -28]); // ENOSPC
  assertEquals(writer.takeLost(), null);
  using log = new LogInFile();
  const next = new LogFile(log.path);
  next.open();
  writer.target = next;
  assert(add(writer), "there is room again");
  writer.flush();
  assertEquals(log.lines.length, kept + 1);
  file.close();
  next.close();
  await Promise.resolve();
});

Deno.test("a pipe that is not read delays nothing, and gets complete lines when it is read again", () => {
  using descriptors = new Descriptors();
  const { reader, writer: end } = descriptors.pipe();
  const writer = new LogWriter(new LogFile(end));
  let kept = 0;
  for (let i = 0; i < 10_000; i++) if (add(writer)) kept++;
  assert(kept < 3000, `${kept} lines`);
  assertEquals(writer.takeLost()!.lines, 10_000 - kept);
  let received = 0;
  for (let round = 0; writer.at > 0; round++) {
    assert(round < 100);
    received += empty(reader);
    writer.flush();
  }
  received += empty(reader);
  assertEquals(received, kept * LINE.length);
});

Deno.test("each write to a pipe has complete lines, so that lines of other processes come between them", () => {
  using descriptors = new Descriptors();
  const { reader, writer } = descriptors.pipe();
  const lines = encodeUtf8(`${"x".repeat(99)}\n`.repeat(100));
  assertEquals(appendTo(writer, false, lines, lines.length), 4000);
  assertEquals(empty(reader), 4000);
  const long = encodeUtf8(`${"x".repeat(5000)}\n`);
  assertEquals(appendTo(writer, false, long, long.length), 4096);
  assertEquals(empty(reader), 4096);
});

Deno.test("a server whose log cannot be written keeps serving, and reports that lines are lost", async () => {
  await using server = serving(() => HttpResponse.text("x"), {
    accessLog: { format: "combined", file: "/dev/full" },
  });
  using wire = await Wire.connect(server.port);
  for (let round = 0; round < 10; round++) {
    await wire.send(get("/").repeat(200));
    for (let i = 0; i < 200; i++) assertEquals((await wire.expect()).status, 200);
  }
  await eventually(() => server.errors.length > 0, "no error is logged");
  assertMatch(server.errors[0]!, /^The access log lost \d+ lines: ENOSPC \(.*\)$/);
  assert(server.errors.length <= 3, server.errors.join("\n"));
});

Deno.test("lines are written within a second, and all of them at the end", async () => {
  using log = new LogInFile();
  const server = serving(() => HttpResponse.text("x"), { accessLog: { format: "common", file: log.path } });
  using wire = await Wire.connect(server.port);
  await wire.send(get("/1"));
  await wire.expect();
  assertEquals(log.lines, []);
  await log.has(1);
  await wire.send(get("/2"));
  await wire.expect();
  await server.handle.shutdown();
  assertEquals(log.lines.map((line) => parseLine(line).request), ["GET /1 HTTP/1.1", "GET /2 HTTP/1.1"]);
  assertEquals(Deno.statSync(log.path).mode! & 0o777, 0o640);
});

/** Sends one request to the program. */
async function ask(program: Program, path: string): Promise<void> {
  using wire = await Wire.connect(program.port);
  await wire.send(get(path));
  await wire.expect();
}

Deno.test("a renamed log is opened again at SIGUSR1, in the sandbox; no line is lost or in both files", async () => {
  using site = new Site({ "a": "x" });
  using log = new LogInFile();
  const errors = `${log.directory}/error.log`;
  const flags = ["--access-log-file", log.path, "--error-log", errors, "-v"];
  await using program = await Program.start(site.root, flags);
  await program.printed(/^sandbox .*\n/m);
  if (!program.stdout.includes("none: no Landlock")) {
    assertStringIncludes(program.stdout, `writes below ${log.directory} only`);
  }
  for (let rotation = 0; rotation < 3; rotation++) {
    await ask(program, `/a?${rotation}`);
    Deno.renameSync(log.path, `${log.path}.${rotation}`);
    Deno.renameSync(errors, `${errors}.${rotation}`);
    program.kill("SIGUSR1");
    await eventually(() => existsAt(log.path) && existsAt(errors), "the files were not made again");
  }
  await ask(program, "/a?last");
  program.kill("SIGTERM");
  assertEquals((await program.finish()).code, 0);
  for (const name of ["0", "1", "2", "last"]) {
    const path = name === "last" ? log.path : `${log.path}.${name}`;
    const lines = Deno.readTextFileSync(path).trimEnd().split("\n").map(parseLine);
    assertEquals(lines.map(({ request, status }) => [request, status]), [[`GET /a?${name} HTTP/1.1`, 200]]);
  }
});

function existsAt(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

Deno.test("workers write to one file, line by line", async () => {
  using site = new Site({ "a": "x" });
  using log = new LogInFile();
  await using program = await Program.start(site.root, ["--access-log-file", log.path, "--workers", "2"]);
  const count = 40;
  await Promise.all(Array.from({ length: count }, (_, i) => ask(program, `/a?${i}`)));
  program.kill("SIGTERM");
  assertEquals((await program.finish()).code, 0);
  const asked = log.lines.map((line) => Number(/\d+/.exec(parseLine(line).request)));
  assertEquals(asked.sort((a, b) => a - b), Array.from({ length: count }, (_, i) => i));
});

Deno.test("lines go to standard output after the greeting, warnings to the error log", async () => {
  using site = new Site({ "a": "x" });
  const errors = `${site.root}/error.log`;
  await using program = await Program.start(site.root, ["--access-log", "json", "--error-log", errors]);
  await ask(program, "/a");
  await program.printed(/^\{.*\}\n/m);
  const printed = program.stdout.slice(program.greeting.length).trimEnd().split("\n");
  const lines = printed.filter((line) => !line.startsWith("Serving ")); // an address of this machine's network
  assertEquals(lines.map((line) => JSON.parse(line).target), ["/a"]);
  program.kill("SIGHUP"); // without a configuration file, a reload prints a warning
  await eventually(() => Deno.readTextFileSync(errors) !== "", "no warning");
  assertMatch(Deno.readTextFileSync(errors), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \[\d+\] Reload: .*\n$/);
  program.kill("SIGTERM");
  assertEquals((await program.finish()).stderr, "");
});

Deno.test("a log that cannot be opened is a mistake, reported in a line that says what to do", async () => {
  using site = new Site();
  for (const flag of ["--access-log-file", "--error-log"]) {
    const { code, stderr } = await runProgram(["-p", "0", site.root, flag, `${site.root}/none/a.log`]);
    assertEquals(code, 2);
    assertMatch(
      stderr,
      new RegExp(`^epollet: Cannot open .*/none/a\\.log: ENOENT .*: ${flag} needs a file .*\n$`),
    );
  }
});

Deno.test("--access-log none overrides a file, and a file alone means combined", async () => {
  using site = new Site({ "a": "x" });
  using log = new LogInFile();
  const path = site.path("epollet.json");
  site.write("epollet.json", JSON.stringify({ accessLogFile: log.path }));
  const check = await runProgram(["--config", path, "--check", "--root", site.root]);
  assertStringIncludes(check.stdout, '"accessLog": "combined"');
  const none = await runProgram(["--config", path, "--check", "--root", site.root, "--access-log", "none"]);
  assertStringIncludes(none.stdout, '"accessLog": "none"');
});
