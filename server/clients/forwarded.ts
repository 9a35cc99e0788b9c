/**
 * Who a request comes from, by the word of the proxies that it came through: `Forwarded` (RFC 7239) or `X-Forwarded-For`.
 * Each proxy adds at the end, so it is read from there, and only as far as those are trusted who wrote it: what stands in
 * front of that anybody may have written.
 *
 * Most proxies write one of the two fields, and let pass what their clients put into the other one: where both are there,
 * and do not say the same, nobody knows which of them is the proxy's.
 * @module
 */
import { encodeUtf8 } from "../http/characters.ts";
import type { HttpRequest } from "../http/request.ts";
import { isAuthority } from "../http/target.ts";
import { formatIp, parseIp } from "./ip_address.ts";
import type { TrustedProxies } from "./trusted_proxies.ts";

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** One `name=value` of RFC 7239 §4, and what separates it from the next: `;` in an element, `,` between two. */
const PAIR = new RegExp(`[ \\t]*(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")[ \\t]*([;,]|$)`, "y");
/** Beyond what is needed where there is a port: `192.0.2.1:80`, `[2001:db8::1]:80`. */
const NODE = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(?:\d{1,5}|_[\w.-]+))?$/;

/** What a request was when it reached the first proxy that is trusted (RFC 7239 §5); null for what no trusted proxy says. */
export interface Forwarded {
  /** The client's address. */
  readonly client: string | null;
  /** How the client asked. */
  readonly scheme: "http" | "https" | null;
  /** Which host it asked for, with the port if it named one. */
  readonly host: string | null;
}

/** What one proxy wrote down of what it forwarded. */
interface Hop {
  readonly node: string | null;
  readonly scheme: string | null;
  readonly host: string | null;
}

const NOTHING: Forwarded = { client: null, scheme: null, host: null };
const UNREADABLE: Hop = { node: null, scheme: null, host: null };

/**
 * The address of the last one in the chain that is no trusted proxy: the client, as far as that is known. Null where the
 * request says nothing that can be read. Whether the one who sent it is trusted is the caller's to ask.
 */
export function forwardedClient(request: HttpRequest, trusted: TrustedProxies): string | null {
  return forwardedBy(request, trusted).client;
}

/** The same, and what the proxy that has heard the client says of scheme and host. */
export function forwardedBy(request: HttpRequest, trusted: TrustedProxies): Forwarded {
  const forwarded = linesOf(request, "forwarded");
  const others = hopsOfOthers(request);
  const said = lastUntrusted(forwarded.flatMap(hopsOf), trusted);
  if (forwarded.length > 0 && others === null) return said;
  const other = others === null ? withoutNodes(request) : lastUntrusted(others, trusted);
  if (forwarded.length === 0) return other;
  return {
    client: said.client === other.client ? said.client : null,
    scheme: said.scheme === other.scheme ? said.scheme : null,
    host: said.host === other.host ? said.host : null,
  };
}

function lastUntrusted(hops: Hop[], trusted: TrustedProxies): Forwarded {
  let found = NOTHING;
  for (const { node, scheme, host } of hops.reverse()) {
    const client = node === null ? null : addressOf(node);
    if (client === null) return found; // "unknown", "_hidden", or nonsense: nothing beyond it counts
    found = { client, scheme: schemeOf(scheme), host: hostOf(host) };
    if (!trusted.includes(client)) break;
  }
  return found;
}

/** A proxy may say how and for which host it was asked, and not by which client. */
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
 * The hops that the X-Forwarded- fields tell of; null without X-Forwarded-For. The other two have as many members, or one,
 * which the first proxy has written: from the end each belongs to the node at the same place.
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

/** The hop of each element of a Forwarded line; an unreadable one for a line that is malformed: who wrote what in it? */
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

/** An address with or without a port; an IPv6 address without brackets is one without a port. */
function addressOf(node: string): string | null {
  const [, bracketed, plain] = NODE.exec(node) ?? [];
  const bytes = parseIp(bracketed ?? plain ?? node);
  if (bytes === null || (bracketed !== undefined && !bracketed.includes(":"))) return null;
  return formatIp(bytes);
}
