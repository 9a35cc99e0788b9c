/**
 * The mistake: the path of a request is joined to the root.
 *
 *     deno run --allow-ffi --allow-read=. examples/mistakes/path_joined.ts [mended]
 * @module
 */
import { accept, close, Epoll, EPOLLIN, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { askFor, conclude, encode, isMended, runUntilQuiet } from "./scene.ts";

/** The site. Whatever is beside this folder is private. */
const ROOT = new URL("../../html", import.meta.url).pathname;
const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);
const buffer = new Uint8Array(1024);

/** Wrong: `..` in the path leads out of the root. */
function fileOf(path: string): string | null {
  return ROOT + path;
}

/** Mended: walks the names itself, and refuses a step above the root. */
function fileBelow(path: string): string | null {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") {
      if (names.pop() === undefined) return null;
    } else if (name !== "" && name !== ".") names.push(name);
  }
  return [ROOT, ...names].join("/");
}

function onEvent(fd: number): void {
  if (fd === listener) return epoll.register(accept(fd), EPOLLIN);
  const count = recv(fd, buffer);
  if (count <= 0) return void close(fd);
  const path = String.fromCharCode(...buffer.subarray(0, count)).split(" ")[1]!;
  const file = isMended ? fileBelow(path) : fileOf(path);
  const page = encode(file === null ? "400 Bad Request" : Deno.readTextFileSync(file));
  send(fd, page, page.length, false);
}

const { port } = localAddress(listener);
const ask = (path: string) => askFor(path, port, () => runUntilQuiet(epoll, onEvent));

const page = ask("/404.html");
const folded = ask("/a/../404.html");
const secret = ask("/../LICENSE");
conclude(
  page === folded && secret.startsWith("400"),
  "only files below the root are sent",
  "a file outside of the root was sent",
);
