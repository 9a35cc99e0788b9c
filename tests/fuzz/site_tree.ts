/**
 * A site on disk with many links that lead out of it, and a model that knows where everything is.
 * @module
 */
import { Site } from "../support/program.ts";
import { bytesOf } from "../support/request_replay.ts";

/** The content of files outside of the root, which no response may have. */
export const SECRET = "SECRET-OUTSIDE-OF-THE-ROOT";
/** The time when every file was modified, in seconds. */
export const MODIFIED_SECONDS = 1_582_979_696;

/** The files by their names below the root, a character for each byte. Compressed forms are beside their page. */
export const FILES: Readonly<Record<string, string>> = {
  "index.html": "<p>the first page</p>".repeat(15),
  "a.txt": "abcdefghijklmnopqrstuvwxyz",
  "empty.txt": "",
  "large.bin": Array.from({ length: 5000 }, (_, i) => `${i}:`.padStart(8)).join(""),
  "d/index.html": "<p>below</p>",
  "d/page.html": "<p>a page</p>".repeat(40),
  "d/page.html.gz": "no gzip, which is not checked",
  "d/page.html.br": "nor brotli",
  "d/a.txt": "another one",
  "d/e/f/deep.txt": "deep",
  ".well-known/x.txt": "known",
  ".env": SECRET,
  ".git/config": SECRET,
  "d/.hidden/a.txt": SECRET,
  "%41 b.txt": "a name with a percent sign",
  "\xe4\xb8\xad.txt": "\xe4\xb8\xad",
  "back\\slash": "one name",
  "a..b": "two dots within",
  "...": SECRET, // hidden, since it begins with a dot
  "nothing/here/x": "x",
};

/** Symbolic links and their targets. */
export const LINKS: Readonly<Record<string, string>> = {
  "link": "a.txt",
  "d/link": "../a.txt",
  "dirlink": "d",
  "dirlink2": "./d/../d/e/f/",
  "out": "../outside/secret.txt",
  "outdir": "../outside",
  "d/out": "../../outside/secret.txt",
  "abs": "/etc/passwd",
  "absdir": "/",
  "up": "..",
  "d/up": "..",
  "d/upup": "../..",
  "loop": "loop",
  "loop1": "loop2/a.txt",
  "loop2": "loop1",
  "dangling": "nowhere",
  "through": "../site/a.txt",
  "d/through": "../up/site/d/..",
  "around": "../outside/../site/a.txt",
};

/** The result for a path: the real name of a file, a directory, or null when nothing may be served. */
export type Found = { readonly file: string } | "directory" | null;

export const LINKS_FOLLOWED_MAX = 40;

/** Marks the end of a link's target within the path. */
const END = "/";

/**
 * Resolves a path, name by name. A link may leave the root, which is called `site`, if its own target returns into
 * it.
 */
export function find(path: string): Found {
  const left = path === "" ? [] : path.split("/");
  const here: string[] = [];
  let above = 0;
  for (let links = 0; left.length > 0;) {
    const name = left.shift()!;
    if (name === "" || name === ".") continue;
    if (name === END) {
      if (above > 0) return null; // outside of the root
      continue;
    }
    if (name === "..") {
      if (above > 0 || here.pop() === undefined) above++;
      continue;
    }
    if (above > 0) {
      if (above > 1 || name !== "site") return null;
      above = 0;
      continue;
    }
    const at = [...here, name].join("/");
    const target = LINKS[at];
    if (target !== undefined) {
      if (target.startsWith("/") || ++links > LINKS_FOLLOWED_MAX) return null;
      left.unshift(...target.split("/"), ...(left.includes(END) ? [] : [END]));
    } else if (FILES[at] !== undefined) {
      return left.every((name) => name === END) ? { file: at } : null;
    } else if (Object.keys(FILES).some((file) => file.startsWith(`${at}/`))) {
      here.push(name);
    } else return null;
  }
  return "directory";
}

/** The tree on disk; `using` removes it. */
export class SiteTree {
  readonly #site: Site;

  constructor() {
    this.#site = new Site({ "outside/secret.txt": SECRET, "outside/index.html": SECRET });
    for (const [bytes, content] of Object.entries(FILES)) {
      const name = new TextDecoder().decode(bytesOf(bytes));
      this.#site.write(`site/${name}`, bytesOf(content));
      Deno.utimeSync(this.#site.path(`site/${name}`), MODIFIED_SECONDS, MODIFIED_SECONDS);
    }
    for (const [name, target] of Object.entries(LINKS)) {
      Deno.symlinkSync(target, this.#site.path(`site/${name}`));
    }
  }

  get root(): string {
    return this.#site.path("site");
  }

  [Symbol.dispose](): void {
    this.#site[Symbol.dispose]();
  }
}
