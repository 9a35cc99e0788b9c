/**
 * Packages that tests use and the program does not.
 *
 * A start of the program downloads all packages that `deno.lock` names. So these are named here only, in specifiers that
 * `deno check` does not resolve, and their digests are in `tests/deno.lock`, with which `deno task test` runs the tests.
 * @module
 */

/** Exact versions, as in `deno.json`. */
const VERSIONS = {
  ajv: "8.20.0",
  hono: "4.13.19",
  "kubernetes-models": "5.1.0",
} as const;

/** Imports `module` of a package, such as `/cookie` of `hono`; the caller knows what it exports. */
export async function importPackage<Exports>(
  name: keyof typeof VERSIONS,
  module: `/${string}` | "" = "",
): Promise<Exports> {
  const specifier = `npm:${name}@${VERSIONS[name]}${module}`;
  return await import(specifier);
}
