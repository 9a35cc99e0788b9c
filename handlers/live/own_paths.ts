/**
 * The reserved paths of `--live`: the script, the event stream, and the question of a page what has changed. No file and
 * no rule can have them: a path with a hidden name is never served.
 *
 * What they tell is for pages of this server alone. A page of another site is refused by `Origin` and `Sec-Fetch-Site`,
 * and no CORS field lets it read a response. DNS rebinding is refused by the host name, as for all files.
 * @module
 */
import type { HandlerContext } from "../../server/connection/handler.ts";
import { errorResponse } from "../../server/exchange/error_response.ts";
import { encodeUtf8, latin1 } from "../../server/http/characters.ts";
import { HttpError } from "../../server/http/http_error.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import { LIVE_PAGE_URLS_MAX, LIVE_QUESTION_BYTES_MAX } from "../site/limits.ts";
import { watches } from "../site/watch/watches.ts";
import type { Changes } from "./changes.ts";
import { CLIENT_SCRIPT } from "./client_script.ts";
import type { Streams } from "./streams.ts";

/** What all reserved paths begin with. */
export const OWN_PREFIX = "/.epollet/";
/** The path of the script. */
export const SCRIPT_PATH: string = `${OWN_PREFIX}live.js`;
const EVENTS_PATH = `${OWN_PREFIX}events`;
const CHANGES_PATH = `${OWN_PREFIX}changes`;

const PREFIX_BYTES = encodeUtf8(OWN_PREFIX);
/** The fields of an error; {@linkcode errorResponse} adds `nosniff`. */
const ERROR_FIELDS: Fields = [
  ["Cache-Control", "no-store"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
];
const FIELDS: Fields = [...ERROR_FIELDS, ["X-Content-Type-Options", "nosniff"]];
const SCRIPT = HttpResponse.bytes(encodeUtf8(CLIENT_SCRIPT), {
  type: "text/javascript; charset=utf-8",
  fields: FIELDS,
});

/** Returns whether `request` is for one of the reserved paths. */
export function isOwn({ buffer, pathStart, pathEnd }: HttpRequest): boolean {
  if (pathEnd - pathStart < PREFIX_BYTES.length) return false;
  return PREFIX_BYTES.every((byte, i) => buffer[pathStart + i] === byte);
}

/** What the answers are made of. */
export interface OwnParts {
  readonly changes: Changes;
  readonly streams: Streams;
  /** False when no loop wakes the handler for events, so that pages have to ask again and again. */
  readonly isAttached: boolean;
}

/** Answers a request for one of the reserved paths, whose host name is allowed. */
export function answerOwn(
  request: HttpRequest,
  { signal }: HandlerContext,
  parts: OwnParts,
): HttpResponse | Promise<HttpResponse> {
  if (!isFromHere(request)) return errorResponse(403, ERROR_FIELDS);
  const isRead = request.method === "GET" || request.method === "HEAD";
  switch (latin1(request.buffer, request.pathStart, request.pathEnd)) {
    case SCRIPT_PATH:
      return isRead ? SCRIPT : errorResponse(405, [["Allow", "GET, HEAD"], ...ERROR_FIELDS]);
    case EVENTS_PATH:
      return request.method === "GET"
        ? parts.streams.open(signal)
        : errorResponse(405, [["Allow", "GET"], ...ERROR_FIELDS]);
    case CHANGES_PATH:
      return request.method === "POST"
        ? answerQuestion(request, parts)
        : errorResponse(405, [["Allow", "POST"], ...ERROR_FIELDS]);
    default:
      return errorResponse(404, ERROR_FIELDS);
  }
}

/** True for a request that a page of this server makes, or no page at all. */
function isFromHere(request: HttpRequest): boolean {
  const site = request.header("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return false;
  const origin = request.header("origin");
  // The scheme is not compared: a proxy may speak HTTPS for this server.
  return origin === null ||
    origin.toLowerCase().replace(/^https?:\/\//, "") === request.authority?.toLowerCase();
}

/** What a page asks: its URLs by their paths, and what it knows of each. */
interface Question {
  readonly paths: readonly string[];
  readonly baselines: readonly string[];
  /** For URLs that need a password. */
  readonly keys: readonly string[];
}

/** URLs that are compared before other requests are answered: some milliseconds. */
const URLS_PER_SLICE = 16;

async function answerQuestion(
  request: HttpRequest,
  { changes, isAttached }: OwnParts,
): Promise<HttpResponse> {
  const { authority } = request;
  if (request.contentLength > LIVE_QUESTION_BYTES_MAX) return errorResponse(413, ERROR_FIELDS);
  const { paths, baselines, keys } = toQuestion(await request.json());
  watches.drain(NaN);
  if (changes.isHeld()) return HttpResponse.json({ isComplete: false }, { fields: FIELDS });
  const given = new Set(keys);
  const { state, events } = changes; // before the comparison: what changes during it is asked for again
  const states: ReturnType<typeof changes.compare>[] = [];
  for (const [i, path] of paths.entries()) {
    states.push(changes.compare(authority, path, baselines[i]!, given));
    if (i % URLS_PER_SLICE === URLS_PER_SLICE - 1) await new Promise((resolve) => setTimeout(resolve));
  }
  return HttpResponse.json({
    isComplete: true,
    state,
    events,
    isPolled: !isAttached || states.some(({ isCovered }) => !isCovered),
    tokens: states.map(({ token }) => token),
    fresh: states.flatMap(({ isFresh }, i) => isFresh ? [i] : []),
    changed: states.flatMap(({ hasChanged }, i) => hasChanged ? [i] : []),
  }, { fields: FIELDS });
}

function toQuestion(value: unknown): Question {
  const { paths, baselines, keys = [] } = Object(value) as { readonly [K in keyof Question]?: unknown };
  const isList = (list: unknown): list is string[] =>
    Array.isArray(list) && list.length <= LIVE_PAGE_URLS_MAX &&
    list.every((each) => typeof each === "string");
  if (!isList(paths) || !isList(baselines) || !isList(keys) || paths.length !== baselines.length) {
    throw new HttpError(400, "Expected the paths that a page used, and what it knows of each");
  }
  return { paths, baselines, keys };
}
