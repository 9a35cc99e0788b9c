/**
 * What `mod.ts` needs of Deno's standard library. The modules have their full names, so that a project that imports
 * `mod.ts` needs no entries for them in its own `deno.json`; types come from beside this file, since as `npm:deno-std`
 * they have none, and the compiler options of that project do not name ours.
 * @module
 */

// @ts-types="./std_functions.d.ts"
export { escape } from "npm:deno-std@1.4.0/html/mod.js";
// @ts-types="./std_functions.d.ts"
export { contentType } from "npm:deno-std@1.4.0/media_types/mod.js";
