/**
 * The certificate of the local authority, served with `--https` to devices that are to trust it.
 * @module
 */
import type { StaticHandler } from "../../handlers/static.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { errorResponse } from "../../server/exchange/error_response.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { HttpResponse } from "../../server/http/response.ts";
import type { NamedCertificate } from "../../server/tls_options.ts";

/** Where it is found. */
export const ROOT_PATH = "/.well-known/epollet-root.pem";
const PATH_BYTES: Uint8Array = encodeUtf8(ROOT_PATH);
/** The type by which browsers and phones know that they are asked to trust it. */
const TYPE = "application/x-x509-ca-cert";

let served: HttpResponse | null = null;

/** Serves from now on the last one of `certificates`, which has the authority's certificate at its end. */
export function offerRoot(certificates: readonly NamedCertificate[]): void {
  const blocks = certificates.at(-1)?.cert.match(
    /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n?/g,
  );
  served = HttpResponse.bytes(encodeUtf8(blocks!.at(-1)!), {
    type: TYPE,
    fields: [
      ["Cache-Control", "no-store"],
      ["X-Content-Type-Options", "nosniff"],
    ],
  });
}

/** Returns `site`, which also answers with the certificate of {@linkcode offerRoot}, without a password. */
export function withRoot(site: StaticHandler): StaticHandler {
  const handler: Handler = (request, context) => {
    if (served === null || !asksForRoot(request)) return site(request, context);
    const isRead = request.method === "GET" || request.method === "HEAD";
    return isRead ? served : errorResponse(405, [["Allow", "GET, HEAD"]]);
  };
  return Object.assign(handler, site);
}

function asksForRoot({ buffer, pathStart, pathEnd }: HttpRequest): boolean {
  if (pathEnd - pathStart !== PATH_BYTES.length) return false;
  for (let i = 0; i < PATH_BYTES.length; i++) if (buffer[pathStart + i] !== PATH_BYTES[i]) return false;
  return true;
}
