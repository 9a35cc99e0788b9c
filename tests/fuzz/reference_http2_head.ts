/**
 * Which heads of requests are malformed by RFC 9113 §8, and what `http2_program.ts` answers to the others. Slow and plain.
 * @module
 */
import type { Field } from "./reference_hpack.ts";

/** A request that is right, or gets a status other than 200. */
export interface Request {
  readonly method: string;
  readonly status: number;
  /** The text that its handler answers, a character for each byte; null for an error page, or no answer. */
  readonly body: string | null;
  readonly isAnswered: boolean;
  readonly contentLength: number;
  /** The client waits for 100 before it sends the body, and gets it. */
  readonly isContinued: boolean;
}

/** The size of the answer to `/large`, and the largest body of a request. */
export const LARGE_BYTES = 40_000;
const BODY_BYTES_MAX = 1024 * 1024;

const OF_CONNECTION = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function isAuthority(text: string): boolean {
  return /^(?:\[[\da-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})+)(?::\d{0,5})?$/i.test(text);
}

/** Returns true for a field that makes a request or its trailers malformed, wherever it stands. */
export function isFieldWrong([name, value]: Field): boolean {
  if (/[^\t\x20-\x7e\x80-\xff]|^[ \t]|[ \t]$/.test(value) || name === "") return true;
  if (name.startsWith(":")) return false;
  return !TOKEN.test(name) || /[A-Z]/.test(name) || OF_CONNECTION.includes(name) ||
    (name === "te" && value.toLowerCase() !== "trailers");
}

/** Returns true if trailers are malformed. */
export function areTrailersWrong(fields: readonly Field[]): boolean {
  return fields.some((field) => isFieldWrong(field) || field[0].startsWith(":"));
}

/** Returns the values of a field, joined as RFC 9110 §5.3 and RFC 9113 §8.2.3 say; "-" without it. */
function joined(fields: readonly Field[], name: string): string {
  const values = fields.filter(([other]) => other === name).map(([, value]) => value);
  return values.length === 0 ? "-" : values.join(name === "cookie" ? "; " : ", ");
}

/** Reads a head. Returns null if it is malformed, and "unclear" for what other references test. */
export function referenceRequest(fields: readonly Field[], hasEnded: boolean): Request | "unclear" | null {
  const firstOther = fields.findIndex(([name]) => !name.startsWith(":"));
  const pseudo = new Map<string, string>();
  for (const [i, [name, value]] of fields.entries()) {
    if (!name.startsWith(":")) continue;
    const isLate = firstOther >= 0 && i > firstOther;
    if (isLate || pseudo.has(name) || !/^:(method|scheme|authority|path)$/.test(name)) return null;
    pseudo.set(name, value);
  }
  if (fields.some(isFieldWrong)) return null;
  const lengths = fields.filter(([name]) => name === "content-length").map(([, value]) => value);
  if (lengths.length > 1) return null;
  if (lengths.some((text) => !/^\d{1,9}$/.test(text))) return "unclear";
  const hosts = fields.filter(([name]) => name === "host").map(([, value]) => value);
  if (hosts.length > 1 || hosts.some((host) => host !== "" && !isAuthority(host))) return null;
  const contentLength = lengths.length === 0 ? -1 : Number(lengths[0]);
  const [method, scheme, authority, path] = [":method", ":scheme", ":authority", ":path"]
    .map((name) => pseudo.get(name));
  if (method === undefined || !TOKEN.test(method)) return null;
  if (method.length > 20) return "unclear";
  const request = { method, status: 200, body: null, isAnswered: true, contentLength, isContinued: false };
  if (method === "CONNECT") {
    if (scheme !== undefined || path !== undefined || authority === undefined) return null;
    return { ...request, status: 501, contentLength: -1 };
  }
  if (scheme === undefined || !/^[a-z][a-z0-9+.-]*$/i.test(scheme) || path === undefined) return null;
  if (!/^[\x21\x22\x24-\x7e\x80-\xff]+$/.test(path)) return null;
  if (!path.startsWith("/") && !(path === "*" && method === "OPTIONS")) return null;
  const [host] = hosts;
  if (authority === undefined && host === undefined) return null;
  if (authority !== undefined && !isAuthority(authority)) return null;
  if (authority !== undefined && host !== undefined && host.toLowerCase() !== authority.toLowerCase()) {
    return null;
  }
  if (hasEnded && contentLength > 0) return null;
  const expectations = fields.filter(([name]) => name === "expect").map(([, value]) => value.toLowerCase());
  if (expectations.some((value) => value !== "100-continue")) return { ...request, status: 417 };
  if (!hasEnded && contentLength > BODY_BYTES_MAX) return { ...request, status: 413 };
  const [plain] = path.split("?") as [string];
  const isContinued = !hasEnded && expectations.length > 0; // RFC 9110 §10.1.1
  if (plain === "/never") return { ...request, isAnswered: false, isContinued };
  const text = [method, path, authority ?? host, joined(fields, "x-own"), joined(fields, "cookie")].join(" ");
  const body = plain === "/large" ? "0123456789".repeat(LARGE_BYTES / 10) : plain === "/empty" ? "" : text;
  return { ...request, body, isContinued };
}
