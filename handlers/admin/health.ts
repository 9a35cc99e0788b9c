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
 * Returns the response at `/readyz`: 200 while `isReady`, and 503 while the server drains, or has no certificate at all.
 * The names of `missing` have none yet.
 */
export function readyResponse(isReady: boolean, missing: readonly string[] = []): HttpResponse {
  const note = missing.length === 0 ? "" : `no certificate yet: ${missing.join(", ")}\n`;
  if (isReady) return HttpResponse.text(`ready\n${note}`, { fields: ADMIN_FIELDS });
  return HttpResponse.text(note === "" ? "draining\n" : note, { status: 503, fields: ADMIN_FIELDS });
}
