/**
 * Finds the fast tests by their import lines: those that start no process and open no network socket. `tests/run.ts
 * --fast` runs them without the permissions for either.
 * @module
 */
import { specifiersOf } from "./imports.ts";
import { REPOSITORY } from "./site.ts";

/**
 * What Deno denies the fast tests. Its permission for FFI has no parts, so C functions that listen are found by
 * {@linkcode SOCKETS}.
 */
export const FAST_FLAGS: readonly string[] = ["--deny-run", "--deny-net"];

/** Modules of the program that listen when their functions are called. */
const LISTENING: readonly string[] = ["main.ts", "mod.ts", "server/serve.ts"];
/** Code in tests with which Deno starts a process or connects. */
const USES = /\bDeno\.(?:Command|listen|connect|serve)|\bnew Worker\(|\bfetch\(/;
/** Names in tests that are imported from `ffi/socket/`. Of these, `close` works for every descriptor. */
const SOCKETS = /^import \{([^}]*)\} from "[^"]*\/ffi\/socket\/\w+\.ts"/gm;

function opensSockets(text: string): boolean {
  const names = Array.from(text.matchAll(SOCKETS), ([, names]) => names!.split(",")).flat();
  return names.map((name) => name.trim()).some((name) => !/^(?:close|type .*|)$/.test(name));
}

/** Returns whether the module at `path`, and every module that it imports, starts no process and opens no socket. */
export function isFast(path: string, seen: Set<string> = new Set()): boolean {
  if (seen.has(path)) return true;
  seen.add(path);
  const text = Deno.readTextFileSync(path);
  if (USES.test(text) || opensSockets(text)) return false;
  for (const specifier of specifiersOf(text)) {
    if (!/^(?:\.|file:).*\.ts$/.test(specifier)) continue;
    const imported = new URL(specifier, `file://${path}`).pathname;
    const isOwn = imported.startsWith(REPOSITORY);
    if (isOwn && LISTENING.includes(imported.slice(REPOSITORY.length))) return false;
    if (isOwn && !imported.startsWith(`${REPOSITORY}tests/`)) continue;
    if (!isFast(imported, seen)) return false;
  }
  return true;
}
