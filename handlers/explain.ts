/**
 * Explains how a URL is answered and why (`--explain`). The request goes through the code that serves, with a trace
 * callback that records each decision. Nothing listens.
 * @module
 */
import { contextOutside } from "../server/connection/handler.ts";
import { encodeUtf8 } from "../server/http/characters.ts";
import { HttpClock } from "../server/http/date.ts";
import { parseRequest } from "../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../server/http/request.ts";
import { type HttpResponse, isStream } from "../server/http/response.ts";
import { reasonPhrase } from "../server/http/status.ts";
import { nextTurn } from "../server/loop/turns.ts";
import { Sites, type StaticOptions } from "./site/sites.ts";

/** The fields that a browser sends for a navigation. */
const FIELDS = [
  "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
  "Accept-Encoding: gzip, deflate, br, zstd",
];
const LABEL_CHARACTERS = 9;
/** Characters of an invalid URL that an error message quotes. */
const SHOWN_CHARACTERS_MAX = 60;
/** The label of trace lines that are left out: this process ends at once, so what its cache did is of no interest. */
const OMITTED = "cache";

/**
 * Returns what a browser gets that opens `url`: a line for each step that led to the answer, and the response's head.
 * `url` is a path, or has a host: `http://example.org/a?b`.
 *
 * `whenOpen` is called once the roots are open. `--explain` drops its privileges there, as the server does. A result
 * that is not null becomes the line `user`. `live` says that the server adds a script to pages, which has a line, too.
 * @throws {TypeError} when `url` is invalid, or no request can ask for it; also as `staticHandler` does.
 * @throws {SystemError} as `staticHandler` does.
 */
export async function explain(
  options: StaticOptions,
  url: string,
  whenOpen: () => string | null = () => null,
  live = false,
): Promise<string> {
  const request = requestFor(url);
  const lines: string[] = [];
  const trace = (what: string, detail: string) => {
    if (what !== OMITTED) lines.push(`${what.padEnd(LABEL_CHARACTERS)} ${printable(detail)}`);
  };
  const clock = new HttpClock();
  clock.update(Date.now());
  const { signal } = new AbortController();
  const context = contextOutside(clock, nextTurn(), signal);
  trace(
    "request",
    `GET ${request.path}${request.query}, as a browser that follows a link to ${request.authority}`,
  );
  if (options.config) trace("config", options.config);
  if (live) trace("live", "pages also get a script, and validators of their own: not shown here");
  const sites = new Sites({ ...options, onWarning: (message) => trace("warning", message) });
  try {
    const user = whenOpen();
    if (user !== null) trace("user", user);
    const response = await sites.handle(request, context, trace);
    response.stamp(clock);
    trace("body", describeBody(response));
    response.discard();
    const head = new TextDecoder().decode(response.bytes.subarray(0, response.fieldsLength)).trimEnd();
    return `${lines.join("\n")}\n\n${head.replaceAll("\r", "")}`;
  } finally {
    sites.close();
  }
}

/**
 * Returns the request that a browser sends to open `url`.
 * @throws {TypeError} for a URL that no request can ask for.
 */
export function requestFor(url: string): HttpRequest {
  const [, authority, target] = /^(?:https?:\/\/([^/?#]*))?([^#]*)/.exec(url) ?? [];
  if (authority === undefined && !url.startsWith("/")) {
    throw new TypeError(
      `Bad URL ${JSON.stringify(url)}: expected a path such as /a.html, or http://host/path`,
    );
  }
  const host = authority === undefined ? "localhost" : new URL(`http://${authority}`).host;
  // The path stays as written: dots and escapes that the URL standard would resolve are often what is to be explained.
  const path = target!.startsWith("/") ? target! : `/${target}`;
  const escaped = path.replace(
    /[^\x21-\x7e]+/gu,
    (text) => Array.from(encodeUtf8(text), escapeByte).join(""),
  );
  const bytes = encodeUtf8([`GET ${escaped} HTTP/1.1`, `Host: ${host}`, ...FIELDS, "", ""].join("\r\n"));
  const request = new HttpRequest();
  const status = parseRequest(bytes, 0, bytes.length, request);
  if (status > 0) return request;
  const shown = url.length > SHOWN_CHARACTERS_MAX ? `${url.slice(0, SHOWN_CHARACTERS_MAX)}…` : url;
  const answer = `${-status} ${reasonPhrase(-status)}`;
  throw new TypeError(`Bad URL ${JSON.stringify(shown)}: a request for it is answered ${answer}`);
}

function escapeByte(byte: number): string {
  return "%" + byte.toString(16).toUpperCase().padStart(2, "0");
}

/** Replaces control characters: names of files may contain some, and would control the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}

function describeBody({ bytes, headLength, tail }: HttpResponse): string {
  if (tail === null) return `${bytes.length - headLength} bytes from memory`;
  if (tail instanceof Uint8Array) return `${tail.length} bytes from memory`;
  return isStream(tail)
    ? `${tail.length ?? "?"} bytes, generated while they are sent`
    : `${tail.length} bytes from disk`;
}
