/**
 * The client of a request according to the proxies on its way: `Forwarded` (RFC 7239) or `X-Forwarded-For`.
 *
 * Each proxy appends an element. So the fields are read from the end, and only as far as trusted proxies have written
 * them. Anyone can have written the elements before.
 *
 * Most proxies write one of the two fields and pass the other on as the client sent it. If both are present and
 * disagree, it is not known which one the proxy has written. So only values that are equal in both are used.
 * @module
 */
import { encodeUtf8 } from "../http/characters.ts";
import type { HttpRequest } from "../http/request.ts";
import { isAuthority } from "../http/target.ts";
import { formatIp, parseIp } from "./ip_address.ts";
import type { TrustedProxies } from "./trusted_proxies.ts";

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** A `name=value` pair (RFC 7239 §4) and its separator: `;` within an element, `,` between elements. */
const PAIR = new RegExp(`[ \\t]*(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")[ \\t]*([;,]|$)`, "y");
/** A node with an optional port: `192.0.2.1:80`, `[2001:db8::1]:80`. */
const NODE = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(?:\d{1,5}|_[\w.-]+))?$/;

/**
 * The original request, as the first trusted proxy received it (RFC 7239 §5). A value is null if no trusted proxy names
 * it.
 */
export interface Forwarded {
  /** The client's address. */
  readonly client: string | null;
  /** The scheme of the client's request. */
  readonly scheme: "http" | "https" | null;
  /** The host of the client's request, with its port if there was one. */
  readonly host: string | null;
}

/** The values that one proxy has recorded about a request. */
interface Hop {
  readonly node: string | null;
  readonly scheme: string | null;
  readonly host: string | null;
}

const NOTHING: Forwarded = { client: null, scheme: null, host: null };
const UNREADABLE: Hop = { node: null, scheme: null, host: null };

/**
 * Returns the last address in the chain that is not a trusted proxy: the client, as far as it is known. Null if the
 * request names none. The caller checks that the peer of the connection is trusted.
 */
export function forwardedClient(request: HttpRequest, trusted: TrustedProxies): string | null {
  return forwardedBy(request, trusted).client;
}

/** Returns that client, with the scheme and host that the first trusted proxy has recorded. */
export function forwardedBy(request: HttpRequest, trusted: TrustedProxies): Forwarded {
  const forwarded = linesOf(request, "forwarded");
  const others = hopsOfOthers(request);
  const named = lastUntrusted(forwarded.flatMap(hopsOf), trusted);
  if (forwarded.length > 0 && others === null) return named;
  const other = others === null ? withoutNodes(request) : lastUntrusted(others, trusted);
  if (forwarded.length === 0) return other;
  return {
    client: named.client === other.client ? named.client : null,
    scheme: named.scheme === other.scheme ? named.scheme : null,
    host: named.host === other.host ? named.host : null,
  };
}

function lastUntrusted(hops: Hop[], trusted: TrustedProxies): Forwarded {
  let found = NOTHING;
  for (const { node, scheme, host } of hops.reverse()) {
    const client = node === null ? null : addressOf(node);
    if (client === null) return found; // "unknown", "_hidden", or invalid: elements before it do not count
    found = { client, scheme: schemeOf(scheme), host: hostOf(host) };
    if (!trusted.includes(client)) break;
  }
  return found;
}

/** Reads scheme and host from a proxy that does not name the client. */
function withoutNodes(request: HttpRequest): Forwarded {
  const scheme = schemeOf(listOf(request, "x-forwarded-proto").at(-1) ?? null);
  const host = hostOf(listOf(request, "x-forwarded-host").at(-1) ?? null);
  return { client: null, scheme, host };
}

function schemeOf(text: string | null): Forwarded["scheme"] {
  const lower = text?.toLowerCase();
  return lower === "http" || lower === "https" ? lower : null;
}

function hostOf(text: string | null): string | null {
  const bytes = encodeUtf8(text ?? "");
  return text !== null && isAuthority(bytes, 0, bytes.length, false) ? text : null;
}

function linesOf(request: HttpRequest, name: string): string[] {
  const lines: string[] = [];
  for (const [field, value] of request.headers()) if (field.toLowerCase() === name) lines.push(value);
  return lines;
}

function listOf(request: HttpRequest, name: string): string[] {
  return linesOf(request, name).flatMap((line) => line.split(",")).map((item) => item.trim());
}

/**
 * Returns the hops of the X-Forwarded- fields; null without X-Forwarded-For. The other two have the same number of
 * elements, and each belongs to the node at the same position from the end. Or they have one, which the first proxy has
 * written.
 */
function hopsOfOthers(request: HttpRequest): Hop[] | null {
  const nodes = listOf(request, "x-forwarded-for");
  if (nodes.length === 0) return null;
  const schemes = listOf(request, "x-forwarded-proto");
  const hosts = listOf(request, "x-forwarded-host");
  const at = (list: string[], fromEnd: number) => list.at(-Math.min(fromEnd, list.length)) ?? null;
  return nodes.map((node, i) => {
    const fromEnd = nodes.length - i;
    return { node, scheme: at(schemes, fromEnd), host: at(hosts, fromEnd) };
  });
}

/**
 * Returns the hop of each element of a Forwarded line. For a malformed line it is a single unreadable hop, because it
 * is not known which proxy has written which part.
 */
function hopsOf(line: string): Hop[] {
  const hops: Hop[] = [];
  let parts = new Map<string, string>();
  PAIR.lastIndex = 0;
  for (let isAtEnd = false; !isAtEnd;) {
    const match = PAIR.exec(line);
    if (match === null) return [UNREADABLE];
    const [, name, token, quoted, separator] = match;
    const key = name!.toLowerCase();
    if (parts.has(key)) return [UNREADABLE];
    parts.set(key, token ?? quoted!.replace(/\\(.)/g, "$1"));
    if (separator === ";") continue;
    const of = (key: string) => parts.get(key) ?? null;
    hops.push({ node: of("for"), scheme: of("proto"), host: of("host") });
    parts = new Map();
    isAtEnd = separator === "";
  }
  return hops;
}

/** Returns an address without its port. An IPv6 address without brackets has no port. */
function addressOf(node: string): string | null {
  const [, bracketed, plain] = NODE.exec(node) ?? [];
  const bytes = parseIp(bracketed ?? plain ?? node);
  if (bytes === null || (bracketed !== undefined && !bracketed.includes(":"))) return null;
  return formatIp(bytes);
}
