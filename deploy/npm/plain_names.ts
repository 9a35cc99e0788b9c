/**
 * Names for the files of a bundle that do not depend on the machine that made it.
 *
 * The bundler names files after a digest of their text, which has the paths of the modules in it, and those of packages
 * depend on where Deno keeps them.
 * @module
 */

/** A file of the bundle that another one imports. */
const IMPORTED = /"\.\/([\w.-]+\.js)"/g;
/** The name of a module that is imported on demand, before its digest. */
const NAMED = /^(\w+)-[A-Z0-9]{8}\.js$/;
/** A line that names the module from which the next lines are. */
const ORIGIN = /^\/\/ (?:\.\.\/)*\S*\/npm\/[^/\s]+\/(\S+)$/gm;
/** How files begin that are imported by several others. */
const SHARED = "chunk";

/**
 * Returns the files of a bundle under new names: `entries` keep theirs, modules that are imported on demand lose the
 * digest, and others are numbered in the order in which they are imported. Files that nothing imports are left out.
 */
export function withPlainNames(
  files: ReadonlyMap<string, string>,
  entries: readonly string[],
): Map<string, string> {
  const names = new Map(entries.map((name) => [name, name]));
  let shared = 0;
  for (const name of names.keys()) {
    for (const [, imported] of files.get(name)!.matchAll(IMPORTED)) {
      if (names.has(imported!) || !files.has(imported!)) continue;
      const [, stem = SHARED] = NAMED.exec(imported!) ?? [];
      names.set(imported!, stem === SHARED ? `${SHARED}_${++shared}.js` : `${stem}.js`);
    }
  }
  if (new Set(names.values()).size < names.size) throw new Error("two files of the bundle have one name");
  return new Map(Array.from(names, ([name, plain]) => {
    const text = files.get(name)!
      .replaceAll(IMPORTED, (whole, imported) => names.has(imported) ? `"./${names.get(imported)}"` : whole)
      .replaceAll(ORIGIN, "// npm:$1");
    return [plain, text];
  }));
}
