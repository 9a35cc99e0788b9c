/**
 * The mistake: a path is checked, and then percent-decoded.
 *
 *     deno run --allow-ffi --allow-read=. examples/mistakes/path_decoded_late.ts [mended]
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

/** Returns the names of a path below the root; null if it leads above the root. */
function namesOf(path: string): string[] | null {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") {
      if (names.pop() === undefined) return null;
    } else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

/** Wrong: for the check, `%2e%2e` is a name like any other. Decoding makes it `..`, and `%2f` a slash. */
function decodeLast(path: string): string[] | null {
  const names = namesOf(path);
  return names === null ? null : names.map(decodeURIComponent);
}

/** Mended: decodes once, and first. What is checked is what is opened. */
function decodeFirst(path: string): string[] | null {
  return namesOf(decodeURIComponent(path));
}

function onEvent(fd: number): void {
  if (fd === listener) return epoll.register(accept(fd), EPOLLIN);
  const count = recv(fd, buffer);
  if (count <= 0) return void close(fd);
  const path = String.fromCharCode(...buffer.subarray(0, count)).split(" ")[1]!;
  const names = isMended ? decodeFirst(path) : decodeLast(path);
  const page = encode(names === null ? "400 Bad Request" : Deno.readTextFileSync([ROOT, ...names].join("/")));
  send(fd, page, page.length, false);
}

const { port } = localAddress(listener);
const ask = (path: string) => askFor(path, port, () => runUntilQuiet(epoll, onEvent));

const page = ask("/%34%30%34.html");
const secrets = [ask("/../LICENSE"), ask("/%2e%2e/LICENSE"), ask("/..%2fLICENSE")];
conclude(
  page.startsWith("<!DOCTYPE") && secrets.every((secret) => secret.startsWith("400")),
  "only files below the root are sent",
  "an encoded path led out of the root",
);
