/**
 * The servers that are compared, each configured for its best on one processor: no access log, no limit on the
 * requests of a connection, sendfile, one worker.
 * @module
 */
import { type Contestant, DESCRIPTORS, has, run } from "./process.ts";

/** The files of a certificate and its key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const here = new URL(".", import.meta.url).pathname;
const main = new URL("../main.ts", import.meta.url).pathname;

/** What servers speak: the version of HTTP, and TLS or not. */
export interface Speech {
  /** The default: no TLS. */
  readonly tls?: CertificateFiles;
  /** The default: HTTP/1.1. */
  readonly isHttp2?: boolean;
}

/** Returns the first port of servers that speak so. */
function firstPort({ tls, isHttp2 = false }: Speech): number {
  return 7900 + (tls === undefined ? 0 : 10) + (isHttp2 ? 20 : 0);
}

function versionOf(program: string, args: readonly string[], pattern: RegExp): string {
  return pattern.exec(run(program, args))?.[1] ?? "?";
}

function write(work: string, name: string, text: string): string {
  Deno.writeTextFileSync(`${work}/${name}`, text);
  return `${work}/${name}`;
}

/** Makes a certificate for `localhost`, with a key on the curve P-256. */
export function makeCertificate(work: string): CertificateFiles {
  const files = { cert: `${work}/cert.pem`, key: `${work}/key.pem` };
  run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-keyout", files.key, "-out", files.cert],
  ]);
  return files;
}

/** What a server serves, and where. */
interface Place extends Speech {
  readonly work: string;
  readonly site: string;
  readonly port: number;
}

function nginx({ work, site, port, tls, isHttp2 }: Place, name: string, cache: string): Contestant {
  const secure = tls === undefined
    ? ""
    : `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key}; ssl_protocols TLSv1.2 TLSv1.3;`;
  const listens = [...(tls === undefined ? [] : ["ssl"]), ...(isHttp2 ? ["http2"] : [])].join(" ");
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
  http2_max_concurrent_streams 128;
  client_body_temp_path ${work}/nginx-${port}-body;
  ${cache}
  ${secure}
  server { listen 127.0.0.1:${port} ${listens} backlog=4096; root ${site}; }
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

function h2o({ work, site, port, tls }: Place): Contestant {
  const secure = tls === undefined ? "" : `, ssl: { certificate-file: ${tls.cert}, key-file: ${tls.key} }`;
  const configuration = write(
    work,
    `h2o-${port}.conf`,
    `
num-threads: 1
max-connections: ${DESCRIPTORS - 1000}
http1-request-timeout: 300
http2-idle-timeout: 300
user: root
listen: { host: 127.0.0.1, port: ${port}${secure} }
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

function lighttpd({ work, site, port, tls }: Place): Contestant {
  const secure = tls === undefined
    ? ""
    : `server.modules += ("mod_openssl")\nssl.engine = "enable"\nssl.pemfile = "${tls.cert}"\nssl.privkey = "${tls.key}"`;
  const configuration = write(
    work,
    `lighttpd-${port}.conf`,
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
${secure}
`,
  );
  return {
    name: "lighttpd",
    port,
    version: versionOf("lighttpd", ["-v"], /lighttpd\/([\d.]+)/),
    command: ["lighttpd", "-D", "-f", configuration],
  };
}

function caddy({ work, site, port, tls, isHttp2 }: Place): Contestant {
  const address = tls === undefined
    ? `http://127.0.0.1:${port}`
    : `https://localhost:${port}, https://127.0.0.1:${port}`;
  const configuration = write(
    work,
    `Caddyfile-${port}`,
    `{
  admin off
  auto_https disable_redirects
  ${isHttp2 ? "servers {\n    protocols h1 h2 h2c\n  }" : ""}
}
${address} {
  ${tls === undefined ? "" : `tls ${tls.cert} ${tls.key}`}
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

function nghttpd({ site, port, tls }: Place): Contestant {
  const common = [`--htdocs=${site}`, "--address=127.0.0.1"];
  return {
    name: "nghttpd",
    port,
    version: versionOf("nghttpd", ["--version"], /nghttp2\/([\d.]+)/),
    command: tls === undefined
      ? ["nghttpd", ...common, "--no-tls", `${port}`]
      : ["nghttpd", ...common, `${port}`, tls.key, tls.cert],
  };
}

/**
 * Returns all installed servers, this one first. `site` is the directory that they serve; `work` is for their own
 * files. Some are left out of HTTPS and HTTP/2, where they add nothing or cannot be had.
 */
export function contestants(work: string, site: string, speech: Speech = {}): Contestant[] {
  const deno = Deno.execPath();
  const version = Deno.version.deno;
  const { tls, isHttp2 = false } = speech;
  const first = firstPort(speech);
  const place = (number: number): Place => ({ work, site, port: first + number, ...speech });
  const flags = tls === undefined ? [] : ["--tls-cert", tls.cert, "--tls-key", tls.key];
  const floor = tls === undefined
    ? [`${work}/floor`, `${first + 1}`, `${work}/response`]
    : [`${work}/floor_tls`, `${first + 1}`, `${work}/response`, tls.cert, tls.key];
  const run = [deno, "run", "--no-prompt", "--allow-ffi", main, "-q", "-a", "127.0.0.1", "--no-config"];
  const all: Contestant[] = [
    {
      name: "epollet",
      version: `on Deno ${version}`,
      port: first,
      command: [...run, ...flags, `${first}`, site],
    },
    { name: "C floor", version: "bench/floor.c", port: first + 1, command: floor, isFloor: true },
  ];
  if (tls === undefined) {
    const command = [deno, "run", "--no-prompt", "-A", `${here}deno_serve.ts`, `${first + 2}`, site];
    all.push({ name: "Deno.serve", version, port: first + 2, command, isFrozen: true });
  }
  if (has("h2o")) all.push(h2o(place(3)));
  if (has("lighttpd")) all.push(lighttpd(place(4)));
  if (has("nginx")) {
    all.push(nginx(place(5), "nginx", ""));
    const cache = "open_file_cache max=20000 inactive=300s; open_file_cache_valid 60s;";
    if (tls === undefined && !isHttp2) all.push(nginx(place(6), "nginx + open_file_cache", cache));
  }
  if (has("caddy")) all.push(caddy(place(7)));
  if (isHttp2 && has("nghttpd")) all.push(nghttpd(place(8)));
  return all;
}
