/**
 * The admin handler: health, readiness, metrics, and a live status page. It has no password, so it belongs on a
 * listener that only operators can reach, never on the public one.
 * @module
 */
import type { Handler } from "../../server/connection/handler.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import { STATUS_INTERVAL_MS } from "../../server/limits.ts";
import type { Snapshot } from "../../server/metrics/statistics.ts";
import { Events, type StatusSource } from "./events.ts";
import { ADMIN_FIELDS } from "./fields.ts";
import { healthResponse, readyResponse } from "./health.ts";
import { METRICS_TYPE, metricsText } from "./metrics.ts";
import { statusPageResponse } from "./status_response.ts";
import { isTrustedHost } from "../hosts/trusted_host.ts";

/** What {@linkcode adminHandler} reports on. */
export type AdminOptions = StatusSource;

/**
 * Returns the handler for `/` (the status page), `/events` (the data of that page), `/metrics`, `/healthz` and
 * `/readyz`.
 */
export function adminHandler(options: AdminOptions): Handler {
  const events = new Events(options);
  const handler = (request: HttpRequest): HttpResponse | Promise<HttpResponse> => {
    if (!isTrustedHost(request.authority)) {
      return plainError(
        421,
        "Use an IP address or localhost: any host name can be made to resolve to this machine.",
      );
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return plainError(405, "Only GET and HEAD are allowed.", [["Allow", "GET, HEAD"]]);
    }
    if (isFromOtherSite(request)) {
      return plainError(403, "Requests from pages of other sites are not allowed.");
    }
    switch (request.path) {
      case "/":
        return statusPageResponse();
      case "/events":
        return eventsResponse(events);
      case "/metrics":
        return metricsResponse(options);
      case "/healthz":
        return healthResponse();
      case "/readyz":
        return readinessResponse(options);
      default:
        return plainError(404, "Not found. The paths here are /, /metrics, /healthz and /readyz.");
    }
  };
  return Object.assign(handler, { ignoresBodies: true });
}

function plainError(status: number, reason: string, fields: Fields = []): HttpResponse {
  return HttpResponse.text(`${status}: ${reason}\n`, { status, fields: [...ADMIN_FIELDS, ...fields] });
}

/**
 * Returns true for a request that a page of another site makes, such as an image or a fetch (W3C Fetch Metadata). A
 * link from such a page to here may be followed.
 */
function isFromOtherSite(request: HttpRequest): boolean {
  const site = request.header("sec-fetch-site");
  const isOther = site === "cross-site" || site === "same-site";
  return isOther && request.header("sec-fetch-mode") !== "navigate";
}

function eventsResponse(events: Events): HttpResponse {
  const stream = events.watch();
  if (stream === null) return plainError(503, "Too many status pages are open.", [["Retry-After", "5"]]);
  const fields: Fields = [["Content-Type", "text/event-stream"], ...ADMIN_FIELDS];
  return new HttpResponse(200, fields, { stream, length: null, pauseMs: STATUS_INTERVAL_MS });
}

/**
 * Returns the snapshots after each root's path was looked at, which taking snapshots begins and the end of the turn does:
 * without requests nothing else would look.
 */
async function presentSnapshots({ snapshots }: AdminOptions): Promise<readonly Snapshot[]> {
  await snapshots();
  await new Promise((resolve) => setTimeout(resolve));
  return await snapshots();
}

/** A worker that does not answer in time is left out of the text: the status is known without it. */
async function readinessResponse(options: AdminOptions): Promise<HttpResponse> {
  const all = await presentSnapshots(options).catch(() => []);
  return readyResponse(options.isReady(), options.missingCertificates?.(), all);
}

async function metricsResponse(options: AdminOptions): Promise<HttpResponse> {
  const all = await presentSnapshots(options);
  return HttpResponse.text(metricsText(all, options.version, options.certificateStatuses?.()), {
    type: METRICS_TYPE,
    fields: ADMIN_FIELDS,
  });
}
