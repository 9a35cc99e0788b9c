/**
 * The files of UNIX sockets. Of the files that an ended server left behind, exactly the one that was examined is
 * removed.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { EADDRINUSE, EBUSY, ECONNREFUSED, EMLINK, SystemError } from "../../ffi/libc/errno.ts";
import { loadLibc } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { SocketFile } from "../../ffi/socket/socket_file.ts";
import { listenUnix, openUnixListener, removeUnix } from "../../ffi/socket/unix_socket.ts";
import { closeListeners, inheritListener, openListeners } from "../../server/listen/open.ts";
import { Descriptors, eventually } from "../support/descriptors.ts";
import { DENO, REPOSITORY, Site } from "../support/program.ts";

loadLibc();

/** Creates the socket file of a server that has ended. */
function leaveBehind(path: string): void {
  close(listenUnix(path, 1));
}

function opened(path: string): SocketFile {
  const file = SocketFile.open(path);
  assert(typeof file !== "number", `errno ${-file}`);
  return file;
}

/** Returns the names in a directory with their inodes. */
function filesOf(directory: string): Record<string, number | null> {
  const names = Array.from(Deno.readDirSync(directory), ({ name }) => name).sort();
  return Object.fromEntries(names.map((name) => [name, Deno.lstatSync(`${directory}/${name}`).ino]));
}

Deno.test("a directory that is replaced by a link between check and removal leads to no other file", () => {
  using site = new Site({ "ours/x": "", "theirs/x": "" });
  leaveBehind(site.path("ours/a.sock"));
  leaveBehind(site.path("theirs/a.sock"));
  const theirs = filesOf(site.path("theirs"));
  using file = opened(site.path("ours/a.sock"));
  assertEquals(file.probe(), -ECONNREFUSED);
  Deno.renameSync(site.path("ours"), site.path("moved"));
  Deno.symlinkSync("theirs", site.path("ours"));
  assertEquals(file.remove(), 0);
  assertEquals(filesOf(site.path("theirs")), theirs);
  assertEquals(Object.keys(filesOf(site.path("moved"))), ["x"]);
});

Deno.test("a file that took the name since the check stays: a file, a link, a directory, another server's socket", () => {
  const ways: readonly [string, (site: Site) => void][] = [
    ["a file", (site) => site.write("d/a.sock", "content")],
    ["a link", (site) => Deno.symlinkSync("/etc/passwd", site.path("d/a.sock"))],
    ["a directory", (site) => site.write("d/a.sock/x", "")],
    ["another stale socket", (site) => leaveBehind(site.path("d/a.sock"))],
    ["another server's", (site) => void fds.keep(listenUnix(site.path("d/a.sock"), 1))],
  ];
  using fds = new Descriptors();
  for (const [what, replace] of ways) {
    using site = new Site({ "d/x": "" });
    leaveBehind(site.path("d/a.sock"));
    using file = opened(site.path("d/a.sock"));
    assertEquals(file.probe(), -ECONNREFUSED, what);
    Deno.removeSync(site.path("d/a.sock"));
    replace(site);
    const before = filesOf(site.path("d"));
    assertEquals(file.remove(), -EBUSY, what);
    assertEquals(filesOf(site.path("d")), before, what);
  }
});

Deno.test("the socket that was opened is probed, not the one that has its path by now", () => {
  using site = new Site();
  using fds = new Descriptors();
  const path = site.path("a.sock");
  leaveBehind(path);
  using file = opened(path);
  Deno.removeSync(path);
  fds.keep(listenUnix(path, 1));
  assertEquals(file.probe(), -ECONNREFUSED);
  using other = opened(path);
  assertEquals(other.probe(), 0);
  assert(file.identity !== other.identity);
});

Deno.test("a socket with a path that is too long for an address is probed nevertheless", () => {
  using site = new Site({ "short/x": "" });
  leaveBehind(site.path("short/a.sock"));
  const long = site.path("x".repeat(120));
  Deno.renameSync(site.path("short"), long);
  using file = opened(`${long}/a.sock`);
  assertEquals(file.probe(), -ECONNREFUSED);
  assertEquals(file.remove(), 0);
});

Deno.test("a socket file with further hard links keeps its owner: another user may own the other names", () => {
  using site = new Site();
  using fds = new Descriptors();
  fds.keep(listenUnix(site.path("theirs.sock"), 1));
  Deno.linkSync(site.path("theirs.sock"), site.path("a.sock"));
  using file = opened(site.path("a.sock"));
  assertEquals(file.giveTo({ uid: 65534, gid: 65534 }), -EMLINK);
  assertEquals(Deno.lstatSync(site.path("theirs.sock")).uid, Deno.uid());
});

Deno.test("at its end a server removes its own socket file, and no other, stale or in use", () => {
  using site = new Site();
  const path = site.path("a.sock");
  const { fd, file } = openUnixListener(path, 1);
  assert(file !== null);
  assertEquals(removeUnix(path, file), -EADDRINUSE, "it listens");
  Deno.renameSync(path, site.path("b.sock"));
  leaveBehind(path);
  const before = filesOf(site.root);
  close(fd);
  assertEquals(removeUnix(path, file), -EBUSY);
  assertEquals(filesOf(site.root), before);
  assertEquals(removeUnix(site.path("b.sock"), file), 0);
  assertEquals(Object.keys(filesOf(site.root)), ["a.sock"]);
});

Deno.test("a process that inherits a socket removes the file that it was told about, and no other file", () => {
  using site = new Site();
  const path = site.path("a.sock");
  for (const isTold of [false, true]) {
    const socket = openListeners([{ kind: "unix", path }])[0]![0]!;
    const inherited = inheritListener(socket.fd, false, {}, isTold ? socket.file! : null);
    closeListeners([inherited]);
    if (isTold) assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
    else assert(Deno.lstatSync(path).isSocket);
  }
});

/** Puts a directory and a link under one name in turn, as fast as possible. */
const FLICKER = `
const [ours, theirs] = Deno.args;
console.log("begins");
const end = Date.now() + 20_000;
while (Date.now() < end) {
  try {
    Deno.renameSync(ours, ours + ".aside");
    Deno.symlinkSync(theirs, ours);
    Deno.removeSync(ours);
    Deno.renameSync(ours + ".aside", ours);
  } catch (error) { console.error(error); break; }
}
`;

Deno.test("while another process keeps swapping the directory for a link, the linked directory keeps its files", async () => {
  using site = new Site({ "ours/x": "", "theirs/x": "", "flicker.ts": FLICKER });
  const path = site.path("ours/a.sock");
  site.write("theirs/a.sock", "no socket, and of another");
  const before = filesOf(site.path("theirs"));
  const [deno, ...rest] = DENO;
  const args = [
    ...rest,
    "run",
    "--no-prompt",
    "-A",
    site.path("flicker.ts"),
    site.path("ours"),
    site.path("theirs"),
  ];
  const attacker = new Deno.Command(deno, { args, stdout: "piped", stderr: "null" }).spawn();
  const counts = { removed: 0, refused: 0 };
  try {
    const reader = attacker.stdout.getReader();
    await reader.read();
    await reader.cancel();
    const endMs = Date.now() + 2000;
    await eventually(() => {
      for (let i = 0; i < 100; i++) {
        try {
          leaveBehind(path);
          counts.removed++;
        } catch (error) {
          assert(error instanceof SystemError, String(error));
          counts.refused++;
        }
      }
      return Date.now() > endMs;
    }, "the time does not end");
  } finally {
    attacker.kill("SIGKILL");
    await attacker.status;
  }
  assert(counts.removed > 0 && counts.refused > 0, JSON.stringify(counts));
  assertEquals(filesOf(site.path("theirs")), before);
});

const ROUNDS = 100;

/** Listens on one path after the other, each at the same time as other processes, and prints which it got. */
const LISTENER = `
import { listenUnix } from "REPOSITORYffi/socket/unix_socket.ts";
import { sleep } from "REPOSITORYtests/support/sleep.ts";
const [directory, atMs] = Deno.args;
const mine = [];
for (let round = 0; round < ${ROUNDS}; round++) {
  while (Date.now() < Number(atMs) + round * 10);
  try {
    listenUnix(directory + "/" + round, 8);
    mine.push(round);
  } catch (error) {
    if (error.code !== "EADDRINUSE") throw error;
  }
}
console.log(JSON.stringify(mine));
await sleep(5_000);
`;

Deno.test("when several servers find a stale socket at the same moment, one listens, and no other removes its socket", async () => {
  using site = new Site({
    "listener.ts": LISTENER.replaceAll("REPOSITORY", `file://${REPOSITORY}`),
    "sockets/x": "",
  });
  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
  for (const round of rounds) leaveBehind(site.path(`sockets/${round}`));
  const [deno, ...rest] = DENO;
  const args = [...rest, "run", "--no-prompt", "--allow-ffi", site.path("listener.ts"), site.path("sockets")];
  const at = String(Date.now() + 2_000);
  const children = Array.from(
    { length: 2 },
    () => new Deno.Command(deno, { args: [...args, at], stdout: "piped", stderr: "inherit" }).spawn(),
  );
  try {
    const printed = await Promise.all(children.map(async ({ stdout }) => {
      for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
        return JSON.parse(text) as number[];
      }
      return [];
    }));
    assert(printed.every((mine) => mine.length > 0), "one was always first: they did not meet");
    assertEquals(printed.flat().sort((a, b) => a - b), rounds);
    for (const round of rounds) {
      using _client = await Deno.connect({ transport: "unix", path: site.path(`sockets/${round}`) });
    }
    assertEquals(Object.keys(filesOf(site.path("sockets"))).length, ROUNDS + 1);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map(({ status }) => status));
  }
});
