/**
 * The responses of a site that is called without a server.
 * @module
 */
import { assert } from "@std/assert";
import type { Trace } from "../../handlers/site/settings/site_options.ts";
import type { Sites } from "../../handlers/site/sites.ts";
import { contextOutside } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpClock } from "../../server/http/date.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { get } from "./wire.ts";

/** Returns the response to a GET for `target` in the turn `batch`, `agoMs` ago. */
export async function answerOf(
  sites: Sites,
  target: string,
  batch: number,
  agoMs = 0,
  trace: Trace | null = null,
): Promise<string> {
  const bytes = encodeUtf8(get(target));
  const request = new HttpRequest();
  assert(parseRequest(bytes, 0, bytes.length, request) > 0);
  const clock = new HttpClock();
  clock.update(Date.now() - agoMs);
  const { signal } = new AbortController();
  const context = contextOutside(clock, batch, signal);
  return new TextDecoder().decode((await sites.handle(request, context, trace)).bytes);
}
