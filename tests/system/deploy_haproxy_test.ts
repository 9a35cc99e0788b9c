/**
 * deploy/haproxy.cfg: HAProxy in front of three programs, one of which is taken away and comes back.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { freePort } from "../support/free_port.ts";
import { LogInFile } from "../support/access_log.ts";
import { eventually } from "../support/descriptors.ts";
import { Program, programCommand, REPOSITORY, Site } from "../support/program.ts";
import { UnbrokenLoad } from "../support/unbroken_load.ts";
import { curl } from "../support/wire.ts";
import { endOf } from "../support/waiting.ts";

const FILE = `${REPOSITORY}deploy/haproxy.cfg`;
const NAMES = ["a", "b", "c"] as const;
const LARGE_BYTES = 6_000_000;
/** Another address than HAProxy's, which the servers see as 127.0.0.1. */
const CLIENT = "127.0.0.77";

const IS_INSTALLED: boolean = (() => {
  try {
    return new Deno.Command("haproxy", { args: ["-v"], stdout: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
})();
if (!IS_INSTALLED) console.warn("tests of deploy/haproxy.cfg are left out: haproxy is not installed");

/** Replaces `pattern` in `text`, where it has to occur once. */
function substitute(text: string, pattern: RegExp, by: string): string {
  assertEquals(text.match(new RegExp(pattern, "gm"))?.length, 1, `${pattern} in ${FILE}`);
  return text.replace(new RegExp(pattern, "m"), by);
}

/** One of the servers, started as the file's comment says. */
class Behind implements AsyncDisposable {
  readonly #root: string;
  readonly log = new LogInFile();
  readonly port: number = freePort();
  readonly adminPort: number = freePort();
  #program: Program | null = null;

  constructor(root: string) {
    this.#root = root;
  }

  async start(): Promise<void> {
    this.#program = await Program.startCommand(programCommand([
      ...["--listen", `127.0.0.1:${this.port}`, "--root", this.#root, "--no-config"],
      ...["--proxy-protocol", "--trust-proxy", "127.0.0.1", "--admin", `127.0.0.1:${this.adminPort}`],
      ...["--access-log", "json", "--access-log-file", this.log.path],
    ]));
  }

  /** Ends the server, and waits until it is gone. */
  async end(signal: Deno.Signal): Promise<void> {
    this.#program!.kill(signal);
    const { code, signal: cause } = await this.#program!.finish();
    assertEquals(signal === "SIGTERM" ? code : cause, signal === "SIGTERM" ? 0 : signal);
  }

  /** Counts the responses with status 200 to this client. */
  served(client: string): number {
    const lines = this.log.lines.map((line) => JSON.parse(line) as { client: string; status: number });
    return lines.filter((line) => line.client === client && line.status === 200).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
    this.log[Symbol.dispose]();
  }
}

/** Starts HAProxy with the file as it is, except for ports, addresses and rights that only root can give up. */
async function startHaproxy(
  servers: readonly Behind[],
  port: number,
  site: Site,
): Promise<Deno.ChildProcess> {
  let text = substitute(Deno.readTextFileSync(FILE), /^ {4}bind :80$/, `    bind 127.0.0.1:${port}`);
  text = substitute(text, /bind 127\.0\.0\.1:8404$/, `bind 127.0.0.1:${freePort()}`);
  text = substitute(text, /\/run\/haproxy\/admin\.sock mode/, `${site.path("haproxy.sock")} mode`);
  for (const [i, { port, adminPort }] of servers.entries()) {
    const line = new RegExp(`server ${NAMES[i]} 10\\.0\\.0\\.1${i + 1}:8080 check port 9090$`);
    text = substitute(text, line, `server ${NAMES[i]} 127.0.0.1:${port} check port ${adminPort}`);
  }
  if (Deno.uid() !== 0) text = text.replaceAll(/^ {4}(?:user|group|chroot) .*\n/gm, "");
  site.write("haproxy.cfg", text);
  const args = ["-db", "-f", site.path("haproxy.cfg")];
  const process = new Deno.Command("haproxy", { args, stdout: "null", stderr: "null" }).spawn();
  await eventually(
    () => curl("-o", "/dev/null", "-w", "%{http_code}", `http://127.0.0.1:${port}/`) === "200",
    "no 200",
  );
  return process;
}

Deno.test({
  name: "HAProxy accepts deploy/haproxy.cfg without a warning",
  ignore: !IS_INSTALLED || Deno.uid() !== 0,
  fn() {
    const { code, stdout, stderr } = new Deno.Command("haproxy", { args: ["-c", "-f", FILE] }).outputSync();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, text);
    assert(!/warning|alert/i.test(text), text);
  },
});

Deno.test({
  name: "HAProxy before three servers: one drains, comes back and is killed, and no request is lost",
  ignore: !IS_INSTALLED,
  async fn() {
    using site = new Site({ "www/index.html": "hello", "www/large": new Uint8Array(LARGE_BYTES) });
    await using a = new Behind(site.path("www"));
    await using b = new Behind(site.path("www"));
    await using c = new Behind(site.path("www"));
    const servers = [a, b, c];
    await Promise.all(servers.map((server) => server.start()));
    const port = freePort();
    const haproxy = await startHaproxy(servers, port, site);
    const load = new UnbrokenLoad(port, 6, "/", false);
    try {
      await load.more(200);
      // Two for each server. The server that drains finishes its own.
      const downloads = [...NAMES, ...NAMES].map(() => {
        const args = ["-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_download}", "--limit-rate", "6M"];
        return new Deno.Command("curl", { args: [...args, `http://127.0.0.1:${port}/large`] }).output();
      });
      await load.more(100);
      await a.end("SIGTERM");
      for (const { stdout } of await Promise.all(downloads)) {
        assertEquals(new TextDecoder().decode(stdout), `200 ${LARGE_BYTES}`);
      }
      await load.more(200);
      const before = a.served("127.0.0.1");
      await a.start();
      await eventually(() => a.served("127.0.0.1") > before, "the server that came back gets no request");
      await a.end("SIGKILL");
      await load.more(200);
      const urls = Array.from({ length: 12 }, (_, i) => `http://127.0.0.1:${port}/?${i}`);
      const codes = curl(
        "--interface",
        CLIENT,
        "-H",
        "X-Forwarded-For: 192.0.2.1",
        "-w",
        "%{http_code}",
        "--no-keepalive",
        ...urls,
      );
      assertEquals(codes, "hello200".repeat(12));
    } finally {
      await load.end();
      haproxy.kill("SIGTERM");
      await endOf(haproxy, "haproxy");
    }
    assertEquals(load.failures, []);
    for (const server of [b, c]) await server.end("SIGTERM");
    for (const server of servers) assertNotEquals(server.served("127.0.0.1"), 0);
    assertEquals(b.served(CLIENT) + c.served(CLIENT), 12);
    assertEquals(a.served(CLIENT), 0);
    assert(a.log.lines.some((line) => line.includes('"/large"')));
  },
});
