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

/**
 * Returns the response at `/readyz`: 200 while `isReady`, and 503 while the server drains, or has no certificate yet for
 * the names of `missing`.
 */
export function readyResponse(isReady: boolean, missing: readonly string[] = []): HttpResponse {
  if (isReady) return HttpResponse.text("ready\n", { fields: ADMIN_FIELDS });
  const reason = missing.length === 0 ? "draining" : `no certificate yet: ${missing.join(", ")}`;
  return HttpResponse.text(`${reason}\n`, { status: 503, fields: ADMIN_FIELDS });
}
