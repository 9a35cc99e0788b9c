/**
 * What goes wrong with an authority, as sentences. Source: RFC 8555 §6.7, RFC 7807.
 * @module
 */
import { escapeControls } from "../../handlers/print_text.ts";
import { DETAIL_CHARACTERS_MAX } from "./limits.ts";

const PREFIX = "urn:ietf:params:acme:error:";

/** How an authority tries whether a name leads to this machine. */
export type ChallengeType = "http-01" | "tls-alpn-01";

/** Something that the authority refuses, or gets wrong. `message` is a sentence. */
export class AcmeProblem extends Error {
  /** Always `"AcmeProblem"`. */
  override readonly name = "AcmeProblem";
  /** The type of RFC 8555 §6.7, such as `badNonce`; empty if the authority has given none. */
  readonly type: string;
  /** How long the authority wants to be left alone; null if it does not say. */
  readonly retryAfterMs: number | null;

  constructor(message: string, type: string = "", retryAfterMs: number | null = null) {
    super(message);
    this.type = type;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A problem document, as far as it is used. */
export interface ProblemDocument {
  readonly type: string;
  readonly detail: string;
}

/** Returns what a problem document says; empty texts for something else. */
export function readProblem(json: unknown): ProblemDocument {
  const { type, detail, subproblems } = (typeof json === "object" && json !== null ? json : {}) as Record<
    string,
    unknown
  >;
  const first = Array.isArray(subproblems) ? subproblems[0] : undefined;
  const inner = typeof first === "object" && first !== null ? Reflect.get(first, "detail") : undefined;
  return {
    type: typeof type === "string" && type.startsWith(PREFIX) ? shown(type.slice(PREFIX.length)) : "",
    detail: [detail, inner].filter((text) => typeof text === "string").map(shown).join("; "),
  };
}

/** Returns foreign text as it may be logged: on one line, and not longer than a sentence. */
export function shown(text: string): string {
  const line = escapeControls(text).replaceAll("\n", " ").trim();
  return line.length > DETAIL_CHARACTERS_MAX ? `${line.slice(0, DETAIL_CHARACTERS_MAX)}…` : line;
}

const ADVICE: Readonly<Record<string, string>> = {
  rateLimited: "the authority's limit is reached; it is asked again later",
  externalAccountRequired:
    "the authority wants an account of its own: name its credentials by --acme-eab FILE",
  rejectedIdentifier: "the authority gives no certificate for this name",
  caa: "a CAA record in DNS forbids this authority",
  dns: "the name has no address in DNS that the authority finds",
  unsupportedContact: "is the address of --acme-email one that exists?",
  invalidContact: "is the address of --acme-email one that exists?",
};

/** Returns what the authority has refused, as the end of a sentence about `name`. */
export function describeRefusal({ type, detail }: ProblemDocument, status: number): string {
  const said = detail === "" ? `status ${status}` : detail;
  const advice = ADVICE[type];
  return advice === undefined ? `the authority refuses: ${said}` : `${advice} (${said})`;
}

const CAUSES: readonly (readonly [pattern: RegExp, cause: string, question: (port: number) => string])[] = [
  [/connection refused/i, "connection refused", (port) => `Is port ${port} open?`],
  [/time(d )?out|deadline exceeded/i, "no answer in time", (port) => `Does a firewall block port ${port}?`],
  [/failed to connect/i, "no connection", (port) => `Is port ${port} open?`],
  [/no route|unreachable/i, "no route to the host", () => "Does the name lead to this machine in DNS?"],
  [
    /no such host|nxdomain|no valid (a|ip)|servfail|looking up/i,
    "the name has no address in DNS",
    () => "Has it an A or AAAA record?",
  ],
];

/** Returns why a challenge was not met, as an operator understands it. */
export function describeChallenge(name: string, type: ChallengeType, { detail }: ProblemDocument): string {
  const [port, what] = type === "http-01"
    ? [80, `fetch http://${name}/.well-known/acme-challenge/…`] as const
    : [443, `find its challenge at ${name}:443 (TLS-ALPN)`] as const;
  const known = CAUSES.find(([pattern]) => pattern.test(detail));
  if (known !== undefined) {
    const [, cause, question] = known;
    return `the authority could not ${what}: ${cause}. ${question(port)}`;
  }
  return `the authority could not ${what}: ${
    detail || "it gives no reason"
  }. Does port ${port} of that name lead to this server?`;
}
