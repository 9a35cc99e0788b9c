/**
 * What the server has to say, computed from the bytes that a client sends on one connection: which requests are in them,
 * and for each of them the status, the fields that matter and every byte of the body.
 * @module
 */
import { BODY_BYTES_MAX } from "../../server/limits.ts";
import type { Parsed } from "../support/request_replay.ts";
import { referenceChunks } from "./reference_body.ts";
import { joined, referenceIfRange, referencePrecondition } from "./reference_conditions.ts";
import { referenceCodings } from "./negotiation.ts";
import { referenceParse } from "./reference_parser.ts";
import { referenceRanges } from "./ranges.ts";
import { referenceEncode, referenceResolve } from "./reference_target.ts";
import { FILES, find, MODIFIED_SECONDS } from "./site_tree.ts";

/** One answer that has to come. */
export interface Expected {
  readonly status: number;
  readonly isHead: boolean;
  /** Fields, names in lower case; null: there must be none of that name. */
  readonly fields: Readonly<Record<string, string | null>>;
  /** A character a byte; null: a line of text that begins with the status. */
  readonly body: string | null;
  /** Several parts: the ranges, and of which text. */
  readonly parts:
    | { readonly ranges: readonly (readonly [number, number])[]; readonly content: string }
    | null;
  /** 100 (Continue) may come before it. */
  readonly mayContinue: boolean;
  /** The client ended before a line did: whether the server noticed the mistake depends on how the bytes were cut. */
  readonly isOptional: boolean;
}

/** Everything that has to come. */
export interface Conversation {
  readonly answers: readonly Expected[];
  /** "open": until the client ends; "closed" as it was asked for; "refused": what follows cannot be read. */
  readonly end: "open" | "closed" | "refused";
  /** 100 (Continue) may come behind the last answer, for a request that is never whole. */
  readonly mayContinue: boolean;
  /** How many bytes were read, up to the end of the last request. */
  readonly length: number;
}

/** Entity tags of the files by their names, which the server chooses. */
export type Tags = ReadonlyMap<string, string>;

type Answer = Pick<Expected, "status" | "fields" | "body" | "parts">;
type Request = Omit<Parsed, "rest">;

/** Reads `text`, a character a byte, to its end. `nowSeconds` is the time of the answers. */
export function expectConversation(text: string, tags: Tags, nowSeconds: number): Conversation {
  const answers: Expected[] = [];
  let at = 0;
  while (true) {
    at += /^(?:\r\n)*/.exec(text.slice(at))![0].length;
    const rest = text.slice(at);
    const outcome = referenceParse(rest);
    const isHead = outcome.method === "HEAD";
    const refuse = (status: number, mayContinue: boolean, isOptional: boolean): Conversation => {
      const fields = { connection: "close" };
      answers.push({ status: -status, isHead, fields, body: null, parts: null, mayContinue, isOptional });
      return { answers, end: "refused", mayContinue: false, length: at };
    };
    if (outcome.taken === 0) return { answers, end: "open", mayContinue: false, length: at };
    if (outcome.taken < 0) return refuse(outcome.taken, false, !rest.includes("\n", outcome.at));
    const request = outcome.request!;
    const mayContinue = request.expectsContinue;
    at += outcome.taken;
    if (request.contentLength > BODY_BYTES_MAX) return refuse(-413, mayContinue, false);
    const body = request.chunked
      ? referenceChunks(text.slice(at), BODY_BYTES_MAX).taken
      : Math.max(request.contentLength, 0);
    if (body < 0) return refuse(body, mayContinue, false);
    if ((body === 0 && request.chunked) || at + body > text.length) {
      return { answers, end: "open", mayContinue, length: at };
    }
    at += body;
    const answer = answerTo(request, tags, nowSeconds);
    const connection = !request.keepAlive ? "close" : request.minorVersion === 0 ? "keep-alive" : null;
    const fields = { ...answer.fields, connection };
    answers.push({ ...answer, isHead, fields, mayContinue, isOptional: false });
    if (!request.keepAlive) return { answers, end: "closed", mayContinue: false, length: at };
  }
}

function plain(status: number, fields: Expected["fields"] = {}): Answer {
  return { status, fields, body: null, parts: null };
}

/** What the site says to one request. */
export function answerTo(request: Request, tags: Tags, nowSeconds: number): Answer {
  if (request.method === "OPTIONS") {
    return { ...plain(204, { allow: "GET, HEAD, OPTIONS", "content-length": null }), body: "" };
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return plain(405, { allow: "GET, HEAD, OPTIONS" });
  }
  const resolved = referenceResolve(request.path);
  if (typeof resolved === "number") return plain(resolved, { etag: null });
  const { path, isDirectory } = resolved;
  const index = path === "" ? "index.html" : `${path}/index.html`;
  const found = find(isDirectory ? index : path);
  if (found === "directory" && !isDirectory) {
    const query = request.query.replace(
      /[^\x21-\x7e]/g,
      (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    return { ...plain(301, { location: referenceEncode(path, true) + query }) };
  }
  if (found === null || found === "directory") return plain(404, { etag: null });
  return answerWith(found.file, request, tags, nowSeconds);
}

/** What is said of a file: conditions first, then ranges. */
function answerWith(file: string, request: Request, tags: Tags, nowSeconds: number): Answer {
  const { fields } = request;
  const variant = referenceCodings(joined(fields, "accept-encoding"))
    .map((coding) => [coding, coding === "identity" ? file : `${file}.${coding === "gzip" ? "gz" : coding}`])
    .find(([coding, name]) =>
      coding === "identity" || (FILES[name] !== undefined && !/\.(gz|br)$/.test(file))
    );
  const [coding, name] = variant ?? ["identity", file];
  const content = FILES[name];
  const etag = tags.get(name) ?? null;
  const known = { etag, modifiedSeconds: MODIFIED_SECONDS };
  const own = { etag, "content-encoding": coding === "identity" ? null : coding };
  const precondition = referencePrecondition(fields, known, nowSeconds);
  if (precondition === 304) {
    return { status: 304, fields: { etag, "content-length": null }, body: "", parts: null };
  }
  if (precondition === 412) return plain(412);
  const range = joined(fields, "range");
  const whole: Answer = {
    status: 200,
    fields: { ...own, "accept-ranges": "bytes", "content-range": null },
    body: content,
    parts: null,
  };
  if (request.method === "HEAD" || range === null || !referenceIfRange(fields, known, nowSeconds)) {
    return whole;
  }
  const ranges = referenceRanges(range, content.length);
  if (ranges === null) return whole;
  if (ranges === "unsatisfiable") return plain(416, { "content-range": `bytes */${content.length}` });
  if (ranges.length > 1) {
    return coding === "identity"
      ? { status: 206, fields: own, body: null, parts: { ranges, content } }
      : whole;
  }
  const [[from, to]] = ranges;
  const contentRange = `bytes ${from}-${to - 1}/${content.length}`;
  return {
    ...whole,
    status: 206,
    fields: { ...own, "content-range": contentRange },
    body: content.slice(from, to),
  };
}
