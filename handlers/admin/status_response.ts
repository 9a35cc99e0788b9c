/**
 * The response with the status page. Its Content-Security-Policy allows the page's own script and style, and nothing
 * else.
 * @module
 */
import { createHash } from "node:crypto";
import { HttpResponse } from "../../server/http/response.ts";
import { ADMIN_FIELDS } from "./fields.ts";
import { STATUS_PAGE } from "./status_page.ts";

let response: HttpResponse | null = null;

/** Returns the response, which is made at the first call. */
export function statusPageResponse(): HttpResponse {
  return response ??= HttpResponse.bytes(new TextEncoder().encode(STATUS_PAGE), {
    type: "text/html; charset=utf-8",
    fields: [["Content-Security-Policy", contentSecurityPolicy(STATUS_PAGE)], ...ADMIN_FIELDS],
  });
}

/** Returns a policy that names the inline script and style of `page` by their hashes (CSP Level 3, §2.3.1). */
export function contentSecurityPolicy(page: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf(page, "script")}`,
    `style-src ${hashOf(page, "style")}`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function hashOf(page: string, element: string): string {
  const [, text = ""] = new RegExp(`<${element}>(.*?)</${element}>`, "s").exec(page) ?? [];
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
