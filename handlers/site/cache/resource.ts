/**
 * The file behind a URL: its variants, the bytes of those that are in memory, and the responses made of them.
 * @module
 */
import type { HandlerContext } from "../../../server/connection/handler.ts";
import type { Validators } from "../../../server/http/fields/conditional.ts";
import { keyedHash } from "../../../server/http/heads/keyed_hash.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import type { HttpResponse } from "../../../server/http/response.ts";
import { RESOURCE_OVERHEAD_BYTES } from "../limits.ts";
import type { FileContent } from "./file_content.ts";
import type { Seen } from "../lookup/lookup.ts";
import type { CompiledAuth } from "../rules/rules.ts";
import { SieveEntry } from "./sieve.ts";
import type { Dependent, WatchedName } from "../watch/watched_name.ts";

/** A response of a resource, which a request may remember. Both fields are null once the resource has ended. */
export interface Answer {
  entry: Resource | null;
  response: HttpResponse | null;
}

/** The file itself, or a compressed form of it. */
export interface Variant {
  /** Null for the file itself. */
  readonly coding: Coding | null;
  /** The file that the variant is read from, or was compressed from here. */
  readonly seen: Seen;
  /** Null when the variant is not in memory. */
  content: Content | null;
}

/** The bytes of a variant in memory, and the responses made of them. */
export interface Content {
  /** Shared with other URLs of the same file. */
  readonly file: FileContent;
  readonly validators: Validators;
  /** The response 200 with all bytes. */
  readonly whole: Answer;
  /** The same with the CORS fields of each allowed origin that has asked. */
  readonly byOrigin: Map<string, Answer>;
  /** The response 304; null until a request got it. */
  notModified: Answer | null;
  /** Memory of these responses, without the bytes of `file`. */
  bytes: number;
}

/** The cache of a resource. */
export interface Keeper {
  remove(resource: Resource): void;
  /** Ends a resource to make room for others. */
  evict(resource: Resource, nowSeconds: number): void;
  isFresh(resource: Resource, context: HandlerContext): boolean;
  check(resource: Resource, context: HandlerContext): boolean;
  /** Takes the form in `coding` that was compressed here from a resource. */
  withdraw(resource: Resource, coding: Coding): void;
}

/** The fields of a resource that never change. */
export interface ResourceInit {
  /** The path by which requests find the resource; that of a fallback file begins with a NUL. */
  readonly key: Uint8Array;
  /** The path of the URL in its one spelling. */
  readonly url: string;
  /** The name of the file itself, without the suffix of a variant. */
  readonly fileName: string;
  readonly mediaType: string;
  readonly variants: Variant[];
  /** The password rules that a request has to satisfy. */
  readonly auth: readonly CompiledAuth[];
  /** Everything that the resource depends on. */
  readonly seen: readonly Seen[];
  /** True for text that is compressed on first use. */
  readonly isCompressible: boolean;
}

/** The file at a URL. It ends when anything that led to it changes. */
export class Resource extends SieveEntry implements Answer, Dependent {
  // The resource is itself the answer with all of its first variant. With 10,000 files, each step from one object to the
  // next would read a line of memory that is in no cache of the processor.
  entry: Resource | null = null; // itself while it is in the cache
  response: HttpResponse | null = null;
  /** The turn in which the resource was last found fresh, and the second of its last full check. */
  checkedTurn = -1;
  checkedSeconds = 0;
  readonly keeper: Keeper;
  readonly key: Uint8Array;
  readonly hash: number;
  /** The next resource whose key has the same hash; null at the end of the chain. */
  next: Resource | null = null;
  readonly url: string;
  readonly fileName: string;
  readonly mediaType: string;
  /** The best first; compressed forms made here come last. A resource that has ended has new ones, without contents. */
  variants: Variant[];
  readonly auth: readonly CompiledAuth[];
  readonly isCompressible: boolean;
  /** True when another request may get another variant. */
  readonly varies: boolean;
  /** The file that is checked by statx(2) every few seconds even while it is watched. */
  readonly main: Seen;
  readonly watchedNames: readonly WatchedName[];
  /** Paths that are not watched, so each turn checks them. */
  readonly unwatched: Seen[];
  /** True when the file had just changed, so a tag or a date is missing: the resource is made anew soon. */
  isProvisional = false;
  /** True until the resource is in the cache, or may not be kept. */
  isNew = true;
  /** Memory of the resource, without the contents of files. */
  bytes: number;
  /** The contents that its variants were read into. */
  readonly contents: FileContent[] = [];
  /** Answers beside the resource itself that requests may remember. */
  readonly answers: Answer[] = [];

  constructor(keeper: Keeper, init: ResourceInit) {
    super();
    this.keeper = keeper;
    this.key = init.key;
    this.hash = keyedHash(init.key, 0, init.key.length);
    this.url = init.url;
    this.fileName = init.fileName;
    this.mediaType = init.mediaType;
    this.variants = init.variants;
    this.auth = init.auth;
    this.isCompressible = init.isCompressible;
    this.varies = init.isCompressible || init.variants.length > 1 || init.variants[0]!.coding !== null;
    this.main = init.variants[0]!.seen;
    this.watchedNames = init.seen.flatMap(({ watched }) => watched === null ? [] : [watched]);
    this.unwatched = init.seen.filter(({ watched }) => watched === null);
    this.bytes = RESOURCE_OVERHEAD_BYTES;
  }

  /** Makes `response` an answer that requests may remember until the resource ends. */
  answer(response: HttpResponse): Answer {
    const answer = { entry: this, response };
    this.answers.push(answer);
    return answer;
  }

  /**
   * Ends the resource. Known requests may refer to the object for ever, so it drops all references to bytes. Code that
   * already uses a variant keeps that variant with its content.
   */
  end(): void {
    this.entry = this.response = null;
    for (const answer of this.answers) answer.entry = answer.response = null;
    this.answers.length = this.contents.length = 0;
    const [first, ...others] = this.variants as [Variant, ...Variant[]];
    const read = [first, ...others.filter(({ seen }) => seen !== first.seen)]; // forms compressed here have the file of the first
    this.variants = read.map(({ coding, seen }) => ({ coding, seen, content: null }));
  }

  /**
   * Takes the form in `coding` that was compressed here out of the resource, and ends the responses that were made of it.
   * Returns the memory of these.
   */
  withdraw(coding: Coding): number {
    const at = this.variants.findIndex((variant) => variant.coding === coding && this.isMade(variant));
    const content = at < 0 ? null : this.variants.splice(at, 1)[0]!.content;
    if (content === null) return 0;
    const ended = new Set([content.whole, content.notModified, ...content.byOrigin.values()]);
    for (const answer of ended) if (answer !== null) answer.entry = answer.response = null;
    const others = this.answers.filter((answer) => !ended.has(answer));
    this.answers.splice(0, Infinity, ...others);
    return content.bytes;
  }

  /** True for a form that was compressed here: it has the file of the first variant. */
  isMade({ coding, seen }: Variant): boolean {
    const first = this.variants[0]!;
    return coding !== null && first.coding === null && seen === first.seen;
  }

  /** All memory of the resource, with the contents of files. */
  get totalBytes(): number {
    return this.contents.reduce((sum, { size, madeBytes }) => sum + size + madeBytes, this.bytes);
  }

  /** Has each turn check `seen`, because it cannot be watched. */
  lookAtEachUse(seen: Seen): void {
    if (!this.unwatched.includes(seen)) this.unwatched.push(seen);
  }

  drop(): void {
    this.keeper.remove(this);
  }
}
