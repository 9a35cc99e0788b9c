/**
 * The expected responses to requests for the files of `site_tree.ts`: status, important fields, and every byte of the
 * body.
 * @module
 */
import { joined, referenceIfRange, referencePrecondition } from "./reference_conditions.ts";
import type { Answer, Request } from "./reference_connection.ts";
import { referenceCodings } from "./negotiation.ts";
import { referenceRanges } from "./ranges.ts";
import { referenceEncode, referenceResolve } from "./reference_target.ts";
import { FILES, find, MODIFIED_SECONDS } from "./site_tree.ts";

/** The server's entity tags by the names of the files. */
export type Tags = ReadonlyMap<string, string>;

function plain(status: number, fields: Answer["fields"] = {}): Answer {
  return { status, fields, body: null };
}

/** Returns the response of the site to one request. */
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

/**
 * Returns true when a range applies to the uncompressed form: always, unless If-Range or If-Match name another form.
 */
function isAboutPlain(file: string, { method, fields }: Request, tags: Tags, nowSeconds: number): boolean {
  const range = joined(fields, "range");
  if (method !== "GET" || range === null || referenceRanges(range, FILES[file]!.length) === null) {
    return false;
  }
  const known = { etag: tags.get(file) ?? null, modifiedSeconds: null };
  const ifRange = joined(fields, "if-range");
  if (ifRange !== null) return referenceIfRange(fields, known, nowSeconds);
  const ifMatch = joined(fields, "if-match");
  return ifMatch === null || referencePrecondition([["if-match", ifMatch]], known, nowSeconds) !== 412;
}

/** Returns the response for an existing file: conditions first, then ranges. */
function answerWith(file: string, request: Request, tags: Tags, nowSeconds: number): Answer {
  const { fields } = request;
  const codings = referenceCodings(joined(fields, "accept-encoding"));
  const variant =
    (codings.includes("identity") && isAboutPlain(file, request, tags, nowSeconds) ? ["identity"] : codings)
      .map((
        coding,
      ) => [coding, coding === "identity" ? file : `${file}.${coding === "gzip" ? "gz" : coding}`])
      .find(([coding, name]) =>
        coding === "identity" || (FILES[name!] !== undefined && !/\.(gz|br)$/.test(file))
      );
  const [coding, name] = (variant ?? ["identity", file]) as [string, string];
  const content = FILES[name]!;
  const etag = tags.get(name) ?? null;
  const known = { etag, modifiedSeconds: MODIFIED_SECONDS };
  const own = { etag, "content-encoding": coding === "identity" ? null : coding };
  const precondition = referencePrecondition(fields, known, nowSeconds);
  if (precondition === 304) {
    return { status: 304, fields: { etag, "content-length": null }, body: "" };
  }
  if (precondition === 412) return plain(412);
  const range = joined(fields, "range");
  const whole: Answer = {
    status: 200,
    fields: { ...own, "accept-ranges": "bytes", "content-range": null },
    body: content,
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
  const [from, to] = ranges[0]!;
  const contentRange = `bytes ${from}-${to - 1}/${content.length}`;
  return {
    ...whole,
    status: 206,
    fields: { ...own, "content-range": contentRange },
    body: content.slice(from, to),
  };
}
