/**
 * `--hsts`: browsers are told to use nothing but HTTPS.
 *
 * Source: RFC 6797 §7.
 * @module
 */
import type { StaticHandler } from "../../handlers/static.ts";
import type { SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import { EVERY_PATH } from "../config/settings/site_kinds.ts";

const NAME = "Strict-Transport-Security";
/** Fields that the server writes again. */
const OWN = /^(Date|Content-Length)$/;

function valueOf(seconds: number): string {
  return `max-age=${seconds}`;
}

/** Returns `site` with the field in every response; a rule of the site's own counts more. */
export function withHsts(site: SiteSettings, seconds: number): SiteSettings {
  const fields = [[NAME, valueOf(seconds)]] as const;
  return { ...site, headers: [{ source: EVERY_PATH, fields }, ...site.headers] };
}

/** Returns `site`, whose responses have the field of {@linkcode withHsts}, without it for clients that do not use TLS (RFC 6797 §7.2). */
export function onlyOverTls(site: StaticHandler, seconds: number): StaticHandler {
  const line = `${NAME}: ${valueOf(seconds)}`;
  const handler: Handler = (request, context) => {
    const response = site(request, context);
    if (context.serverName !== null) return response;
    return response instanceof Promise
      ? response.then((response) => withoutLine(response, line))
      : withoutLine(response, line);
  };
  return Object.assign(handler, site);
}

/** Returns `response` without one line of its head. Takes some microseconds, which few requests without TLS need. */
function withoutLine(response: HttpResponse, line: string): HttpResponse {
  const { bytes, fieldsLength, headLength, status, tail, closes } = response;
  const [, ...lines] = new TextDecoder("latin1").decode(bytes.subarray(0, fieldsLength)).split("\r\n");
  if (!lines.includes(line)) return response;
  const fields: Fields = lines.filter((each) => each !== "" && each !== line)
    .map((each) => [each.slice(0, each.indexOf(":")), each.slice(each.indexOf(":") + 1).trim()] as const)
    .filter(([name]) => !OWN.test(name));
  const body = tail ?? (bytes.length > headLength ? bytes.subarray(headLength) : null);
  return new HttpResponse(status, fields, body, closes, undefined, encodeLatin1);
}

/** Returns the bytes of a head that was decoded from them, and so has no character above U+00FF. */
function encodeLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
