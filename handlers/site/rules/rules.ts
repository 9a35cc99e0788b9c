/**
 * The rules of a site: what they say about a path. Every glob is compiled once.
 *
 * All paths here are in the one spelling of `encodePath`: percent-encoded, with exactly one slash at the front.
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

/** A rule that asks for a name and a password. */
export interface CompiledAuth {
  /** Its glob. */
  readonly source: string;
  /** Who is let in. */
  readonly gate: BasicAuth;
}

/** Where a redirect leads. */
export interface Redirect {
  /** The value of Location. */
  readonly location: string;
  /** 301, 302, 303, 307 or 308. */
  readonly status: number;
  /** The glob of the rule. */
  readonly source: string;
}

/** Which path is served instead. */
export interface Rewrite {
  /** Percent-encoded, with one slash at the front; still to be resolved like one that a client sent. */
  readonly path: string;
  /** The glob of the rule. */
  readonly source: string;
}

/** Names and values of fields; null takes one away. */
export type FieldRules = readonly (readonly [name: string, value: string | null])[];

/** A header rule; a glob of null stands for every path, types of null for every type. */
interface CompiledHeaders {
  readonly rule: HeaderRule;
  readonly glob: Glob | null;
  readonly types: readonly string[] | null;
}

const decoder = new TextDecoder();
const NO_RULES: readonly HeaderRule[] = [];
const EVERY_PATH = "/**";
const STATUSES = [301, 302, 303, 307, 308];
/** Scheme and host are fixed: a path must not choose where strangers are sent. */
const REDIRECT_DESTINATION = /^(?:\/|https?:\/\/[^/?#\\$]+(?:[/?#]|$))/i;

/** The compiled rules of a site. */
export class Rules {
  /** False when the same fields hold for every path. */
  readonly fieldsDependOnPath: boolean;
  readonly #settings: SiteSettings;
  readonly #redirects: readonly { glob: Glob; source: string; destination: string; status: number }[];
  readonly #rewrites: readonly { glob: Glob; source: string; destination: string; ifMissing: boolean }[];
  readonly #auth: readonly (CompiledAuth & { glob: Glob })[];
  readonly #headers: readonly CompiledHeaders[];

  /** @throws {TypeError} for a rule that cannot be followed; the message quotes it. */
  constructor(settings: SiteSettings) {
    this.#settings = settings;
    this.#redirects = settings.redirects.map(({ source, destination, status }) => {
      if (!REDIRECT_DESTINATION.test(destination)) {
        throw refusal(
          source,
          `leads to ${
            JSON.stringify(destination)
          }: expected a path, or a URL of http or https whose host is fixed`,
        );
      }
      if (!STATUSES.includes(status)) {
        throw refusal(source, `has status ${status}: expected ${STATUSES.join(", ")}`);
      }
      return { glob: new Glob(source), source, destination, status };
    });
    this.#rewrites = settings.rewrites.map(({ source, destination, ifMissing }) => {
      if (!/^\/[^?#]*$/.test(destination)) {
        throw refusal(source, `leads to ${JSON.stringify(destination)}: expected a path, without ? and #`);
      }
      return { glob: new Glob(source), source, destination, ifMissing };
    });
    this.#auth = settings.auth.map((rule) => {
      return { glob: new Glob(rule.source, true), source: rule.source, gate: new BasicAuth(rule) };
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
   * Where the first rule that matches `path` sends clients; null where none does, or where it leads to where they are.
   * `query` is as it was sent, with its `?`, and is kept unless the destination has one. (Two rules that lead to each
   * other are not noticed here; browsers give up on them.)
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
   * What the first rule that matches serves instead of `path`: of those for paths where nothing is when `isMissing`,
   * else of the others. Null where none does, or where it is the same path.
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

  /** True when {@linkcode auth} may say something. */
  get asksForPasswords(): boolean {
    return this.#auth.length > 0;
  }

  /** The first rule that asks who wants `path`, or what leads to the same file; null: nobody asks. */
  auth(path: string): CompiledAuth | null {
    if (this.#auth.length === 0) return null;
    const paths = aliasesOf(path, this.#settings);
    return this.#auth.find(({ glob }) => paths.some((path) => glob.match(path) !== null)) ?? null;
  }

  /**
   * The header rules for a response at `path` whose Content-Type is `type` (null: it has none), in their order. An empty
   * path is matched by those for every path.
   */
  headers(path: string, type: string | null): readonly HeaderRule[] {
    if (this.#headers.length === 0) return NO_RULES;
    return this.#headers
      .filter((headers) => isAt(headers, path) && isOfType(headers, type))
      .map(({ rule }) => rule);
  }

  /** The Content-Type of a file of `type` at `path`, where rules set it; each sees it as those before it left it. */
  contentType(path: string, type: string | null): FieldRules[number] | null {
    let found: FieldRules[number] | null = null;
    for (const headers of this.#headers) {
      if (!isAt(headers, path) || !isOfType(headers, found === null ? type : found[1])) continue;
      for (const field of headers.rule.fields) if (isContentType(field[0])) found = field;
    }
    return found;
  }

  /** The same as {@linkcode headers} for people, of what was answered at `path`: a line for each. */
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

/** True for the name of the field, in whatever case. */
export function isContentType(name: string): boolean {
  return /^content-type$/i.test(name);
}

/** A field, or that it is taken away. */
function describeField([name, value]: FieldRules[number]): string {
  return value === null ? `no ${name}` : name;
}

function refusal(source: string, why: string): TypeError {
  return new TypeError(`The rule for ${JSON.stringify(source)} ${why}`);
}

function checkTypes(source: string, types: readonly string[]): void {
  if (types.length > 0 && types.every((type) => MEDIA_RANGE.test(type))) return;
  const said = JSON.stringify(types);
  throw refusal(
    source,
    `has the types ${said}: expected some without parameters, such as text/html or image/*`,
  );
}

/** What no response could hold would otherwise fail each of them. */
function checkField(source: string, name: string, value: string): void {
  if (/^(?:content-range|date)$/i.test(name)) {
    throw refusal(source, `sets ${name}, which is the server's to write`);
  }
  try {
    new HttpResponse(200, [[name, value]], null);
  } catch (error) {
    throw refusal(source, `cannot be followed: ${error instanceof Error ? error.message : error}`);
  }
}

/** Characters that may not stand in a URL (RFC 3986 §2), a backslash among them, and a percent sign that begins nothing. */
function encode(text: string): string {
  return text.replace(/%(?![0-9A-Fa-f]{2})|[^\x21-\x7e]+|["<>\\^`{|}]/gu, escapeUtf8);
}

/** Lone surrogates become U+FFFD on the way to UTF-8. */
function escapeUtf8(text: string): string {
  return Array.from(encodeUtf8(text), escapeByte).join("");
}

function escapeByte(byte: number): string {
  return "%" + byte.toString(16).toUpperCase().padStart(2, "0");
}

/** The query came as bytes, one character each: those that may not stand in a field are escaped. */
export function encodeQuery(query: string): string {
  return query.replace(/[^\x21-\x7e]/g, (character) => escapeByte(character.charCodeAt(0)));
}

/** Two slashes at the front would begin the name of another host. */
function oneSlash(target: string): string {
  return target.replace(/^\/{2,}/, "/");
}

/** True when `target` is the path and the query that were asked for, perhaps in another spelling. */
function isSame(target: string, path: string, query: string): boolean {
  if (!target.startsWith("/")) return false;
  const mark = target.indexOf("?");
  if ((mark < 0 ? "" : target.slice(mark)) !== query) return false;
  const bytes = encodeUtf8(mark < 0 ? target : target.slice(0, mark));
  const resolved = resolvePath(bytes, 0, bytes.length);
  return typeof resolved !== "number" && encodePath(resolved.path, resolved.isDirectory) === path;
}
