/**
 * The part of deno.lock that the program needs: Deno puts all packages of its lock file into what it compiles, and most of
 * them are there for the tests alone.
 * @module
 */

/** What of a lock file (version 5) is of interest here. */
interface Lock {
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, { readonly dependencies?: readonly string[] }>>;
}

/** What `deno info --json` says. */
interface Info {
  readonly modules: readonly { readonly npmPackage?: string }[];
}

/** `lock`, the text of a lock file, without what the program of which `deno info --json` says `info` does without. */
export function lockOfProgram(lock: string, info: string): string {
  const { specifiers, npm, ...rest } = JSON.parse(lock) as Lock;
  const { modules } = JSON.parse(info) as Info;
  const wanted = modules.flatMap(({ npmPackage }) => npmPackage ?? []);
  const kept = new Set<string>();
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (kept.has(name)) continue;
    kept.add(name);
    // A dependency is named without its version where there is only one.
    for (const dependency of npm[name]?.dependencies ?? []) {
      wanted.push(...Object.keys(npm).filter((id) => id === dependency || id.startsWith(`${dependency}@`)));
    }
  }
  const versionOf = ([specifier, version]: [string, string]) =>
    `${specifier.slice("npm:".length, specifier.lastIndexOf("@"))}@${version}`;
  const only = <T>(entries: [string, T][], name: (entry: [string, T]) => string) =>
    Object.fromEntries(entries.filter((entry) => kept.has(name(entry))));
  return JSON.stringify({
    ...rest,
    specifiers: only(Object.entries(specifiers), versionOf),
    npm: only(Object.entries(npm), ([name]) => name),
    buffers: undefined,
  });
}
