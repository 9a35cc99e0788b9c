/**
 * Status codes and their reason phrases. Source: RFC 9110 §15, RFC 6585.
 * @module
 */

const REASONS: ReadonlyMap<number, string> = new Map([
  [200, "OK"],
  [204, "No Content"],
  [206, "Partial Content"],
  [301, "Moved Permanently"],
  [302, "Found"],
  [303, "See Other"],
  [304, "Not Modified"],
  [307, "Temporary Redirect"],
  [308, "Permanent Redirect"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [408, "Request Timeout"],
  [412, "Precondition Failed"],
  [413, "Content Too Large"],
  [414, "URI Too Long"],
  [416, "Range Not Satisfiable"],
  [417, "Expectation Failed"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [503, "Service Unavailable"],
  [505, "HTTP Version Not Supported"],
]);

/** The reason phrase of `status`; empty, which RFC 9112 §4 allows, when there is none. */
export function reasonPhrase(status: number): string {
  return REASONS.get(status) ?? "";
}

/** False for the statuses that never have content: 1xx, 204, 304 (RFC 9110 §6.4.1). */
export function mayHaveContent(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}
