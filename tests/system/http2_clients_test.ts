/**
 * Real clients of HTTP/2, with prior knowledge and by ALPN.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { HttpResponse, staticHandler } from "../../mod.ts";
import { isInstalled, output } from "../support/commands.ts";
import { withServer } from "../support/serving.ts";
import { Site } from "../support/site.ts";
import { local as tls } from "../support/tls_serving.ts";

const LARGE = "0123456789abcdef".repeat(200_000);

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
