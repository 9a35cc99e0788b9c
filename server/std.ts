/**
 * The functions of Deno's standard library that `mod.ts` uses. The specifiers are complete, so a project that imports
 * `mod.ts` needs no entries in its own `deno.json`. The types are beside this file, because `npm:deno-std` has none,
 * and the compiler options of that project do not name ours.
 * @module
 */

// @ts-types="./std_functions.d.ts"
export { escape } from "npm:deno-std@1.4.0/html/mod.js";
// @ts-types="./std_functions.d.ts"
export { contentType } from "npm:deno-std@1.4.0/media_types/mod.js";
