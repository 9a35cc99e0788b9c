/**
 * Whether it is alive, and whether it wants requests: for what starts, restarts and picks servers.
 * @module
 */
import { HttpResponse } from "../../server/http/response.ts";
import { ADMIN_FIELDS } from "./fields.ts";

/** `/healthz`. Who gets it knows that the loop turns, which is all there is to say. */
export function healthResponse(): HttpResponse {
  return HttpResponse.text("ok\n", { fields: ADMIN_FIELDS });
}

/** `/readyz`: 200 while requests are welcome, 503 once it drains. */
export function readyResponse(isReady: boolean): HttpResponse {
  return isReady
    ? HttpResponse.text("ready\n", { fields: ADMIN_FIELDS })
    : HttpResponse.text("draining\n", { status: 503, fields: ADMIN_FIELDS });
}
