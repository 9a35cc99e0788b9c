/**
 * Proxies that speak HTTP/2 to epollet without TLS, as docs/deploy.md shows it.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LogInFile } from "../support/access_log.ts";
import { isInstalled, output } from "../support/commands.ts";
import { freePort } from "../support/free_port.ts";
import { Program, Site } from "../support/program.ts";
import { endOf, eventually } from "../support/waiting.ts";

const LARGE = "0123456789abcdef".repeat(200_000);
/** Another address than the proxy's, which is 127.0.0.1. */
const CLIENT = "127.0.0.77";

/** Serves a site behind a proxy that `start` runs, and gets files through it. */
async function behind(
  flags: readonly string[],
  start: (port: number, upstream: number, site: Site) => Deno.ChildProcess,
): Promise<void> {
  using site = new Site({ "index.html": "hello", "large.txt": LARGE });
  using scratch = new Site();
  using log = new LogInFile();
  const own = ["--no-config", "--access-log", "json", "--access-log-file", log.path];
  await using program = await Program.start(site.root, [...own, ...flags]);
  const port = freePort();
  const proxy = start(port, program.port, scratch);
  const curl = async (path: string, ...args: string[]) =>
    await output("curl", "-sS", "--interface", CLIENT, `http://127.0.0.1:${port}${path}`, ...args);
  try {
    await eventually(async () => await curl("/").catch(() => "") === "hello", "the proxy serves");
    assert(await curl("/large.txt") === LARGE);
    assertEquals(await curl("/large.txt", "-r", "16-19"), "0123");
    assertEquals(await curl("/missing", "-o", "/dev/null", "-w", "%{http_code}"), "404");
    assertEquals(await curl("/", "-d", "x".repeat(50_000), "-o", "/dev/null", "-w", "%{http_code}"), "405");
    const lines = (await log.has(5)).map((line) => JSON.parse(line));
    assertEquals(
      new Set(lines.map(({ client, protocol }) => `${client} ${protocol}`)),
      new Set([`${CLIENT} HTTP/2.0`]),
    );
  } finally {
    proxy.kill("SIGKILL");
    await endOf(proxy, "the proxy");
  }
}

function run(program: string, args: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(program, { args: [...args], env, stdout: "null", stderr: "null" }).spawn();
}

Deno.test({
  name: "HAProxy speaks HTTP/2 to its server (proto h2), after the header of the PROXY protocol",
  ignore: !isInstalled("haproxy"),
  async fn() {
    await behind(["--proxy-protocol", "--trust-proxy", "loopback"], (port, upstream, site) => {
      site.write(
        "haproxy.cfg",
        `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 40s
frontend web
  bind 127.0.0.1:${port}
  default_backend epollet
backend epollet
  server a 127.0.0.1:${upstream} proto h2 send-proxy-v2
`,
      );
      return run("haproxy", ["-db", "-f", site.path("haproxy.cfg")]);
    });
  },
});

Deno.test({
  name: "Caddy speaks HTTP/2 to its upstream (h2c://)",
  ignore: !isInstalled("caddy"),
  async fn() {
    await behind(["--trust-proxy", "loopback"], (port, upstream, site) => {
      site.write(
        "Caddyfile",
        `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  reverse_proxy h2c://127.0.0.1:${upstream} {
    header_up -Forwarded
  }
}
`,
      );
      const env = { HOME: site.root, XDG_DATA_HOME: site.root, XDG_CONFIG_HOME: site.root };
      return run("caddy", ["run", "--config", site.path("Caddyfile"), "--adapter", "caddyfile"], env);
    });
  },
});
