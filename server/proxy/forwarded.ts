/**
 * Who a request comes from, by the word of the proxies that it came through: `Forwarded` (RFC 7239) or `X-Forwarded-For`.
 * Each proxy adds at the end, so it is read from there, and only as far as those are trusted who wrote it: what stands in
 * front of that anybody may have written.
 *
 * Most proxies write one of the two fields, and let pass what their clients put into the other one: where both are there,
 * and do not say the same, nobody knows which of them is the proxy's.
 * @module
 */
import type { HttpRequest } from "../http/request.ts";
import { formatIp, parseIp } from "./ip_address.ts";
import type { TrustedProxies } from "./trusted_proxies.ts";

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** One `name=value` of RFC 7239 §4, and what separates it from the next: `;` in an element, `,` between two. */
const PAIR = new RegExp(`[ \\t]*(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")[ \\t]*([;,]|$)`, "y");
/** Beyond what is needed where there is a port: `192.0.2.1:80`, `[2001:db8::1]:80`. */
const NODE = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(?:\d{1,5}|_[\w.-]+))?$/;

/**
 * The address of the last one in the chain that is no trusted proxy: the client, as far as that is known. Null where the
 * request says nothing that can be read. Whether the one who sent it is trusted is the caller's to ask.
 */
export function forwardedClient(request: HttpRequest, trusted: TrustedProxies): string | null {
  const forwarded = linesOf(request, "forwarded");
  const others = linesOf(request, "x-forwarded-for");
  const client = lastUntrusted(forwarded.flatMap(nodesOf), trusted);
  if (forwarded.length > 0 && others.length === 0) return client;
  const other = lastUntrusted(others.flatMap(listOf), trusted);
  return forwarded.length === 0 || client === other ? other : null;
}

function lastUntrusted(nodes: (string | null)[], trusted: TrustedProxies): string | null {
  let client: string | null = null;
  for (const node of nodes.reverse()) {
    const address = node === null ? null : addressOf(node);
    if (address === null) return client; // "unknown", "_hidden", or nonsense: nothing beyond it counts
    client = address;
    if (!trusted.includes(address)) break;
  }
  return client;
}

function linesOf(request: HttpRequest, name: string): string[] {
  const lines: string[] = [];
  for (const [field, value] of request.headers()) if (field.toLowerCase() === name) lines.push(value);
  return lines;
}

function listOf(line: string): (string | null)[] {
  return line.split(",").map((node) => node.trim());
}

/** The node of each element of a Forwarded line; one null for a line that is malformed, since nobody knows who wrote what. */
function nodesOf(line: string): (string | null)[] {
  const nodes: (string | null)[] = [];
  let node: string | null = null;
  PAIR.lastIndex = 0;
  for (let isAtEnd = false; !isAtEnd;) {
    const match = PAIR.exec(line);
    if (match === null) return [null];
    const [, name, token, quoted, separator] = match;
    if (name.toLowerCase() === "for") {
      if (node !== null) return [null];
      node = token ?? quoted.replace(/\\(.)/g, "$1");
    }
    if (separator === ";") continue;
    nodes.push(node);
    node = null;
    isAtEnd = separator === "";
  }
  return nodes;
}

/** An address with or without a port; an IPv6 address without brackets is one without a port. */
function addressOf(node: string): string | null {
  const [, bracketed, plain] = NODE.exec(node) ?? [];
  const bytes = parseIp(bracketed ?? plain ?? node);
  if (bytes === null || (bracketed !== undefined && !bracketed.includes(":"))) return null;
  return formatIp(bytes);
}
