/**
 * Responses of a size and media type that the request names.
 * @module
 */
import { type HttpRequest, HttpResponse } from "../../mod.ts";

/** Answers `/SIZE/MEDIA/TYPE?FIELD` with so many bytes; FIELD is its field Priority. */
export function sizedHandler({ path, query }: HttpRequest): HttpResponse {
  const [, size, ...type] = path.split("/");
  const fields: [string, string][] = [["Content-Type", type.join("/")]];
  if (query !== "") fields.push(["Priority", decodeURIComponent(query.slice(1))]);
  return new HttpResponse(200, fields, new Uint8Array(Number(size)));
}
