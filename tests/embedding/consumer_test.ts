/**
 * A project outside of this repository that imports mod.ts, with its own deno.json, which has none of this project's
 * dependencies and compiler options.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { DENO } from "../support/deno.ts";
import { REPOSITORY, Site } from "../support/program.ts";

/**
 * A program that has to type-check. If the imported types were `any`, the expected errors would be missing, which is an
 * error.
 */
const PROGRAM = `
import { HttpResponse, select, serve, staticHandler } from "epollet";

const server = serve({ port: 0, onListen: () => {}, handler: ({ path }) => HttpResponse.text(path) });
const response = await fetch(\`http://127.0.0.1:\${server.addr.port}/served\`);
console.log(await response.text());
await server.shutdown();

// @ts-expect-error a port is a number
export const wrongPort = (): unknown => serve({ port: "8000", handler: staticHandler({ root: "." }) });
// @ts-expect-error a handler answers with a response
export const wrongHandler = (): unknown => serve({ handler: () => "text" });
// @ts-expect-error the descriptors are a list
export const wrongList = (): unknown => select(1, [], []);
`;

/** With isolatedDeclarations Deno 2.4 checks no module at all. */
const HAS_ISOLATED_DECLARATIONS = !Deno.version.deno.startsWith("2.4.");

/** Each check adds errors of its own to those of the others, so all are tried at once. */
const CHECKS_OF_CODE = {
  exactOptionalPropertyTypes: true,
  noFallthroughCasesInSwitch: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noPropertyAccessFromIndexSignature: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  ...(HAS_ISOLATED_DECLARATIONS ? { isolatedDeclarations: true } : {}),
};

const CONFIGURATIONS: readonly (readonly [name: string, compilerOptions: Record<string, unknown>])[] = [
  ["Deno's defaults", {}],
  ["noUncheckedIndexedAccess, isolatedDeclarations and all other checks of code", CHECKS_OF_CODE],
  ["the types of browsers beside Deno's", { lib: ["dom", "dom.iterable", "dom.asynciterable", "deno.ns"] }],
];

function project(compilerOptions: Record<string, unknown>): Site {
  const imports = { epollet: new URL(`file://${REPOSITORY}mod.ts`).href };
  return new Site({
    "deno.json": JSON.stringify({ imports, compilerOptions, lock: false }),
    "app.ts": PROGRAM,
  });
}

async function runDeno(
  site: Site,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [deno, ...rest] = DENO;
  const { code, stdout, stderr } = await new Deno.Command(deno, {
    args: [...rest, ...args],
    cwd: site.root,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

for (const [name, compilerOptions] of CONFIGURATIONS) {
  Deno.test(`a project that imports mod.ts type-checks with ${name}`, async () => {
    using site = project(compilerOptions);
    const { code, stderr } = await runDeno(site, "check", "app.ts");
    assertEquals(code, 0, stderr);
    assert(!stderr.includes("Unsupported compiler options"), stderr);
  });
}

Deno.test("a project that imports mod.ts runs without anything else", async () => {
  using site = project({});
  const { code, stdout, stderr } = await runDeno(
    site,
    "run",
    "--no-prompt",
    "--allow-ffi",
    "--allow-net",
    "app.ts",
  );
  assertEquals([code, stdout.trim(), stderr], [0, "/served", ""]);
});
