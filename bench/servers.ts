/**
 * The servers that are compared, each configured for its best on one processor: no access log, no limit on the
 * requests of a connection, sendfile, one worker.
 * @module
 */

/** A server that can be measured on this machine. */
export interface Contestant {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly command: readonly string[];
  /** True for a server that answers each read with one prepared response: the least that any server can do. */
  readonly isFloor?: boolean;
  /** True for a server that sends from memory, and never notices that a file has changed. */
  readonly isFrozen?: boolean;
}

const here = new URL(".", import.meta.url).pathname;
const main = new URL("../main.ts", import.meta.url).pathname;

/** The descriptor limit of each process: 10,000 connections and some to spare. */
export const DESCRIPTORS = 20_000;

export function has(program: string): boolean {
  return new Deno.Command("which", { args: [program], stdout: "null", stderr: "null" }).outputSync().success;
}

/** Runs a program and returns its output, standard error included. */
export function run(program: string, args: readonly string[]): string {
  const { success, stdout, stderr } = new Deno.Command(program, {
    args: [...args],
    stdout: "piped",
    stderr: "piped",
  }).outputSync();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${program} failed: ${text}`);
  return text;
}

function versionOf(program: string, args: readonly string[], pattern: RegExp): string {
  return pattern.exec(run(program, args))?.[1] ?? "?";
}

function write(work: string, name: string, text: string): string {
  Deno.writeTextFileSync(`${work}/${name}`, text);
  return `${work}/${name}`;
}

function nginx(work: string, site: string, port: number, name: string, cache: string): Contestant {
  const configuration = write(
    work,
    `nginx-${port}.conf`,
    `
user root;
worker_processes 1;
worker_rlimit_nofile ${DESCRIPTORS};
daemon off;
pid ${work}/nginx-${port}.pid;
error_log ${work}/nginx-${port}.log crit;
events { worker_connections ${DESCRIPTORS - 1000}; }
http {
  types { text/html html; application/octet-stream bin; }
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_timeout 300;
  keepalive_requests 1000000000;
  client_body_temp_path ${work}/nginx-${port}-body;
  ${cache}
  server { listen 127.0.0.1:${port} backlog=4096; root ${site}; }
}
`,
  );
  return {
    name,
    port,
    version: versionOf("nginx", ["-v"], /nginx\/([\d.]+)/),
    command: ["nginx", "-p", work, "-c", configuration, "-e", "stderr"],
  };
}

function h2o(work: string, site: string, port: number): Contestant {
  const configuration = write(
    work,
    "h2o.conf",
    `
num-threads: 1
max-connections: ${DESCRIPTORS - 1000}
http1-request-timeout: 300
user: root
listen: { host: 127.0.0.1, port: ${port} }
hosts:
  default:
    paths:
      "/": { file.dir: ${site} }
`,
  );
  return {
    name: "h2o",
    port,
    version: versionOf("h2o", ["--version"], /version ([\d.]+)/),
    command: ["h2o", "-c", configuration],
  };
}

function lighttpd(work: string, site: string, port: number): Contestant {
  const configuration = write(
    work,
    "lighttpd.conf",
    `
server.document-root = "${site}"
server.bind = "127.0.0.1"
server.port = ${port}
server.max-fds = ${DESCRIPTORS}
server.max-connections = ${DESCRIPTORS / 2}
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = 300
server.listen-backlog = 4096
mimetype.assign = (".html" => "text/html", ".bin" => "application/octet-stream")
`,
  );
  return {
    name: "lighttpd",
    port,
    version: versionOf("lighttpd", ["-v"], /lighttpd\/([\d.]+)/),
    command: ["lighttpd", "-D", "-f", configuration],
  };
}

function caddy(work: string, site: string, port: number): Contestant {
  const configuration = write(
    work,
    "Caddyfile",
    `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  root * ${site}
  file_server
}
`,
  );
  const environment = [`XDG_DATA_HOME=${work}`, `XDG_CONFIG_HOME=${work}`, "GOMAXPROCS=1"];
  return {
    name: "Caddy",
    port,
    version: versionOf("caddy", ["version"], /v?([\d.]+)/),
    command: ["env", ...environment, "caddy", "run", "--config", configuration, "--adapter", "caddyfile"],
  };
}

/**
 * Returns all installed servers, this one first. `site` is the directory that they serve; `work` is for their own
 * files.
 */
export function contestants(work: string, site: string): Contestant[] {
  const deno = Deno.execPath();
  const version = Deno.version.deno;
  const all: Contestant[] = [
    {
      name: "epollet",
      version: `on Deno ${version}`,
      port: 7900,
      command: [deno, "run", "--no-prompt", "--allow-ffi", main, "-q", "-a", "127.0.0.1", "7900", site],
    },
    {
      name: "C floor",
      version: "bench/floor.c",
      port: 7901,
      command: [`${work}/floor`, "7901", `${work}/response`],
      isFloor: true,
    },
    {
      name: "Deno.serve",
      version,
      port: 7902,
      command: [deno, "run", "--no-prompt", "-A", `${here}deno_serve.ts`, "7902", site],
      isFrozen: true,
    },
  ];
  if (has("h2o")) all.push(h2o(work, site, 7903));
  if (has("lighttpd")) all.push(lighttpd(work, site, 7904));
  if (has("nginx")) {
    all.push(nginx(work, site, 7905, "nginx", ""));
    const cache = "open_file_cache max=20000 inactive=300s; open_file_cache_valid 60s;";
    all.push(nginx(work, site, 7906, "nginx + open_file_cache", cache));
  }
  if (has("caddy")) all.push(caddy(work, site, 7907));
  return all;
}

/** Returns the error log of a server that did not start. */
function logOf(port: number): string {
  return `${Deno.env.get("TMPDIR") ?? "/tmp"}/epollet-bench-${port}.log`;
}

/** Starts a server on the first processor. */
export function start(contestant: Contestant): Deno.ChildProcess {
  const command = contestant.command.map((word) => `'${word}'`).join(" ");
  return new Deno.Command("taskset", {
    args: ["-c", "0", "sh", "-c", `ulimit -n ${DESCRIPTORS}; exec ${command} 2>${logOf(contestant.port)}`],
    stdout: "null",
  }).spawn();
}

/** Ends a server, if necessary by SIGKILL. */
export async function stop(process: Deno.ChildProcess): Promise<void> {
  const timer = setTimeout(() => signal(process, "SIGKILL"), 3000);
  signal(process, "SIGTERM");
  await process.status;
  clearTimeout(timer);
}

function signal(process: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    process.kill(name);
  } catch {
    // the server has ended by itself
  }
}

/** Waits until the server accepts a connection. @throws {Error} after 10 seconds */
export async function waitFor(port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error(`nothing listens on port ${port}:\n${Deno.readTextFileSync(logOf(port))}`);
}
