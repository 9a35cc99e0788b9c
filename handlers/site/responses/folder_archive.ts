/**
 * Responses with an archive of a directory (`?archive=zip`).
 *
 * It has what a client could also get file by file with this request: not what is hidden, is behind another password, or
 * has a URL that a rule redirects or leads elsewhere.
 * @module
 */
import { encodeUtf8 } from "../../../server/http/characters.ts";
import { ERROR_FIELDS } from "../../../server/exchange/error_response.ts";
import { HttpResponse } from "../../../server/http/response.ts";
import { BUSY_FIELDS } from "../auth/basic_auth.ts";
import type { ContentSource } from "../content/content_source.ts";
import { namesOf } from "../files/directory_root.ts";
import { canonicalPathIn, encodePath } from "../files/resolve_path.ts";
import { takePlace } from "../folders/folder_places.ts";
import { archiveFields, type Wanted } from "../folders/folder_query.ts";
import { FolderStream } from "../folders/folder_stream.ts";
import { type Admits, type Walked, type WalkFailure, walkFolder } from "../folders/folder_walk.ts";
import { writeFolder } from "../folders/folder_writer.ts";
import { isDangerous } from "../folders/member.ts";
import { TarGz } from "../folders/tar_gz.ts";
import { Zip } from "../folders/zip.ts";
import { FOLDER_ENTRIES_MAX } from "../limits.ts";
import { encodeName, readableSize } from "../listing/listing_entries.ts";
import { bytesOf } from "../listing/natural_order.ts";
import type { CompiledAuth, Rewrite, Rules } from "../rules/rules.ts";
import type { AddFolderFields } from "./browse.ts";
import type { Result } from "./representation.ts";
import type { SiteRequest } from "./site_request.ts";

/** What an archive is made of, beside the request. */
export interface FolderArchiveParts {
  readonly origin: ContentSource;
  readonly rules: Rules;
  /** The password rules that the request satisfied. */
  readonly auth: readonly CompiledAuth[];
  /** Bytes of all files. */
  readonly bytesMax: number;
  readonly addFields: AddFolderFields;
}

/** A stream that reads nothing ahead of its client. */
const ON_DEMAND = { highWaterMark: 0 };
const BUSY: Result = { failure: 503, extraFields: BUSY_FIELDS };
/** The name of a root that has none. */
const ROOT_NAME = "site";

/** Answers with the directory `path`, below the root, as an archive. A promise when its names take longer than a slice. */
export function folderArchive(
  path: Uint8Array,
  wanted: Wanted,
  request: SiteRequest,
  parts: FolderArchiveParts,
): Result | Promise<Result> {
  if (wanted === "unknown") return sentence(400, "Expected ?archive=tar.gz or ?archive=zip.", parts);
  const { origin, bytesMax } = parts;
  const admits = admitting(path, request.url, parts);
  const walk = walkFolder(path, { root: origin.root, admits, bytesMax });
  const walked = origin.listings.slices.run<Walked | WalkFailure>(walk, 503, request.context);
  const answer = (walked: Walked | WalkFailure): Result =>
    typeof walked === "object" ? respond(path, wanted, walked, request, parts) : failed(walked, parts);
  return walked instanceof Promise ? walked.then(answer) : answer(walked);
}

function failed(why: WalkFailure, parts: FolderArchiveParts): Result {
  if (typeof why === "number") return why === 503 ? BUSY : { failure: why, extraFields: [] };
  const bound = why === "size"
    ? `more than the ${readableSize(parts.bytesMax)} that --archive-size ("archiveSize") allows`
    : `more than ${FOLDER_ENTRIES_MAX} files and folders`;
  return sentence(403, `This folder has ${bound}. Its folders may be small enough.`, parts);
}

/** Returns a response with a sentence about the error `status`. */
function sentence(status: number, text: string, { addFields }: FolderArchiveParts): HttpResponse {
  const fields = addFields(ERROR_FIELDS, status, ERROR_FIELDS[0]![1]);
  return new HttpResponse(status, fields, encodeUtf8(`${status}: ${text}\n`));
}

function respond(
  path: Uint8Array,
  format: Exclude<Wanted, "unknown">,
  walked: Walked,
  { http, context }: SiteRequest,
  { origin, bytesMax, addFields }: FolderArchiveParts,
): Result {
  const name = namesOf(path).at(-1) ?? origin.root.name ?? ROOT_NAME;
  const fields = archiveFields(name, format);
  const withAll = addFields(fields, 200, fields[0]![1]).filter(([name]) => !/^cache-control$/i.test(name));
  const answer = (stream: ReadableStream<Uint8Array>) =>
    new HttpResponse(200, [...withAll, ["Cache-Control", "no-store"]], stream);
  if (http.method === "HEAD") return answer(new ReadableStream());
  const giveBack = takePlace(context.networkOf?.(http) ?? null);
  if (giveBack === null) return BUSY;
  const steps = writeFolder({
    walked,
    path,
    name: isDangerous(name) || name === "" ? ROOT_NAME : name,
    format: format === "zip" ? new Zip() : new TarGz(),
    loader: origin.loader,
    hidden: origin.hidden,
    bytesMax,
  });
  const held = origin.hold(); // a reload may replace the site meanwhile
  const end = () => {
    giveBack();
    held.release();
  };
  return answer(new ReadableStream(new FolderStream(steps, end), ON_DEMAND));
}

/**
 * Returns what admits the paths below the directory `base` that a client can get with this request: by their URLs below
 * `url`, and as for passwords also by the paths of the files.
 */
function admitting(base: Uint8Array, url: string, { origin, rules, auth }: FolderArchiveParts): Admits {
  const depth = namesOf(base).length;
  return (names, isDirectory) => {
    if (origin.hidden.is(names)) return "no";
    const path = bytesOf(names.join("/"));
    const own = encodePath(path, isDirectory);
    const asked = url + names.slice(depth).map(encodeName).join("/") + (isDirectory ? "/" : "");
    const isClosed = [...new Set([asked, own])].some((url) => {
      const rule = rules.auth(url);
      return rule !== null && !auth.includes(rule);
    });
    if (isClosed) return "no";
    if (rules.redirect(asked, "") === null && isOwn(rules.rewrite(asked, false), own)) return "yes";
    return isDirectory ? "if filled" : "no";
  };
}

/** True when the rewrite of a URL, null for none, leads to the path `own`. */
function isOwn(rewrite: Rewrite | null, own: string): boolean {
  if (rewrite === null) return true;
  const bytes = encodeUtf8(rewrite.path);
  return canonicalPathIn(bytes, 0, bytes.length) === own;
}
