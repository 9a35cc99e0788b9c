/**
 * The workloads of the benchmark, and the wrk scripts for them.
 * @module
 */

/** One kind of load. */
export interface Workload {
  /** The name on the command line. */
  readonly key: string;
  /** The name in the table. */
  readonly name: string;
  readonly path: string;
  readonly connections: number;
  /** The number of requests that a client sends at once; the body of a wrk script contains them. */
  readonly pipelined?: number;
  /** A field of each request; `{etag}` stands for the server's entity tag. */
  readonly field?: string;
  /** True for all files of {@linkcode RANDOM_FILES}, in random order. */
  readonly isRandom?: boolean;
  /** True for HTTPS. */
  readonly isSecure?: boolean;
  /** The streams of a connection at a time, for HTTP/2; the load is h2load then. */
  readonly streams?: number;
  /** For connections with one request each, with a full or a resumed handshake. */
  readonly handshakes?: "full" | "resumed";
  /** True when the C floor can answer the workload. */
  readonly hasFloor: boolean;
  readonly expectsStatus?: number;
}

export const RANDOM_FILES = 10_000;

/** Returns a workload of HTTPS. */
function secure(workload: Pick<Workload, "key" | "name" | "path"> & Partial<Workload>): Workload {
  return { connections: 64, hasFloor: true, isSecure: true, ...workload };
}

/** Returns a workload of HTTP/2: 16 connections of 32 streams. */
function http2(workload: Pick<Workload, "key" | "name" | "path"> & Partial<Workload>): Workload {
  return { connections: 16, streams: 32, hasFloor: false, ...workload };
}

const SMALL = "/small.html";
const SMALL_BYTES = 612;

export const WORKLOADS: readonly Workload[] = [
  { key: "small", name: "612 B, 64 connections", path: SMALL, connections: 64, hasFloor: true },
  { key: "15k", name: "15 KB", path: "/15k.html", connections: 64, hasFloor: true },
  { key: "100k", name: "100 KB", path: "/100k.html", connections: 64, hasFloor: true },
  { key: "10m", name: "10 MB", path: "/10m.bin", connections: 16, hasFloor: false },
  {
    key: "pipelined",
    name: "612 B, 16 pipelined",
    path: SMALL,
    connections: 64,
    pipelined: 16,
    hasFloor: true,
  },
  {
    key: "close",
    name: "612 B, a connection each",
    path: SMALL,
    connections: 64,
    field: "Connection: close",
    hasFloor: false,
  },
  { key: "1000", name: "612 B, 1,000 connections", path: SMALL, connections: 1000, hasFloor: true },
  { key: "10000", name: "612 B, 10,000 connections", path: SMALL, connections: 10_000, hasFloor: true },
  {
    key: "304",
    name: "304",
    path: SMALL,
    connections: 64,
    field: "If-None-Match: {etag}",
    hasFloor: true,
    expectsStatus: 304,
  },
  {
    key: "random",
    name: `${RANDOM_FILES.toLocaleString("en")} files at random`,
    path: "/many/00000.html",
    connections: 64,
    isRandom: true,
    hasFloor: false,
  },
  { key: "one", name: "612 B, one connection", path: SMALL, connections: 1, hasFloor: true },
  secure({ key: "https", name: "HTTPS, 612 B", path: SMALL }),
  secure({ key: "https-15k", name: "HTTPS, 15 KB", path: "/15k.html" }),
  secure({ key: "https-100k", name: "HTTPS, 100 KB", path: "/100k.html" }),
  secure({ key: "https-10m", name: "HTTPS, 10 MB", path: "/10m.bin", connections: 16 }),
  secure({ key: "https-full", name: "HTTPS, full handshakes", path: SMALL, handshakes: "full" }),
  secure({ key: "https-resumed", name: "HTTPS, resumed handshakes", path: SMALL, handshakes: "resumed" }),
  http2({ key: "h2c", name: "HTTP/2, 612 B", path: SMALL }),
  http2({ key: "h2c-one", name: "HTTP/2, 612 B, 64 × 1 stream", path: SMALL, connections: 64, streams: 1 }),
  http2({ key: "h2c-100k", name: "HTTP/2, 100 KB", path: "/100k.html" }),
  http2({ key: "h2", name: "HTTP/2 over TLS, 612 B", path: SMALL, isSecure: true }),
  http2({ key: "h2-100k", name: "HTTP/2 over TLS, 100 KB", path: "/100k.html", isSecure: true }),
];

/** Makes a site that has only the small file. */
export function makeSmallSite(site: string): void {
  Deno.mkdirSync(site, { recursive: true });
  Deno.writeFileSync(site + SMALL, new Uint8Array(SMALL_BYTES).fill(0x78));
}

/** Makes the site; its files do not change afterwards. */
export function makeSite(site: string): void {
  Deno.mkdirSync(`${site}/many`, { recursive: true });
  const put = (name: string, bytes: number) =>
    Deno.writeFileSync(`${site}/${name}`, new Uint8Array(bytes).fill(0x78));
  makeSmallSite(site);
  put("15k.html", 15_000);
  put("100k.html", 100_000);
  put("10m.bin", 10_000_000);
  for (let i = 0; i < RANDOM_FILES; i++) put(`many/${String(i).padStart(5, "0")}.html`, SMALL_BYTES);
}

/** Returns the script that makes wrk send this workload. Each response counts, whatever its status. */
export function wrkScript(workload: Workload, port: number, etag: string): string {
  const fields = workload.field === undefined ? "" : workload.field.replace("{etag}", etag);
  const [name, value] = (fields === "" ? ["", ""] : fields.split(": ")) as [string, string];
  const header = name === "" ? "" : `wrk.headers[${JSON.stringify(name)}] = ${luaString(value)}\n`;
  const host = `wrk.headers["Host"] = "127.0.0.1:${port}"\n`;
  if (workload.isRandom) {
    return `${host}local requests = {}
math.randomseed(42)
init = function()
  for i = 1, ${RANDOM_FILES} do
    requests[i] = wrk.format("GET", string.format("/many/%05d.html", i - 1))
  end
end
request = function() return requests[math.random(1, ${RANDOM_FILES})] end
`;
  }
  if (workload.pipelined !== undefined) {
    return `${host}${header}local requests
init = function()
  local one = wrk.format("GET", "${workload.path}")
  requests = string.rep(one, ${workload.pipelined})
end
request = function() return requests end
`;
  }
  return host + header;
}

function luaString(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
