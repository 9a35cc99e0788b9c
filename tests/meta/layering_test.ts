/**
 * The order of the folders: each imports only from those before it. This test reads the import lines.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { specifiersOf } from "../support/imports.ts";
import { REPOSITORY } from "../support/site.ts";

/** Every folder, from the bottom up; see docs/architecture.md. */
const FOLDERS: readonly string[] = [
  "ffi/libc",
  "ffi/openssl",
  "ffi/file",
  "ffi/socket",
  "ffi/process",
  "ffi",
  "ffi/select",
  "server/embedder",
  "server/loop",
  "server/loop/pollers",
  "server/http",
  "server/http/heads",
  "server/http/fields",
  "server/clients",
  "server/access_log",
  "server/metrics",
  "server/transport",
  "server/connection",
  "server/exchange",
  "server/protocols/bytes",
  "server/protocols/http2/hpack",
  "server/protocols/http2/frames",
  "server/protocols/http2/requests",
  "server/protocols/http2/streams",
  "server/protocols/http2/responses",
  "server/protocols/http2",
  "server/protocols/http1",
  "server/coroutine",
  "server/protocols/proxy",
  "server/protocols/tls",
  "server/listen",
  "server",
  "handlers/site/watch",
  "handlers/site/files",
  "handlers/site/settings",
  "handlers/site/auth",
  "handlers/hosts",
  "handlers/site/rules",
  "handlers/site/listing",
  "handlers/site/lookup",
  "handlers/site/cache",
  "handlers/site/kept",
  "handlers/site/content",
  "handlers/site/folders",
  "handlers/site/responses",
  "handlers/site",
  "handlers",
  "handlers/live",
  "handlers/admin",
  "program/config/settings",
  "program/config/flags",
  "program/config/file",
  "program/config",
  "program/terminal",
  "program/security",
  "program/acme",
  "program/deploy",
  "program/listening",
  "program/setup",
  "program/greeting",
  "program/learn",
  "program/workers",
  "program/lifecycle",
  "program",
  "program/commands",
  "",
];

/** Folders without access to the kernel: bytes in, values out. */
const PURE: readonly string[] = ["server/http", "server/http/heads", "server/http/fields"];

/** Bounds, and the errors for bad values. They import only each other, and every folder may import them. */
const LEAVES: readonly string[] = [
  "server/limits.ts",
  "server/shared_limits.ts",
  "server/tls_limits.ts",
  "server/http2_limits.ts",
  "server/server_limits.ts",
  "server/usage_error.ts",
  "server/std.d.ts",
  "server/std.ts",
  "server/std_functions.d.ts",
  "handlers/site/limits.ts",
];

function folderOf(module: string): string {
  return module.slice(0, Math.max(module.lastIndexOf("/"), 0));
}

function* modulesIn(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(REPOSITORY + folder)) {
    if (entry.isDirectory) yield* modulesIn(`${folder}${entry.name}/`);
    else if (entry.name.endsWith(".ts")) yield folder + entry.name;
  }
}

const SOURCES = [
  "main.ts",
  "mod.ts",
  ...["ffi/", "server/", "handlers/", "program/"].flatMap((folder) => [...modulesIn(folder)]),
];

/** Returns the modules that `module` names after `from`, in `import "…"`, or in `import("…")`. */
function importsOf(module: string): string[] {
  return specifiersOf(Deno.readTextFileSync(REPOSITORY + module));
}

/** Returns the modules of the project that `module` imports. */
function modulesOf(module: string): string[] {
  return importsOf(module)
    .filter((specifier) => specifier.startsWith(".") && specifier.endsWith(".ts"))
    .map((specifier) => new URL(specifier, `file:///${module}`).pathname.slice(1));
}

Deno.test("each folder imports only from folders before it", () => {
  const used = new Set<string>();
  let imports = 0;
  for (const module of SOURCES) {
    const place = FOLDERS.indexOf(folderOf(module));
    assert(place >= 0, `${module} is in no folder of the list`);
    used.add(folderOf(module));
    for (const imported of modulesOf(module)) {
      if (LEAVES.includes(imported)) continue;
      imports++;
      assert(FOLDERS.indexOf(folderOf(imported)) <= place, `${module} imports ${imported}`);
    }
  }
  assertEquals(FOLDERS.filter((folder) => !used.has(folder)), [], "folders without a module");
  assert(imports > 1000, "the import lines were not found");
});

Deno.test("leaves import nothing but each other", () => {
  for (const leaf of LEAVES) {
    assertEquals(modulesOf(leaf).filter((imported) => !LEAVES.includes(imported)), [], leaf);
  }
});

Deno.test("no two modules import each other, directly or in a circle", () => {
  const state = new Map<string, "open" | "done">();
  const visit = (module: string, path: string[]) => {
    if (state.get(module) === "done") return;
    assert(state.get(module) !== "open", `circle: ${[...path, module].join(" → ")}`);
    state.set(module, "open");
    for (const imported of modulesOf(module)) visit(imported, [...path, module]);
    state.set(module, "done");
  };
  for (const module of SOURCES) visit(module, []);
});

Deno.test("pure folders do not import the kernel, and the loop neither HTTP nor sockets", () => {
  const values = "ffi/libc/bytes.ts"; // it only casts the type of a buffer
  for (const module of SOURCES) {
    const folder = folderOf(module);
    for (const imported of modulesOf(module)) {
      if (PURE.includes(folder)) {
        assert(!imported.startsWith("ffi/") || imported === values, `${module} imports ${imported}`);
      }
      if (folder.startsWith("server/loop")) {
        assert(!/^server\/http\/|^ffi\/socket\/unix/.test(imported), `${module} imports ${imported}`);
      }
    }
  }
});

/** Deno's standard library, in the version of deno.json. */
const STD = /npm:deno-std@[\d.]+/.exec(Deno.readTextFileSync(`${REPOSITORY}deno.json`))![0];

Deno.test("the C library and OpenSSL are opened in one place each, and other packages are imported under their mapped names", () => {
  const opening = SOURCES.filter((module) =>
    /Deno\.dlopen\(/.test(Deno.readTextFileSync(REPOSITORY + module))
  );
  assertEquals(opening.toSorted(), [
    "ffi/libc/libc.ts",
    "ffi/libc/thread_library.ts",
    "ffi/openssl/openssl.ts",
  ]);
  for (const module of SOURCES) {
    for (const specifier of importsOf(module)) {
      const isAllowed = /^(\.{1,2}\/|@std\/|node:|uqr$|zod$)/.test(specifier) ||
        (module === "server/std.ts" && specifier.startsWith(`${STD}/`));
      assert(isAllowed, `${module} imports ${specifier}`);
    }
  }
});
