/**
 * Health and readiness checks, for supervisors, orchestrators and load balancers.
 * @module
 */
import { HttpResponse } from "../../server/http/response.ts";
import { ADMIN_FIELDS } from "./fields.ts";

/** Returns the response at `/healthz`: always 200, since an answer at all shows that the event loop runs. */
export function healthResponse(): HttpResponse {
  return HttpResponse.text("ok\n", { fields: ADMIN_FIELDS });
}

/** Returns the response at `/readyz`: 200 while `isReady`, and 503 while the server drains. */
export function readyResponse(isReady: boolean): HttpResponse {
  return isReady
    ? HttpResponse.text("ready\n", { fields: ADMIN_FIELDS })
    : HttpResponse.text("draining\n", { status: 503, fields: ADMIN_FIELDS });
}
