/**
 * The mistake: what one `recv` returns is taken for a request.
 *
 *     deno run --allow-ffi examples/mistakes/recv_is_request.ts [mended]
 * @module
 */
import { accept, close, Epoll, EPOLLIN, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { Client, conclude, encode, isMended, runUntilQuiet } from "./scene.ts";

const END = "\r\n\r\n";
const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);
const buffer = new Uint8Array(1024);
/** What has come of the next request of each client. */
const incomplete = new Map<number, string>();

/** Wrong: the text may be a part of a request, or several requests. */
function takeAsRequest(fd: number, text: string): void {
  answer(fd, text);
}

/** Mended: adds the text to what came before, and answers each request that is complete. */
function takeAsBytes(fd: number, text: string): void {
  const requests = ((incomplete.get(fd) ?? "") + text).split(END);
  incomplete.set(fd, requests.pop()!); // what follows the last blank line
  for (const request of requests) answer(fd, request);
}

/** Answers with the path: the second word. */
function answer(fd: number, request: string): void {
  const path = request.split(/\s+/)[1];
  const line = encode(`[this is ${path}]`);
  send(fd, line, line.length, false);
}

function onEvent(fd: number): void {
  if (fd === listener) return epoll.register(accept(fd), EPOLLIN);
  const count = recv(fd, buffer);
  if (count <= 0) return void close(fd);
  const text = String.fromCharCode(...buffer.subarray(0, count)); // a head is ASCII
  if (isMended) takeAsBytes(fd, text);
  else takeAsRequest(fd, text);
}

/** Sends each piece when the server has taken the one before, and returns all answers. */
function ask(...pieces: string[]): string {
  const client = new Client(localAddress(listener).port);
  for (const piece of pieces) {
    client.send(piece);
    runUntilQuiet(epoll, onEvent);
  }
  const answers = client.receiveText();
  console.log(`sent ${JSON.stringify(pieces)}\n got ${answers}`);
  return answers;
}

const cut = ask("GET /wea", `ther HTTP/1.1\r\nHost: a${END}`);
const joined = ask(`GET /a HTTP/1.1\r\nHost: a${END}GET /b HTTP/1.1\r\nHost: a${END}`);
conclude(
  cut === "[this is /weather]" && joined === "[this is /a][this is /b]",
  "each request was answered once",
  "a request in two pieces got two answers, and two requests in one piece got one",
);
