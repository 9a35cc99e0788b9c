/**
 * Fuzzes the way from a target to a file on disk. A real tree, full of links that lead out of it, is served by the
 * real handler without a socket.
 *
 * A model of the tree tells the expected result of each target: the bytes of a file, a redirect, or an error. In
 * addition the kernel is asked for the real path of every file that was opened: none may be outside of the root.
 * @module
 */
import { close as closeDescriptor } from "../../ffi/socket/socket.ts";
import { loadLibc } from "../../ffi/libc/libc.ts";
import { SiteRoot, terminate } from "../../handlers/site/files/directory_root.ts";
import { type StaticHandler, staticHandler } from "../../handlers/static.ts";
import { contextOutside, type HandlerContext } from "../../server/connection/handler.ts";
import { HttpClock } from "../../server/http/date.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { HttpResponse } from "../../server/http/response.ts";
import type { Random } from "../support/random.ts";
import { bytesOf, textOf } from "../support/request_replay.ts";
import { type FuzzTarget, type Input, pure, requireSame, shown } from "./fuzz_target.ts";
import { referenceParse } from "./reference_parser.ts";
import { answerTo } from "./reference_site.ts";
import { referenceResolve } from "./reference_target.ts";
import { FILES, find, LINKS, SECRET, SiteTree } from "./site_tree.ts";
import { randomTarget } from "./targets.ts";

const NAMES = [...new Set([...Object.keys(FILES), ...Object.keys(LINKS)].flatMap((path) => path.split("/")))];
const OTHERS = [
  "..",
  "..",
  ".",
  "",
  "outside",
  "secret.txt",
  "site",
  "etc",
  "passwd",
  "proc",
  "self",
  "root",
  "x",
];

/** Returns a name as it is written in a URL, or in some other way. */
function spelled(name: string, random: Random): string {
  return name.replace(/[^]/g, (character) => {
    const hex = character.charCodeAt(0).toString(16).padStart(2, "0");
    if (/[\w.-]/.test(character) ? random.oneIn(12) : !random.oneIn(8)) {
      return `%${random.oneIn(2) ? hex : hex.toUpperCase()}`;
    }
    return character;
  });
}

function make(random: Random): Input {
  if (random.oneIn(4)) return [randomTarget(random)];
  if (random.oneIn(4)) {
    return [`/${spelled(random.pick([...Object.keys(FILES), ...Object.keys(LINKS)]), random)}`];
  }
  const count = 1 + random.below(5);
  const names = Array.from(
    { length: count },
    () => spelled(random.pick(random.oneIn(3) ? OTHERS : NAMES), random),
  );
  return [`/${names.join(random.oneIn(20) ? "%2f" : "/")}${random.oneIn(3) ? "/" : ""}`];
}

/** The tree, and the handler that serves it. */
class Served {
  readonly tree: SiteTree = new SiteTree();
  readonly realPath: string = Deno.realPathSync(this.tree.root);
  readonly root: SiteRoot = new SiteRoot(this.tree.root);
  readonly handler: StaticHandler = staticHandler({ root: this.tree.root });
  readonly clock: HttpClock = new HttpClock();
  batch = 0;

  get context(): HandlerContext {
    this.clock.update(Date.now());
    return contextOutside(this.clock, ++this.batch, new AbortController().signal);
  }

  close(): void {
    this.handler.close();
    this.root.close();
    this.tree[Symbol.dispose]();
  }
}

let served: Served | null = null;
const request = new HttpRequest();
const NO_TAGS = new Map<string, string>();

function check([target]: Input): void {
  loadLibc();
  served ??= new Served();
  const head = `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const read = referenceParse(head).request;
  const bytes = bytesOf(head);
  if (read === null || parseRequest(bytes, 0, bytes.length, request) <= 0) return; // the parser has its own target
  const response = served.handler(request, served.context);
  if (!(response instanceof HttpResponse)) throw new Error(`a promise for ${shown(target!)}`);
  try {
    const { status, body, fields } = answerTo(read, NO_TAGS, 0);
    const text = textOf(response.bytes);
    if (text.includes(SECRET)) {
      throw new Error(`what is outside of the root, or hidden, for ${shown(target!)}`);
    }
    requireSame(response.status, status, `GET ${shown(target!)}`);
    if (response.tail !== null) throw new Error(`no answer in memory to ${shown(target!)}`);
    if (body !== null) requireSame(text.slice(response.headLength), body, `the content of ${shown(target!)}`);
    const location = /\r\nLocation: (.*)\r\n/.exec(text)?.[1];
    requireSame(location, fields.location ?? undefined, `where ${shown(target!)} leads`);
  } finally {
    response.discard();
  }
  requireInside(read.path, served);
}

/** Checks that the file which the kernel opens at a path is where the model has it, below the root. */
function requireInside(path: string, { root, realPath }: Served): void {
  const resolved = referenceResolve(path);
  if (typeof resolved === "number") return;
  const fd = root.open(terminate(bytesOf(resolved.path === "" ? "." : resolved.path)));
  const found = find(resolved.path);
  if (fd < 0) {
    if (found !== null) {
      throw new Error(`${shown(path)} cannot be opened (${fd}), and is ${shown(JSON.stringify(found))}`);
    }
    return;
  }
  try {
    const real = Deno.readLinkSync(`/proc/self/fd/${fd}`);
    if (real !== realPath && !real.startsWith(`${realPath}/`)) {
      throw new Error(`${shown(path)} leads to ${real}`);
    }
    if (found === null) throw new Error(`${shown(path)} is ${real}, and is not to be had`);
    const file = found === "directory" ? null : new TextDecoder().decode(bytesOf(found.file));
    if (file !== null && real !== `${realPath}/${file}`) {
      throw new Error(`${shown(path)} is ${real} and not ${file}`);
    }
  } finally {
    closeDescriptor(fd);
  }
}

export const tree: FuzzTarget = {
  ...pure({ name: "tree", batch: 2000, make, check }),
  close() {
    served?.close();
    served = null;
    return Promise.resolve();
  },
};
