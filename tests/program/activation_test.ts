/**
 * Sockets that systemd passes; here a shell does so.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { F_SETFD } from "../../ffi/libc/constants.ts";
import { libc, loadLibc } from "../../ffi/libc/libc.ts";
import { close, listenTcp, localAddress } from "../../ffi/socket/socket.ts";
import { listenUnix } from "../../ffi/socket/unix_socket.ts";
import { activatedDescriptors } from "../../program/listening/activation.ts";
import { programCommand, Site } from "../support/program.ts";
import { Started } from "../support/started.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { curl, get, Wire } from "../support/wire.ts";
import { outputOf } from "../support/waiting.ts";

loadLibc(); // outside of any test, because the library stays open

const decoder = new TextDecoder();
const INDEX = { "index.html": "hello" };

/** Returns the command of a shell that becomes the program, with `fds` as its descriptors from 3 on. */
function activated(fds: readonly number[], args: readonly string[], variables: string): string[] {
  for (const fd of fds) libc.fcntl(fd, F_SETFD, 0); // the descriptor is inherited
  const moved = fds.map((fd, i) => `exec ${50 + i}<&${fd} ${fd}<&-`);
  const placed = fds.map((_, i) => `exec ${3 + i}<&${50 + i} ${50 + i}<&-`);
  const script = [...moved, ...placed, `export ${variables}`, 'exec "$@"'].join("; ");
  return ["bash", "-c", script, "bash", ...programCommand(args)];
}

const HANDED_OVER = 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES="a:b"';

Deno.test("sockets that systemd passes are served on, instead of any address", async () => {
  using site = new Site(INDEX);
  const path = site.path("a.sock");
  const tcp = listenTcp("127.0.0.1", 0, 16);
  const { port } = localAddress(tcp);
  const fds = [tcp, listenUnix(path, 16)];
  const waiting = await Wire.connect(port); // before the program starts
  await waiting.send(get("/"));
  const args = ["-v", "-d", site.root, "--listen", `unix:${site.path("other.sock")}`];
  await using started = await Started.command(activated(fds, args, HANDED_OVER), /^keep-alive/m);
  fds.forEach(close);
  assertMatch(
    started.greeting,
    new RegExp(`^http服务器使用的port:${port}\nServing ${site.root} at http://127.0.0.1:${port}/\n`),
  );
  assertStringIncludes(started.greeting, `\nlistening     127.0.0.1:${port} (handed over by systemd)\n`);
  assertStringIncludes(started.greeting, `\nlistening     unix:${path} (handed over by systemd)\n`);
  assertEquals((await waiting.expect()).text, "hello");
  waiting[Symbol.dispose]();
  assertEquals(curl("--unix-socket", path, "http://x/"), "hello");
  assertEquals(Array.from(Deno.readDirSync(site.root), ({ name }) => name).sort(), ["a.sock", "index.html"]);
  // Non-blocking and close-on-exec: /proc shows both in one octal number.
  for (const fd of [3, 4]) {
    const flags = /^flags:\s+(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${started.process.pid}/fdinfo/${fd}`))
      ?.[1];
    assertEquals(parseInt(flags!, 8) & 0o2004000, 0o2004000, flags);
  }
  assertEquals((await started.end()).code, 0);
  assert(Deno.lstatSync(path).isSocket, "it is systemd's");
});

for (const workers of [[], ["--workers", "1"]]) {
  Deno.test(`sockets that systemd passes serve HTTPS, and that with the port of --redirect-http redirects ${workers}`, async () => {
    using certificates = new TestCertificates();
    using site = new Site({ ...INDEX, ".well-known/acme-challenge/token": "proof" });
    const { cert, key } = certificates.make({ names: ["localhost"] });
    const [certFile, keyFile] = [certificates.write(cert), certificates.write(key)];
    const fds = [listenTcp("127.0.0.1", 0, 16), listenTcp("127.0.0.1", 0, 16)];
    const [plain, secure] = fds.map((fd) => localAddress(fd).port);
    const flags = ["--tls-cert", certFile, "--tls-key", keyFile, "--redirect-http", `${plain}`, ...workers];
    const command = activated(fds, ["-v", "-d", site.root, ...flags], HANDED_OVER);
    await using started = await Started.command(command, /^keep-alive/m);
    fds.forEach(close);
    assertEquals(curl("--cacert", certFile, `https://localhost:${secure}/`), "hello");
    const redirected = curl("-i", `http://localhost:${plain}/a`);
    assertStringIncludes(redirected, `\r\nLocation: https://localhost:${secure}/a\r\n`);
    assertEquals(curl(`http://localhost:${plain}/.well-known/acme-challenge/token`), "proof");
    assertEquals((await started.end()).code, 0);
  });
}

Deno.test("the variables of systemd are read once, and by the process that they name", () => {
  const names = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];
  for (const [pid, fds] of [[Deno.pid, [3, 4]], [Deno.pid + 1, []], ["", []]] as const) {
    for (const [i, value] of [pid, 2, "a:b"].entries()) Deno.env.set(names[i]!, String(value));
    assertEquals(activatedDescriptors(), [...fds]);
    assertEquals(names.map((name) => Deno.env.get(name)), [undefined, undefined, undefined]);
    assertEquals(activatedDescriptors(), []);
  }
});

Deno.test("variables for another process are ignored; a bad descriptor is one line", async () => {
  using site = new Site(INDEX);
  const fd = listenTcp("127.0.0.1", 0, 16);
  const { port } = localAddress(fd);
  {
    const command = activated(
      [fd],
      ["-d", site.root, "-p", "0", "-a", "127.0.0.1"],
      "LISTEN_PID=1 LISTEN_FDS=1",
    );
    await using other = await Started.command(command, /Serving .*\n/);
    assert(!other.greeting.includes(`:${port}/`), other.greeting);
    assertEquals((await other.end()).code, 0);
  }
  const datagrams = libc.socket(1, 2, 0);
  const unbound = libc.socket(2, 1, 0);
  const cases: [fds: number[], variables: string, message: string][] = [
    [
      [datagrams],
      "LISTEN_PID=$$ LISTEN_FDS=1",
      "Descriptor 3 of LISTEN_FDS cannot be served on: it is no stream socket: expected",
    ],
    [
      [fd, unbound],
      HANDED_OVER,
      "Descriptor 4 of LISTEN_FDS cannot be served on: it is a socket that does not listen: expected",
    ],
    [
      [],
      "LISTEN_PID=$$ LISTEN_FDS=1; exec 3</dev/null",
      "Descriptor 3 of LISTEN_FDS cannot be served on: ENOTSOCK (not a socket): expected",
    ],
    [[], "LISTEN_PID=$$ LISTEN_FDS=-1", 'Bad LISTEN_FDS "-1": expected the number of sockets'],
  ];
  for (const [fds, variables, message] of cases) {
    const [program, ...args] = activated(fds, ["-d", site.root], variables) as [string, ...string[]];
    const { code, stdout, stderr } = await outputOf(
      new Deno.Command(program, { args, stdout: "piped", stderr: "piped" }).spawn(),
      "the program",
    );
    const text = decoder.decode(stderr);
    assertEquals([code, stdout.length, text.split("\n").length], [2, 0, 2], text);
    assertStringIncludes(text, message);
  }
  for (const open of [fd, datagrams, unbound]) close(open);
});
