/**
 * Imports go one way: each layer imports only from those below it. This test reads the import lines.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { REPOSITORY } from "./support/program.ts";

/** The layer of a module, by the first pattern that fits; see docs/architecture.md. */
const LAYERS: readonly [RegExp, number][] = [
  [/^(main|mod)\.ts$/, 6],
  [/^program\//, 5],
  [/^handlers\//, 4],
  // The loop, and what it needs: knows neither sockets nor HTTP.
  [
    /^server\/(reactor|turns|task_queue|source|deadlines|parking|poller|limits)\.ts$|^server\/pollers\//,
    1,
  ],
  [/^server\/http\//, 2],
  [/^server\//, 3],
  [/^ffi\//, 0],
];

/** Constants and functions with no imports of their own, and types without code: every layer may name them. */
const SHARED = new Set([
  "server/limits.ts",
  "server/shared_limits.ts",
  "server/site_limits.ts",
  "server/bytes.ts",
  "server/rejections.ts",
  "server/std.d.ts",
  "server/std.ts",
  "server/std_functions.d.ts",
]);

function layerOf(module: string): number {
  const layer = LAYERS.find(([pattern]) => pattern.test(module));
  assert(layer !== undefined, `${module} belongs to no layer`);
  return layer[1];
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

/** Every module that `module` names after `from` or in `import "…"`. */
function importsOf(module: string): string[] {
  const text = Deno.readTextFileSync(REPOSITORY + module);
  const specifiers = text.matchAll(/^(?:import|export)\b(?:[^;"=(]*?\bfrom)?\s*"([^"]+)"/gm);
  return Array.from(specifiers, ([, specifier]) => specifier!);
}

function resolve(module: string, specifier: string): string {
  return new URL(specifier, `file:///${module}`).pathname.slice(1);
}

Deno.test("no module imports upwards", () => {
  let imports = 0;
  for (const module of SOURCES) {
    for (const specifier of importsOf(module)) {
      if (!specifier.startsWith(".")) continue;
      const imported = resolve(module, specifier);
      if (imported.endsWith(".json") || SHARED.has(imported)) continue;
      imports++;
      assert(
        layerOf(imported) <= layerOf(module),
        `${module} (L${layerOf(module)}) imports ${imported} (L${layerOf(imported)})`,
      );
    }
  }
  assert(imports > 50, "the import lines were not found");
});

Deno.test("no two modules import each other, directly or in a circle", () => {
  const state = new Map<string, "open" | "done">();
  const visit = (module: string, path: string[]) => {
    if (state.get(module) === "done") return;
    assert(state.get(module) !== "open", `circle: ${[...path, module].join(" → ")}`);
    state.set(module, "open");
    for (const specifier of importsOf(module)) {
      if (specifier.startsWith(".") && specifier.endsWith(".ts")) {
        visit(resolve(module, specifier), [...path, module]);
      }
    }
    state.set(module, "done");
  };
  for (const module of SOURCES) visit(module, []);
});

Deno.test("server/http is pure: it imports nothing of ffi, and the loop knows neither sockets' options nor HTTP", () => {
  for (const module of SOURCES) {
    for (const specifier of importsOf(module)) {
      const imported = specifier.startsWith(".") ? resolve(module, specifier) : specifier;
      if (layerOf(module) === 2) assert(!imported.startsWith("ffi/"), `${module} imports ${imported}`);
      if (layerOf(module) === 1) {
        assert(!imported.startsWith("server/http/"), `${module} imports ${imported}`);
      }
    }
  }
});

/** Deno's standard library, in the version that deno.json maps. */
const STD = Deno.readTextFileSync(`${REPOSITORY}deno.json`).match(/npm:deno-std@[\d.]+/)![0];

Deno.test("the C library is opened in one place, and other packages are imported under their mapped names", () => {
  const opening = SOURCES.filter((module) =>
    /Deno\.dlopen\(/.test(Deno.readTextFileSync(REPOSITORY + module))
  );
  assertEquals(opening, ["ffi/libc.ts"]);
  for (const module of SOURCES) {
    for (const specifier of importsOf(module)) {
      const isAllowed = /^(\.{1,2}\/|@std\/|node:|zod$)/.test(specifier) ||
        module === "server/std.ts" && specifier.startsWith(`${STD}/`);
      assert(isAllowed, `${module} imports ${specifier}`);
    }
  }
});
