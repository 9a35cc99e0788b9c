/**
 * Health and readiness checks, for supervisors, orchestrators and load balancers.
 * @module
 */
import type { RootSnapshot, Snapshot } from "../../server/metrics/statistics.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { ADMIN_FIELDS } from "./fields.ts";

/** Returns the response at `/healthz`: always 200, since an answer at all shows that the event loop runs. */
export function healthResponse(): HttpResponse {
  return HttpResponse.text("ok\n", { fields: ADMIN_FIELDS });
}

/**
 * Returns the response at `/readyz`: 200 while `isReady`, and 503 while the server drains, or has no certificate at all.
 * The names of `missing` have none yet. A line for each
 * root that a link leads to, or that was replaced, names the directory that a worker serves.
 */
export function readyResponse(
  isReady: boolean,
  missing: readonly string[] = [],
  workers: readonly Snapshot[] = [],
): HttpResponse {
  const served = workers.flatMap(({ cache }) => cache?.roots ?? [])
    .filter(({ isLinked, generation }) => isLinked || generation > 1).map(describe).join("");
  const note = missing.length === 0 ? "" : `no certificate yet: ${missing.join(", ")}\n`;
  if (isReady) return HttpResponse.text(`ready\n${note}${served}`, { fields: ADMIN_FIELDS });
  return HttpResponse.text(note === "" ? "draining\n" : note, { status: 503, fields: ADMIN_FIELDS });
}

function describe({ path, generation, sinceMs }: RootSnapshot): string {
  return `generation ${generation} since ${new Date(sinceMs).toISOString()}: ${path}\n`;
}
