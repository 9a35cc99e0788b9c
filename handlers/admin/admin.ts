/**
 * What operators see: whether it is alive, whether it is ready, what it has counted, and a page on which it can be
 * watched at work. It has no password: it is for a listener that only they reach, and never for the public one.
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

/** What {@linkcode adminHandler} speaks of. */
export type AdminOptions = StatusSource;

/** Serves `/` (the page), `/events` (what it shows), `/metrics`, `/healthz` and `/readyz`. */
export function adminHandler(options: AdminOptions): Handler {
  const events = new Events(options);
  const handler = (request: HttpRequest): HttpResponse | Promise<HttpResponse> => {
    if (!isTrustedHost(request.authority)) {
      return refusal(421, "Ask by an IP address or as localhost: anybody can have a name lead here.");
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refusal(405, "Only GET and HEAD are answered here.", [["Allow", "GET, HEAD"]]);
    }
    if (isOfAnotherSite(request)) return refusal(403, "Pages of other sites have no business here.");
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
        return readyResponse(options.isReady());
      default:
        return refusal(404, "There are /, /metrics, /healthz and /readyz.");
    }
  };
  return Object.assign(handler, { ignoresBodies: true });
}

function refusal(status: number, reason: string, fields: Fields = []): HttpResponse {
  return HttpResponse.text(`${status}: ${reason}\n`, { status, fields: [...ADMIN_FIELDS, ...fields] });
}

/** Something in a page of another site asks (Fetch Metadata); to follow a link from there is fine. */
function isOfAnotherSite(request: HttpRequest): boolean {
  const site = request.header("sec-fetch-site");
  const isOther = site === "cross-site" || site === "same-site";
  return isOther && request.header("sec-fetch-mode") !== "navigate";
}

function eventsResponse(events: Events): HttpResponse {
  const stream = events.watch();
  if (stream === null) return refusal(503, "Too many look already.", [["Retry-After", "5"]]);
  const fields: Fields = [["Content-Type", "text/event-stream"], ...ADMIN_FIELDS];
  return new HttpResponse(200, fields, { stream, length: null, pauseMs: STATUS_INTERVAL_MS });
}

function metricsResponse({ snapshots, version }: AdminOptions): HttpResponse | Promise<HttpResponse> {
  const respond = (all: readonly Snapshot[]) =>
    HttpResponse.text(metricsText(all, version), { type: METRICS_TYPE, fields: ADMIN_FIELDS });
  const all = snapshots();
  return all instanceof Promise ? all.then(respond) : respond(all);
}
