/**
 * Tells how a URL is answered and why, by asking the very code that serves. Nothing listens.
 * @module
 */
import type { HandlerContext } from "../server/handler.ts";
import { encodeUtf8 } from "../server/http/characters.ts";
import { HttpClock } from "../server/http/date.ts";
import { parseRequest } from "../server/http/parser.ts";
import { HttpRequest } from "../server/http/request.ts";
import { type HttpResponse, isStream } from "../server/http/response.ts";
import { Sites, type StaticOptions } from "./static.ts";

/** What a browser sends when somebody follows a link. */
const FIELDS = [
  "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
  "Accept-Encoding: gzip, deflate, br, zstd",
];
const LABEL_CHARACTERS = 9;

/**
 * What a browser that is sent to `url` (a path, or with a host: `http://example.org/a?b`) gets: each step that led
 * there in a line, and the response's head.
 * @throws {TypeError} when `url` is none.
 * @throws {SystemError} as `staticHandler` does.
 */
export async function explain(options: StaticOptions, url: string): Promise<string> {
  const request = requestFor(url);
  const lines: string[] = [];
  const note = (what: string, detail: string) => lines.push(`${what.padEnd(LABEL_CHARACTERS)} ${detail}`);
  const clock = new HttpClock();
  clock.update(Date.now());
  const { signal } = new AbortController();
  const context: HandlerContext = { batch: 1, clock, remoteAddress: null, signal };
  note("request", `GET ${request.path}${request.query} for ${request.authority}`);
  const sites = new Sites({ ...options, onWarning: (message) => note("warning", message) }, note);
  try {
    const response = await sites.handle(request, context);
    response.stamp(clock);
    const body = describeBody(response);
    response.discard();
    const head = new TextDecoder().decode(response.bytes.subarray(0, response.headLength)).trimEnd();
    return `${lines.join("\n")}\n${"body".padEnd(LABEL_CHARACTERS)} ${body}\n\n${head.replaceAll("\r", "")}`;
  } finally {
    sites.close();
  }
}

function requestFor(url: string): HttpRequest {
  const isPath = url.startsWith("/");
  if (!isPath && !/^https?:\/\//.test(url)) {
    throw new TypeError(`expected a path such as /a.html, or http://host/path`);
  }
  const { host, pathname, search } = new URL(url, "http://localhost");
  // A path as it stands, also with dots and escapes that the URL standard would resolve: they are what one asks about.
  const target = isPath
    ? url.replace(/#.*$/, "")
    : url.replace(/^https?:\/\/[^/?#]*/, "").replace(/#.*$/, "");
  const path = /^\//.test(target) ? target : pathname + search;
  const escaped = path.replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
  const head = [`GET ${escaped} HTTP/1.1`, `Host: ${host}`, ...FIELDS, "", ""].join("\r\n");
  const bytes = encodeUtf8(head);
  const request = new HttpRequest();
  const status = parseRequest(bytes, 0, bytes.length, request);
  if (status <= 0) throw new TypeError(`the request would be answered ${-status}`);
  return request;
}

function describeBody({ bytes, headLength, tail }: HttpResponse): string {
  if (tail === null) return `${bytes.length - headLength} bytes from memory`;
  if (tail instanceof Uint8Array) return `${tail.length} bytes from memory`;
  return isStream(tail)
    ? `${tail.length ?? "?"} bytes, made while they are sent`
    : `${tail.length} bytes from disk`;
}
