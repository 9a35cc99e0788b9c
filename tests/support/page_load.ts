/**
 * How a page comes to a browser over a slow line: a page whose style sheet is named behind its images, the servers that
 * send it, and the times that the browser tells.
 * @module
 */
import { isInstalled } from "./commands.ts";
import { DENO, REPOSITORY } from "./program.ts";
import { Page } from "./devtools.ts";
import { freePort } from "./free_port.ts";
import { noise } from "./random.ts";
import { Started } from "./started.ts";
import { openssl, type TestCertificates } from "./test_certificates.ts";
import { eventually } from "./waiting.ts";

/** 100 KB each, pixel by pixel. */
const [IMAGES, WIDTH, HEIGHT] = [12, 200, 167];
const STYLE_BYTES = 60_000;
const SCRIPT_BYTES = 40_000;

/** Returns a picture of noise (BMP, 24 bits a pixel). */
function picture(seed: number, height = HEIGHT): Uint8Array {
  const bytes = new Uint8Array(54 + WIDTH * height * 3);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, 54, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, WIDTH, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  bytes.set(noise(bytes.length - 54, seed), 54);
  return bytes;
}

/** Returns text that begins with `text`, and is `length` bytes long. */
function padded(text: string, length: number): string {
  return `${text}\n/* ${"-".repeat(length - text.length - 7)} */`;
}

const images = Array.from({ length: IMAGES }, (_, i) => `image${i}.bmp`);

/** The files of the site. */
export const PAGE_FILES: Readonly<Record<string, string | Uint8Array>> = {
  "index.html": `<!doctype html><title>page</title><link rel="icon" href="data:,"><body>` +
    images.map((name) => `<img src="${name}" alt="">`).join("") +
    `<link rel="stylesheet" href="style.css"><script src="script.js"></script></body>`,
  "style.css": padded("body { color: rgb(1, 2, 3) }", STYLE_BYTES),
  "script.js": padded("globalThis.hasRun = true;", SCRIPT_BYTES),
  ...Object.fromEntries(images.map((name, i) => [name, picture(i + 1)])),
};

const gallery = Array.from({ length: 150 }, (_, i) => `picture${i}.bmp`);

/** A page with more images than a client may ask for at once, all of them visible. Each has 12 KB. */
export const GALLERY_FILES: Readonly<Record<string, string | Uint8Array>> = {
  "index.html": `<!doctype html><title>gallery</title><link rel="icon" href="data:,"><body>` +
    gallery.map((name) => `<img src="${name}" alt="" width="20" height="20">`).join("") + "</body>",
  ...Object.fromEntries(gallery.map((name, i) => [name, picture(i + 1, 20)])),
};

/** Milliseconds from the request of the page until the last byte. */
export interface PageTimes {
  readonly styleMs: number;
  readonly scriptMs: number;
  readonly firstImageMs: number;
  readonly lastImageMs: number;
  /** The images that were asked for after the style sheet, and are complete before it or the script. */
  readonly overtaking: readonly string[];
  /** The protocols of all files. */
  readonly protocols: readonly string[];
}

/** Returns the files of a certificate for this machine, and the flag that makes the browser accept its key. */
export function pageCertificate(
  certificates: TestCertificates,
): { cert: string; key: string; flag: string } {
  const [cert, key] = certificates.files(certificates.make({ names: ["localhost", "127.0.0.1"] }));
  const publicKey = certificates.write(openssl("x509", "-in", cert, "-noout", "-pubkey"));
  const der = certificates.write("", "key.der");
  const digest = certificates.write("", "key.sha256");
  openssl("pkey", "-pubin", "-in", publicKey, "-outform", "der", "-out", der);
  openssl("dgst", "-sha256", "-binary", "-out", digest, der);
  const pin = openssl("base64", "-in", digest).trim();
  return { cert, key, flag: `--ignore-certificate-errors-spki-list=${pin}` };
}

/** Opens the page in a new browser, until all of it is there. The caller closes it. */
async function openPage(browser: string, flag: string, port: number): Promise<Page> {
  const page = await Page.start(browser, [flag]);
  await page.open(`https://localhost:${port}/`);
  await page.until(`document.readyState === "complete" && document.images.length > 0`);
  const missing = await page.evaluate(
    "[...document.images].filter((image) => image.naturalWidth === 0).length",
  );
  if (missing !== 0) throw new Error(`${missing} images have not come\n${page.consoleMessages.join("\n")}`);
  return page;
}

/** Opens a page with images in a new browser. Throws if one does not come. */
export async function loadImages(browser: string, flag: string, port: number): Promise<void> {
  await using _ = await openPage(browser, flag, port);
}

/** Opens the page of {@linkcode PAGE_FILES} in a new browser, and returns its times. */
export async function loadPage(browser: string, flag: string, port: number): Promise<PageTimes> {
  await using page = await openPage(browser, flag, port);
  await page.until("globalThis.hasRun === true");
  const entries = JSON.parse(
    await page.evaluate(
      `JSON.stringify(["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
        .map(({ name, requestStart, responseEnd, nextHopProtocol }) =>
          [new URL(name).pathname, requestStart, responseEnd, nextHopProtocol]))`,
    ) as string,
  ) as [path: string, askedMs: number, endMs: number, protocol: string][];
  const files = entries.filter(([path]) => path.startsWith("/"));
  const [, beginMs] = files[0]!;
  const file = (name: string) => {
    const [, askedMs, endMs] = files.find(([path]) => path === `/${name}`)!;
    return { askedMs: askedMs - beginMs, endMs: endMs - beginMs };
  };
  const [style, script] = [file("style.css"), file("script.js")];
  const blockingMs = Math.max(style.endMs, script.endMs);
  const imageEnds = images.map((name) => file(name).endMs);
  return {
    styleMs: style.endMs,
    scriptMs: script.endMs,
    firstImageMs: Math.min(...imageEnds),
    lastImageMs: Math.max(...imageEnds),
    overtaking: images.filter((name) => {
      const { askedMs, endMs } = file(name);
      return askedMs > style.askedMs && endMs < blockingMs;
    }),
    protocols: [...new Set(files.map(([, , , protocol]) => protocol))],
  };
}

/** A server of the page that runs; `await using` ends it. */
export interface PageServer extends AsyncDisposable {
  readonly port: number;
}

/** Where the files are. */
export interface PagePlace {
  readonly root: string;
  readonly cert: string;
  readonly key: string;
}

/** Starts this server. */
export async function startOwn({ root, cert, key }: PagePlace): Promise<PageServer> {
  const program = `${REPOSITORY}tests/support/http2_site.ts`;
  const started = await Started.command([...DENO, "run", "-A", program, root, cert, key], /^port \d+\n/m);
  return {
    port: Number(/^port (\d+)/m.exec(started.greeting)![1]),
    [Symbol.asyncDispose]: async () => void await started.end(),
  };
}

/** Starts a program that is told its port, with a configuration in a file. */
async function startPeer(
  command: (configuration: string) => string[],
  certificates: TestCertificates,
  configuration: (port: number) => string,
): Promise<PageServer> {
  const port = freePort();
  const [program, ...args] = command(certificates.write(configuration(port))) as [string, ...string[]];
  const process = new Deno.Command(program, { args, stdout: "null", stderr: "null" }).spawn();
  const isListening = async () => {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      return false;
    }
  };
  await eventually(isListening, `${program} does not listen`);
  return {
    port,
    async [Symbol.asyncDispose]() {
      process.kill("SIGTERM");
      await process.status;
    },
  };
}

/** The installed servers to compare with, each with what starts it. */
export function peers(
  certificates: TestCertificates,
  { root, cert, key }: PagePlace,
): Record<string, () => Promise<PageServer>> {
  const { directory } = certificates;
  const all: Record<string, () => Promise<PageServer>> = {
    h2o: () =>
      startPeer((file) => ["h2o", "-c", file], certificates, (port) =>
        `num-threads: 1
user: root
listen: { host: 127.0.0.1, port: ${port}, ssl: { certificate-file: ${cert}, key-file: ${key} } }
file.mime.addtypes: { "image/bmp": ".bmp" }
hosts: { default: { paths: { "/": { file.dir: ${root} } } } }
`),
    nginx: () =>
      startPeer(
        (file) => ["nginx", "-p", directory, "-c", file, "-e", "stderr"],
        certificates,
        (port) =>
          `user root;
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log stderr crit;
events {}
http {
  types { text/html html; text/css css; text/javascript js; image/bmp bmp; }
  access_log off;
  client_body_temp_path ${directory}/body;
  server {
    listen 127.0.0.1:${port} ssl http2;
    ssl_certificate ${cert};
    ssl_certificate_key ${key};
    root ${root};
  }
}
`,
      ),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => isInstalled(name)));
}
