/**
 * Packages that tests use and the program does not.
 *
 * A start of the program downloads all packages in `deno.lock`. So these packages are named only here, in specifiers
 * that `deno check` does not resolve. Their digests are in `tests/deno.lock`, which `deno task test` uses.
 * @module
 */

/** Exact versions, as in `deno.json`. */
const VERSIONS = {
  ajv: "8.20.0",
  "axe-core": "4.10.3",
  hono: "4.13.19",
  "kubernetes-models": "5.1.0",
} as const;

/** Imports `module` of a package, such as `/cookie` of `hono`. The caller declares what it exports. */
export async function importPackage<Exports>(
  name: keyof typeof VERSIONS,
  module: `/${string}` | "" = "",
): Promise<Exports> {
  const specifier = `npm:${name}@${VERSIONS[name]}${module}`;
  return await import(specifier);
}
