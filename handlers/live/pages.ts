/**
 * Pages on their way out: HTML gets the script, and everything that follows from its bytes.
 *
 * The entity tag of a page with the script is that of the file with an addition, which names the process and the last
 * change. So a copy without the script, or with that of another process, is never confirmed by a 304, and a page that
 * was confirmed knows the right number. There is no Last-Modified, which would confirm a copy without the script.
 * @module
 */
import { errorResponse } from "../../server/exchange/error_response.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import type { HandlerContext } from "../../server/connection/handler.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import { LIVE_PAGE_BYTES_MAX } from "../site/limits.ts";
import { conditionalResponse } from "../site/responses/partial_content.ts";
import { sourceInMemory, whole } from "../site/responses/representation.ts";
import { SiteRequest } from "../site/responses/site_request.ts";
import { connectsToSelf, withRoom } from "./content_policy.ts";
import { OWN_PREFIX, SCRIPT_PATH } from "./own_paths.ts";
import { policiesIn, scriptElement, withScript } from "./page_script.ts";
import { bodyOf, encodeLatin1, fieldsOf, valueOf } from "./response_parts.ts";

const POLICY = "content-security-policy";
/** Fields that a page with the script has from elsewhere, or that do not hold for it. */
const REPLACED = /^(?:content-type|x-content-type-options|etag|last-modified|accept-ranges)$/i;

/** A request, and the number of the last change before its response was made. */
export interface Asked {
  readonly request: HttpRequest;
  readonly context: HandlerContext;
  readonly state: string;
  /** The keys of the page's URL. */
  readonly keys: readonly string[];
}

/** Adds the script to pages. */
export class Pages {
  readonly #nonce: string = crypto.randomUUID();
  readonly #onNote: (line: string) => void;
  /** Pages whose policy was noted. */
  readonly #noted = new Set<string>();

  /** `onNote` gets a line for each page whose own policy keeps it from learning of changes. */
  constructor(onNote: (line: string) => void) {
    this.#onNote = onNote;
  }

  /** Returns `response`, a page, with the script. */
  dress(response: HttpResponse, asked: Asked): HttpResponse {
    const body = bodyOf(response, LIVE_PAGE_BYTES_MAX);
    return body === null ? response : this.#dress(response, body, asked);
  }

  /** Returns `response`, a line of text about an error, as a page, which is loaded again once the file is there. */
  dressError(response: HttpResponse, asked: Asked): HttpResponse {
    const body = bodyOf(response, LIVE_PAGE_BYTES_MAX);
    if (body === null) return response;
    const text = new TextDecoder().decode(body).trim();
    const [title] = text.split("\n");
    const page = `<!doctype html>
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>${escape(title!)}</title>
<pre>${escape(text)}</pre>
`;
    return this.#dress(response, encodeUtf8(page), asked, ["text/html; charset=utf-8", ["Vary", "Accept"]]);
  }

  #dress(
    response: HttpResponse,
    body: Uint8Array<ArrayBuffer>,
    { request, context, state, keys: own }: Asked,
    [type, ...more]: readonly [type: string | null, ...more: Fields] = [null],
  ): HttpResponse {
    const { status } = response;
    const before = fieldsOf(response);
    const hasPolicy = valueOf(before, POLICY) !== null;
    const others = this.#othersOf(before, request, context);
    this.#note(request.path, body);
    const keys = status === 401 ? [] : own; // the client has not given the password
    const nonce = hasPolicy ? this.#nonce : null;
    const page = withScript(body, scriptElement(SCRIPT_PATH, { state, keys, nonce }));
    const mediaType = type ?? valueOf(before, "content-type")!;
    if (status !== 200) {
      const fields: Fields = [
        ["Content-Type", mediaType],
        ["X-Content-Type-Options", "nosniff"],
        ...others,
        ...more,
      ];
      return new HttpResponse(status, fields, page, response.closes, undefined, encodeLatin1);
    }
    const etag = valueOf(before, "etag");
    const file = {
      ...sourceInMemory(page),
      mediaType,
      coding: null,
      varies: false, // the field is among the others
      validators: {
        etag: etag === null ? null : etag.replace(/"$/, `-live.${state}"`),
        modifiedSeconds: null,
      },
    };
    const addFields = (extraFields: Fields) => [...extraFields, ...others];
    const site = SiteRequest.take(request, context, null);
    const part = conditionalResponse(site, file, addFields);
    site.release();
    if (part === null) return whole(file, addFields);
    return part instanceof HttpResponse ? part : errorResponse(part.failure, part.extraFields);
  }

  /** Returns the fields that stay, with room for the script in policies. */
  #othersOf(fields: Fields, { authority }: HttpRequest, { serverName }: HandlerContext): Fields {
    const origin = `${serverName === null ? "http" : "https"}://${authority ?? "localhost"}`;
    const needs = { script: origin + SCRIPT_PATH, nonce: this.#nonce, connect: origin + OWN_PREFIX };
    const kept = fields.filter(([name]) => !REPLACED.test(name)).map(([name, value]) =>
      [name, name.toLowerCase() === POLICY ? withRoom(value, needs) : value] as const
    );
    return [...kept, ["Vary", "Sec-Fetch-Dest"]]; // a script that fetches the page gets it as it is
  }

  /** Notes once that the policy in the page `path` keeps its script from asking what has changed. */
  #note(path: string, body: Uint8Array<ArrayBuffer>): void {
    if (this.#noted.has(path) || policiesIn(body).every(connectsToSelf)) return;
    this.#noted.add(path);
    this.#onNote(
      `${path}: the Content-Security-Policy in its <meta> keeps the page from learning of changes: add 'self' to connect-src`,
    );
  }
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
