/**
 * The status page as it is sent: its own script and style may run, and nothing else.
 * @module
 */
import { createHash } from "node:crypto";
import { HttpResponse } from "../../server/http/response.ts";
import { ADMIN_FIELDS } from "./fields.ts";
import { STATUS_PAGE } from "./status_page.ts";

let response: HttpResponse | null = null;

/** Made when it is first asked for. */
export function statusPageResponse(): HttpResponse {
  return response ??= HttpResponse.bytes(new TextEncoder().encode(STATUS_PAGE), {
    type: "text/html; charset=utf-8",
    fields: [["Content-Security-Policy", contentSecurityPolicy(STATUS_PAGE)], ...ADMIN_FIELDS],
  });
}

/** Names the inline script and style of `page` by their hashes (Content Security Policy Level 3, §2.3.1). */
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
