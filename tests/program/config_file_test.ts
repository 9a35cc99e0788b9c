/**
 * `epollet.json`: its keys, their effects, and how it is read.
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { SystemError } from "../../ffi/libc/errno.ts";
import { loadLibc } from "../../ffi/libc/libc.ts";
import { readTextFile } from "../../ffi/file/text_file.ts";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { mergeSettings } from "../../program/config/settings/settings.ts";
import { describeSite } from "../../program/config/settings/table.ts";
import { DEFAULT_SITE_SETTINGS, type SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import { UsageError } from "../../server/usage_error.ts";
import { hashPassword } from "../../handlers/site/auth/password_hash.ts";
import { CONFIG_FILE_BYTES_MAX } from "../../server/limits.ts";

loadLibc(); // the library stays open, which is not the fault of a test
const HASH = hashPassword("secret");

Deno.test("all settings of a site can be in a file", () => {
  const cases: [json: unknown, site: Partial<SiteSettings>][] = [
    [{}, {}],
    [{ $schema: "./epollet.schema.json" }, {}],
    [{ root: "public" }, { root: "public" }],
    [{ index: "a.html,b.html" }, { index: ["a.html", "b.html"] }],
    [{ index: ["a,b.html"] }, { index: ["a,b.html"] }],
    [{ cleanUrls: true, browse: true, compress: false, securityHeaders: true }, {
      cleanUrls: true,
      browse: true,
      compress: false,
      securityHeaders: true,
    }],
    [{ spa: true }, { spa: "/index.html" }],
    [{ spa: false }, { spa: null }],
    [{ spa: "app.html" }, { spa: "/app.html" }],
    [{ errorPages: { "404": "/lost.html", "500": "broken.html" } }, {
      errorPages: { 404: "/lost.html", 500: "/broken.html" },
    }],
    [{ etag: "off", cacheControl: "max-age=60" }, { etag: "off", cacheControl: "max-age=60" }],
    [{ cors: true }, { cors: ["*"] }],
    [{ cors: false }, { cors: null }],
    [{ cors: ["https://a.example", "http://b.example:81"] }, {
      cors: ["https://a.example", "http://b.example:81"],
    }],
    [{ headers: { "X-A": "b", "X-B": null, "X-C": " " } }, {
      headers: [{ source: "/**", fields: [["X-A", "b"], ["X-B", null], ["X-C", null]] }],
    }],
    [{ headers: [{ source: "/a/*", headers: { "X-A": " b " } }, { source: "/b", headers: {} }] }, {
      headers: [{ source: "/a/*", fields: [["X-A", "b"]] }, { source: "/b", fields: [] }],
    }],
    [{ redirects: [{ source: "/a", destination: "/b" }] }, {
      redirects: [{ source: "/a", destination: "/b", status: 301 }],
    }],
    [{ redirects: [{ source: "/*/**", destination: "https://a.example/$2/$1/$$3", status: 308 }] }, {
      redirects: [{ source: "/*/**", destination: "https://a.example/$2/$1/$$3", status: 308 }],
    }],
    [{ rewrites: [{ source: "/{a,b*}/**", destination: "/$1/$2" }] }, {
      rewrites: [{ source: "/{a,b*}/**", destination: "/$1/$2", ifMissing: false }],
    }],
    [{ rewrites: [{ source: "/a", destination: "/b", ifMissing: true }] }, {
      rewrites: [{ source: "/a", destination: "/b", ifMissing: true }],
    }],
    [{ auth: [{ users: { anna: HASH } }] }, {
      auth: [{ source: "/**", realm: "Restricted", users: { anna: HASH } }],
    }],
    [{ auth: [{ source: "/p/**", realm: "Private", users: {} }] }, {
      auth: [{ source: "/p/**", realm: "Private", users: {} }],
    }],
  ];
  for (const [json, site] of cases) {
    assertEquals(parseConfig("epollet.json", JSON.stringify(json)).site, site, JSON.stringify(json));
  }
});

Deno.test("all other settings can be in a file, under the names of their flags", () => {
  const { program, path } = parseConfig(
    "epollet.json",
    JSON.stringify({
      port: 80,
      host: "localhost",
      poller: "poll",
      handler: "static",
      coroutine: true,
      keepAlive: false,
      cacheSize: "1G",
      cacheFileSize: 1000,
      cacheValidate: "stat",
    }),
  );
  assertEquals(path, "epollet.json");
  assertEquals(program, {
    port: 80,
    host: "127.0.0.1",
    poller: "poll",
    handler: "static",
    coroutine: true,
    keepAlive: false,
    cacheSize: 1024 ** 3,
    cacheFileSize: 1000,
    validate: "stat",
  });
});

Deno.test("comments, trailing commas and a byte order mark are allowed", () => {
  const { site } = parseConfig("x.json", '// this\n{ "browse": true, /* that */ }');
  assertEquals(site, { browse: true });
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(path, "\ufeff{}");
  assertEquals(readTextFile(path, 100), "{}");
  Deno.removeSync(path);
});

Deno.test("a root is relative to the directory of its file", () => {
  const cases: [path: string, root: string, expected: string][] = [
    ["epollet.json", "site", "site"],
    ["./epollet.json", "./site", "./site"],
    ["/etc/epollet/a.json", "site", "/etc/epollet/site"],
    ["../a.json", "site", "../site"],
    ["conf/a.json", "/srv", "/srv"],
  ];
  for (const [path, root, expected] of cases) {
    const { site, hosts } = parseConfig(path, JSON.stringify({ root, hosts: { "a.b": { root } } }));
    assertEquals([site.root, hosts.get("a.b")?.root], [expected, expected], path);
  }
});

Deno.test("flags override the file, the file the defaults, and a host inherits the keys that it does not set", () => {
  const file = parseConfig(
    "./epollet.json",
    JSON.stringify({
      port: 81,
      cacheSize: 0,
      root: "top",
      etag: "mtime",
      browse: true,
      cors: true,
      errorPages: { "404": "/a", "500": "/b" },
      headers: { "X-A": "file" },
      auth: [{ source: "/p/**", users: { bert: HASH } }],
      hosts: {
        "A.example": {},
        "*.b.example": {
          root: "b",
          browse: false,
          cors: false,
          etag: "hash",
          errorPages: { "500": "/c" },
          headers: { "X-B": "host" },
          auth: [],
        },
      },
    }),
  );
  const args = [
    ..."--etag off --index a.html --error-page 404=/f".split(" "),
    ...["-H", "X-A: flag", "--auth", `anna:${HASH}`, "82"],
  ];
  const { port, cacheSize, cacheFileSize, config, site, hosts } = mergeSettings(parseCommandLine(args), file);
  assertEquals([port, cacheSize, cacheFileSize, config], [82, 0, 1024 * 1024, "./epollet.json"]);
  const flagFields = { source: "/**", fields: [["X-A", "flag"]] } as const;
  const flagAuth = { source: "/**", realm: "Restricted", users: { anna: HASH } };
  const top: SiteSettings = {
    ...DEFAULT_SITE_SETTINGS,
    root: "top",
    etag: "off",
    browse: true,
    cors: ["*"],
    index: ["a.html"],
    errorPages: { 404: "/f", 500: "/b" },
    headers: [{ source: "/**", fields: [["X-A", "file"]] }, flagFields],
    auth: [flagAuth, { source: "/p/**", realm: "Restricted", users: { bert: HASH } }],
  };
  assertEquals(site, top);
  assertEquals([...hosts.keys()], ["a.example", "*.b.example"]);
  assertEquals(hosts.get("a.example"), top);
  assertEquals(hosts.get("*.b.example"), {
    ...top,
    root: "b",
    browse: false,
    cors: null,
    etag: "hash",
    errorPages: { 404: "/f", 500: "/c" },
    headers: [{ source: "/**", fields: [["X-B", "host"]] }, flagFields],
    auth: [flagAuth],
  });
});

Deno.test("a flag about files is refused also when the file names another handler", () => {
  const file = parseConfig("epollet.json", '{ "handler": "echo", "browse": true }');
  assertEquals(mergeSettings(parseCommandLine([]), file).handler, "echo");
  assertThrows(
    () => mergeSettings(parseCommandLine(["--browse"]), file),
    UsageError,
    "--browse is without effect",
  );
});

Deno.test("settings that differ from the defaults are shown, without hashes of passwords", () => {
  assertEquals(describeSite(DEFAULT_SITE_SETTINGS), []);
  const { site } = parseConfig(
    "epollet.json",
    JSON.stringify({
      root: "x",
      spa: true,
      etag: "hash",
      cors: ["https://a.example"],
      errorPages: { "404": "/a" },
      headers: { A: "b", C: null },
      redirects: [{ source: "/a", destination: "/b" }],
      auth: [{ users: { anna: HASH, bert: HASH } }],
    }),
  );
  const settings = { ...DEFAULT_SITE_SETTINGS, ...site };
  assertEquals(describeSite(settings), [
    ["spa", "/index.html"],
    ["errors", "404 /a"],
    ["headers", "/** A -C"],
    ["cors", "https://a.example"],
    ["auth", "/** anna bert"],
    ["redirects", "/a → /b"],
  ]);
  assertEquals(describeSite({ ...settings, root: "y", auth: [], spa: null }, settings), [
    ["root", "y"],
    ["spa", "off"],
    ["auth", "none"],
  ]);
});

Deno.test("a file is read whole; anything but a small text in a regular file is refused at once", () => {
  const folder = Deno.makeTempDirSync();
  const path = (name: string) => `${folder}/${name}`;
  try {
    Deno.writeTextFileSync(path("full"), "é".repeat(50));
    assertEquals(readTextFile(path("full"), 100), "é".repeat(50));
    Deno.writeTextFileSync(path("empty"), "");
    assertEquals(readTextFile(path("empty"), 100), "");
    Deno.writeFileSync(path("latin1"), Uint8Array.of(0xe9));
    assertEquals(new Deno.Command("mkfifo", { args: [path("fifo")] }).outputSync().code, 0);
    const cases: [name: string, bytesMax: number, message: string][] = [
      ["missing", 100, `Cannot open ${path("missing")}: ENOENT (no such file or directory)`],
      ["nul\0", 100, `Cannot open ${path("nul\0")}: ENOENT (no such file or directory)`],
      [".", 100, `Cannot open ${path(".")}: EISDIR (is a directory)`],
      ["fifo", 100, `Cannot open ${path("fifo")}, which is no regular file: EINVAL (invalid argument)`],
      ["full", 99, `Cannot read ${path("full")}, which has more than 99 bytes: EOVERFLOW (value too large)`],
      ["latin1", 100, `Cannot read ${path("latin1")}, which is not in UTF-8: EINVAL (invalid argument)`],
    ];
    for (const [name, bytesMax, message] of cases) {
      const error = assertThrows(() => readTextFile(path(name), bytesMax), SystemError);
      assertEquals(error.message, message);
    }
    assertEquals(CONFIG_FILE_BYTES_MAX, 1024 * 1024);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
