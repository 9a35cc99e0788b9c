/**
 * The rules of a site: redirects, rewrites, authentication and header rules. Every glob is compiled once.
 *
 * All paths here are canonical, as `encodePath` writes them: percent-encoded, with exactly one slash at the front.
 * @module
 */
import { encodeUtf8 } from "../../../server/http/characters.ts";
import { HttpResponse } from "../../../server/http/response.ts";
import {
  describeHeaderSource,
  type HeaderRule,
  MEDIA_RANGE,
  type SiteSettings,
} from "../settings/site_settings.ts";
import { aliasesOf } from "./aliases.ts";
import { BasicAuth } from "../auth/basic_auth.ts";
import { expandDestination, Glob } from "./glob.ts";
import { encodePath, resolvePath } from "../files/resolve_path.ts";

/** A rule that requires a user name and a password. */
export interface CompiledAuth {
  /** The glob of the rule. */
  readonly source: string;
  /** The users, and the check of credentials. */
  readonly basicAuth: BasicAuth;
}

/** A redirect. */
export interface Redirect {
  /** The value of Location. */
  readonly location: string;
  /** 301, 302, 303, 307 or 308. */
  readonly status: number;
  /** The glob of the rule. */
  readonly source: string;
}

/** A rewrite: a path that is served instead. */
export interface Rewrite {
  /** Percent-encoded, with one slash at the front. It is still to be resolved, as the path of a request. */
  readonly path: string;
  /** The glob of the rule. */
  readonly source: string;
}

/** Names and values of fields. A value of null removes the field. */
export type FieldRules = readonly (readonly [name: string, value: string | null])[];

/** A header rule. `glob` is null when the rule is for every path, `types` when it is for every type. */
interface CompiledHeaders {
  readonly rule: HeaderRule;
  readonly glob: Glob | null;
  readonly types: readonly string[] | null;
}

const decoder = new TextDecoder();
const NO_RULES: readonly HeaderRule[] = [];
const EVERY_PATH = "/**";
const STATUSES = [301, 302, 303, 307, 308];
/**
 * Destinations of redirects. Scheme and host have no `$1`: a request must not choose the host that it is redirected to.
 */
const REDIRECT_DESTINATION = /^(?:\/|https?:\/\/[^/?#\\$]+(?:[/?#]|$))/i;

/** The compiled rules of a site. */
export class Rules {
  /** False when every path has the same header rules. */
  readonly fieldsDependOnPath: boolean;
  readonly #settings: SiteSettings;
  readonly #redirects: readonly { glob: Glob; source: string; destination: string; status: number }[];
  readonly #rewrites: readonly { glob: Glob; source: string; destination: string; ifMissing: boolean }[];
  readonly #auth: readonly (CompiledAuth & { glob: Glob })[];
  readonly #headers: readonly CompiledHeaders[];

  /** @throws {TypeError} for an invalid rule. The message quotes its glob. */
  constructor(settings: SiteSettings) {
    this.#settings = settings;
    this.#redirects = settings.redirects.map(({ source, destination, status }) => {
      if (!REDIRECT_DESTINATION.test(destination)) {
        throw ruleError(
          source,
          `leads to ${
            JSON.stringify(destination)
          }: expected a path, or a URL of http or https whose host is fixed`,
        );
      }
      if (!STATUSES.includes(status)) {
        throw ruleError(source, `has status ${status}: expected ${STATUSES.join(", ")}`);
      }
      return { glob: new Glob(source), source, destination, status };
    });
    this.#rewrites = settings.rewrites.map(({ source, destination, ifMissing }) => {
      if (!/^\/[^?#]*$/.test(destination)) {
        throw ruleError(source, `leads to ${JSON.stringify(destination)}: expected a path, without ? and #`);
      }
      return { glob: new Glob(source), source, destination, ifMissing };
    });
    this.#auth = settings.auth.map((rule) => {
      return { glob: new Glob(rule.source, true), source: rule.source, basicAuth: new BasicAuth(rule) };
    });
    this.#headers = settings.headers.map((rule) => {
      const { source, type, fields } = rule;
      for (const [name, value] of fields) checkField(source, name, value ?? "");
      const types = type === undefined ? null : [type].flat().map((type) => type.toLowerCase());
      if (types !== null) checkTypes(source, types);
      return { rule, glob: source === EVERY_PATH ? null : new Glob(source), types };
    });
    this.fieldsDependOnPath = this.#headers.some(({ glob }) => glob !== null);
  }

  /**
   * Returns the redirect of the first rule that matches `path`. Null when none does, or the rule leads to the same URL.
   * `query` is as it was sent, with its `?`; it is kept unless the destination has a query. A loop of two rules is not
   * noticed here; browsers detect it.
   */
  redirect(path: string, query: string): Redirect | null {
    for (const { glob, source, destination, status } of this.#redirects) {
      const captures = glob.match(path);
      if (captures === null) continue;
      const target = oneSlash(encode(expandDestination(destination, captures)));
      const hash = target.indexOf("#");
      const before = hash < 0 ? target : target.slice(0, hash);
      const whole = before.includes("?") ? before : before + encodeQuery(query);
      if (isSame(whole, path, encodeQuery(query))) return null;
      return { location: hash < 0 ? whole : whole + target.slice(hash), status, source };
    }
    return null;
  }

  /**
   * Returns the rewrite of the first rule that matches `path`. With `isMissing`, only rules for missing files are
   * tried, else only the others. Null when none matches, or the rule leads to the same path.
   */
  rewrite(path: string, isMissing: boolean): Rewrite | null {
    for (const { glob, source, destination, ifMissing } of this.#rewrites) {
      const captures = ifMissing === isMissing ? glob.match(path) : null;
      if (captures === null) continue;
      const target = oneSlash(encode(expandDestination(destination, captures)));
      return target === path ? null : { path: target, source };
    }
    return null;
  }

  /** True when there are rules that require a password. */
  get asksForPasswords(): boolean {
    return this.#auth.length > 0;
  }

  /**
   * Returns the first rule that requires a password for `path`, or for another path of the same file. Null when none
   * does.
   */
  auth(path: string): CompiledAuth | null {
    if (this.#auth.length === 0) return null;
    const paths = aliasesOf(path, this.#settings);
    return this.#auth.find(({ glob }) => paths.some((path) => glob.match(path) !== null)) ?? null;
  }

  /**
   * Returns the header rules for a response at `path` with the Content-Type `type`, in their order. `type` is null when
   * the response has none. An empty `path` is matched only by rules for every path.
   */
  headers(path: string, type: string | null): readonly HeaderRule[] {
    if (this.#headers.length === 0) return NO_RULES;
    return this.#headers
      .filter((headers) => isAt(headers, path) && isOfType(headers, type))
      .map(({ rule }) => rule);
  }

  /**
   * Returns the Content-Type that the rules set for a file of `type` at `path`. Each rule is compared with the type
   * that the rules before it have set. Null when no rule sets it.
   */
  contentType(path: string, type: string | null): FieldRules[number] | null {
    let found: FieldRules[number] | null = null;
    for (const headers of this.#headers) {
      if (!isAt(headers, path) || !isOfType(headers, found === null ? type : found[1])) continue;
      for (const field of headers.rule.fields) if (isContentType(field[0])) found = field;
    }
    return found;
  }

  /** Returns a line for each header rule that applies to `answer` at `path`, for `--explain`. */
  describeFields(path: string, answer: HttpResponse): string[] {
    const head = decoder.decode(answer.bytes.subarray(0, answer.fieldsLength));
    const type = /^content-type: (.*)$/im.exec(head)?.[1] ?? null;
    return this.headers(path, type).map((rule) =>
      `${describeHeaderSource(rule)}: ${rule.fields.map(describeField).join(", ")}`
    );
  }
}

function isAt({ glob }: CompiledHeaders, path: string): boolean {
  return glob === null || glob.match(path) !== null;
}

function isOfType({ types }: CompiledHeaders, type: string | null): boolean {
  if (types === null) return true;
  if (type === null) return false;
  const [name] = type.toLowerCase().split(";") as [string];
  const essence = name.trim();
  const slash = essence.indexOf("/");
  const range = `${essence.slice(0, slash)}/*`;
  return types.some((one) => one === essence || one === range || one === "*/*");
}

/** Returns true for `Content-Type` in any case. */
export function isContentType(name: string): boolean {
  return /^content-type$/i.test(name);
}

/** Returns the name of a field that a rule sets, or `no NAME` for one that it removes. */
function describeField([name, value]: FieldRules[number]): string {
  return value === null ? `no ${name}` : name;
}

function ruleError(source: string, why: string): TypeError {
  return new TypeError(`The rule for ${JSON.stringify(source)} ${why}`);
}

function checkTypes(source: string, types: readonly string[]): void {
  if (types.length > 0 && types.every((type) => MEDIA_RANGE.test(type))) return;
  const given = JSON.stringify(types);
  throw ruleError(
    source,
    `has the types ${given}: expected types without parameters, such as text/html or image/*`,
  );
}

/** Checks a field of a rule now, since an invalid one would make every response fail. */
function checkField(source: string, name: string, value: string): void {
  if (/^(?:content-range|date)$/i.test(name)) {
    throw ruleError(source, `sets ${name}, which only the server may set`);
  }
  try {
    new HttpResponse(200, [[name, value]], null);
  } catch (error) {
    throw ruleError(source, `is invalid: ${error instanceof Error ? error.message : error}`);
  }
}

/** Percent-encodes characters that are not allowed in a URL (RFC 3986 §2), and percent signs without two digits. */
function encode(text: string): string {
  return text.replace(/%(?![0-9A-Fa-f]{2})|[^\x21-\x7e]+|["<>\\^`{|}]/gu, escapeUtf8);
}

/** Percent-encodes all of `text` as UTF-8. Lone surrogates become U+FFFD. */
function escapeUtf8(text: string): string {
  return Array.from(encodeUtf8(text), escapeByte).join("");
}

function escapeByte(byte: number): string {
  return "%" + byte.toString(16).toUpperCase().padStart(2, "0");
}

/** Percent-encodes the bytes of a query that are not allowed in a field. `query` has a character for each byte. */
export function encodeQuery(query: string): string {
  return query.replace(/[^\x21-\x7e]/g, (character) => escapeByte(character.charCodeAt(0)));
}

/** Returns `target` with one slash at the front in place of several, since `//name` would be another host. */
function oneSlash(target: string): string {
  return target.replace(/^\/{2,}/, "/");
}

/** Returns true when `target` is the path and query of the request, perhaps in another spelling. */
function isSame(target: string, path: string, query: string): boolean {
  if (!target.startsWith("/")) return false;
  const mark = target.indexOf("?");
  if ((mark < 0 ? "" : target.slice(mark)) !== query) return false;
  const bytes = encodeUtf8(mark < 0 ? target : target.slice(0, mark));
  const resolved = resolvePath(bytes, 0, bytes.length);
  return typeof resolved !== "number" && encodePath(resolved.path, resolved.isDirectory) === path;
}
