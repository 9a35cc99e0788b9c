/**
 * Real clients of HTTP/2, with prior knowledge and by ALPN.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { HttpResponse, staticHandler } from "../../mod.ts";
import { findBrowser } from "../support/browser.ts";
import { isInstalled, output, run } from "../support/commands.ts";
import { Page } from "../support/devtools.ts";
import { REPOSITORY } from "../support/program.ts";
import { withServer } from "../support/serving.ts";
import { Site } from "../support/site.ts";
import { local as tls } from "../support/tls_serving.ts";
import { awaited } from "../support/waiting.ts";

const LARGE = "0123456789abcdef".repeat(200_000);

/** The beginning of a text's SHA-256. */
async function digestOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(digest.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns the Python that has the module h2, which may be the system's beside another one; null, with a message, without it. */
function findPythonWithH2(): string | null {
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      if (new Deno.Command(python, { args: ["-c", "import h2"], stderr: "null" }).outputSync().success) {
        return python;
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  console.log("skipped: Python's h2 is not installed (Debian's package python3-h2 has it)");
  return null;
}

/** Serves a site by HTTP/2, without TLS and with it. */
async function both(work: (base: string) => Promise<void>): Promise<void> {
  using site = new Site({ "index.html": "hello", "large.txt": LARGE, "style.css": "a{}" });
  const files = staticHandler({ root: site.root });
  const handler: typeof files = Object.assign(
    (...args: Parameters<typeof files>) =>
      args[0].method === "POST" ? args[0].text().then((text) => HttpResponse.text(text)) : files(...args),
    { ...files, ignoresBodies: false },
  );
  try {
    for (const secure of [{}, { tls }]) {
      await withServer({ http2: true, handler, ...secure }, async ({ port, errors }) => {
        await work(`${"tls" in secure ? "https" : "http"}://127.0.0.1:${port}`);
        assertEquals(errors, []);
      });
    }
  } finally {
    files.close();
  }
}

Deno.test({
  name: "curl gets files, parts and errors by HTTP/2, and its uploads arrive",
  ignore: !isInstalled("curl"),
  async fn() {
    await both(async (base) => {
      const curl = async (path: string, ...more: string[]) =>
        await output(
          "curl",
          "-sSk",
          ...(base.startsWith("https") ? [] : ["--http2-prior-knowledge"]),
          base + path,
          ...more,
        );
      assertEquals(await curl("/", "-w", " %{http_version} %{http_code}"), "hello 2 200");
      assert(await curl("/large.txt") === LARGE);
      assertEquals(await curl("/large.txt", "-r", "16-19"), "0123");
      assertMatch(await curl("/missing", "-o", "/dev/null", "-w", "%{http_code}"), /^404$/);
      assert(await curl("/", "--data-binary", LARGE.slice(0, 100_000)) === LARGE.slice(0, 100_000));
      if (!base.startsWith("https")) return; // curl 7.88 cannot use a connection for several at once with prior knowledge
      const many = ["/large.txt", "/style.css", "/", "/large.txt"].flatMap((
        path,
      ) => ["-o", "/dev/null", base + path]);
      const told = await output("curl", "-sSkZ", "--no-progress-meter", "-w", "%{http_code},", ...many);
      assertEquals(told, "200,200,200,200,");
    });
  },
});

Deno.test({
  name: "nghttp gets a page and what is beside it on one connection",
  ignore: !isInstalled("nghttp"),
  async fn() {
    await both(async (base) => {
      const text = await output("nghttp", "-nv", `${base}/`, `${base}/style.css`, `${base}/large.txt`);
      assertEquals([...text.matchAll(/:status: 200/g)].length, 3, text);
      assert(!/(?<!NO)_ERROR|RST_STREAM/.test(text), text);
    });
  },
});

Deno.test({
  name: "h2load has every request answered, on many streams of many connections",
  ignore: !isInstalled("h2load"),
  async fn() {
    await both(async (base) => {
      for (const [path, count] of [["/", 20_000], ["/large.txt", 100]] as const) {
        const text = await output("h2load", `-n${count}`, "-c8", "-m16", "-t1", base + path);
        assertMatch(text, new RegExp(`${count} done, ${count} succeeded, 0 failed, 0 errored`));
      }
    });
  },
});

Deno.test("Python's h2, which checks whatever comes, gets every answer on one connection, and its upload arrives", async () => {
  const python = findPythonWithH2();
  if (python === null) return;
  await both(async (base) => {
    const { hostname, port, protocol } = new URL(base);
    assertEquals(hostname, "127.0.0.1");
    const script = `${REPOSITORY}tests/system/http2_python_client.py`;
    const { code, stdout, stderr } = await run([
      python,
      script,
      port,
      ...(protocol === "https:" ? ["tls"] : []),
    ]);
    assertEquals([code, stderr], [0, ""]);
    const lines = stdout.trimEnd().split("\n");
    const upload = "0123456789".repeat(10_000);
    assertEquals(lines.slice(0, 3), [
      `GET / 200 5 ${await digestOf("hello")}`,
      `GET /large.txt 200 ${LARGE.length} ${await digestOf(LARGE)}`,
      `GET /style.css 200 3 ${await digestOf("a{}")}`,
    ]);
    assertMatch(lines[3]!, /^GET \/missing 404 \d+ /);
    const again = [lines[0], lines[2], lines[3]];
    assertEquals(lines.slice(4, -2), Array(5).fill(again).flat(), "the same each time");
    assertEquals(lines.slice(-2), [
      `HEAD /large.txt 200 0 ${await digestOf("")}`,
      `POST / 200 ${upload.length} ${await digestOf(upload)}`,
    ]);
  });
});

Deno.test("the runtime's client, node:http2, gets answers, several at once, and its upload arrives", async () => {
  await both(async (base) => {
    const session = connect(base, { rejectUnauthorized: false });
    const failed = new Promise<never>((_, reject) => session.on("error", reject));
    failed.catch(() => {});
    const ask = (path: string, method = "GET", body = "") => {
      const got = new Promise<{ head: IncomingHttpHeaders; text: string }>((resolve, reject) => {
        const stream = session.request({ ":path": path, ":method": method });
        let [head, text]: [IncomingHttpHeaders, string] = [{}, ""];
        stream.setEncoding("utf8");
        stream.on("response", (fields) => head = fields);
        stream.on("data", (part: string) => text += part);
        stream.on("end", () => resolve({ head, text }));
        stream.on("error", reject);
        if (method === "POST") stream.end(body);
      });
      return awaited(Promise.race([got, failed]), `the answer to ${method} ${path}`);
    };
    try {
      const answers = await Promise.all(
        ["/", "/large.txt", "/style.css", "/missing"].map((path) => ask(path)),
      );
      assertEquals(answers.map(({ head }) => Number(head[":status"])), [200, 200, 200, 404]);
      assert(answers[1]!.text === LARGE);
      assertEquals([answers[0]!.text, answers[2]!.text], ["hello", "a{}"]);
      const upload = LARGE.slice(0, 100_000);
      assert((await ask("/", "POST", upload)).text === upload);
    } finally {
      await new Promise<void>((resolve) => session.close(resolve));
    }
  });
});

Deno.test("Chromium loads a page and what is on it by h2", async () => {
  const browser = await findBrowser();
  if (browser === null || !isInstalled("openssl")) return;
  using site = new Site({
    "index.html":
      `<!doctype html><link rel=stylesheet href=style.css><script src=script.js defer></script><p>text`,
    "style.css": "body { color: rgb(1, 2, 3) }",
    "script.js":
      `fetch("large.txt").then((r) => r.text()).then((text) => document.title = "large " + text.length)`,
    "large.txt": LARGE,
  });
  const handler = staticHandler({ root: site.root });
  try {
    await withServer({ http2: true, handler, tls }, async ({ port, errors }) => {
      const { stdout: pin } = await run([
        "sh",
        "-c",
        "openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | openssl base64",
      ], tls.cert as string);
      await using page = await Page.start(browser, [`--ignore-certificate-errors-spki-list=${pin.trim()}`]);
      await page.open(`https://localhost:${port}/`);
      await page.until(`document.title === "large ${LARGE.length}"`);
      const protocols = "performance.getEntries().map((entry) => entry.nextHopProtocol).filter(Boolean)";
      assertEquals(await page.evaluate(`[...new Set(${protocols})].join()`), "h2");
      assert(await page.evaluate(`${protocols}.length`) as number >= 4);
      assertEquals(await page.evaluate("getComputedStyle(document.body).color"), "rgb(1, 2, 3)");
      assertEquals(page.consoleMessages.filter((message) => !message.includes("favicon")), []);
      assertEquals(errors, []);
    });
  } finally {
    handler.close();
  }
});
