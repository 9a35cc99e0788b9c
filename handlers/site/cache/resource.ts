/**
 * What is known of the file behind a URL: its variants, those of them that are in memory, and the responses made of
 * them.
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

/** What a request may remember: a response of a resource. When the resource ends, both are gone. */
export interface Answer {
  entry: Resource | null;
  response: HttpResponse | null;
}

/** One form of the file: as it is, or compressed. */
export interface Variant {
  /** Null: as it is. */
  readonly coding: Coding | null;
  /** The file that it is read from; of a variant that was made here: the one it was made of. */
  readonly seen: Seen;
  /** Null: not in memory, or not yet. */
  content: Content | null;
}

/** What is in memory of a variant. */
export interface Content {
  /** The bytes, which other URLs of the same file have, too. */
  readonly file: FileContent;
  readonly validators: Validators;
  /** 200 with everything. */
  readonly whole: Answer;
  /** The same for pages of each origin that is allowed to read it and has asked. */
  readonly byOrigin: Map<string, Answer>;
  /** 304, once that was asked for. */
  notModified: Answer | null;
}

/** Who keeps resources. */
export interface Keeper {
  remove(resource: Resource): void;
  /** It has to leave to make room. */
  evict(resource: Resource, nowSeconds: number): void;
  isFresh(resource: Resource, context: HandlerContext): boolean;
  check(resource: Resource, context: HandlerContext): boolean;
}

/** What is fixed about a resource from the beginning. */
export interface ResourceInit {
  /** The URL's path, as it is sent, or another name to find it by. */
  readonly key: Uint8Array;
  /** The URL's path in its one spelling. */
  readonly url: string;
  /** The name of the file, whatever the variant. */
  readonly fileName: string;
  readonly mediaType: string;
  readonly variants: Variant[];
  /** Whom it is shown to. */
  readonly auth: readonly CompiledAuth[];
  /** All that was looked at. */
  readonly seen: readonly Seen[];
  /** Text that may be compressed here. */
  readonly isCompressible: boolean;
}

/** One URL's file, for as long as everything that led to it is as it was. */
export class Resource extends SieveEntry implements Answer, Dependent {
  // The resource is itself the answer with the whole of its first variant: of 10,000 files each step from one object
  // to the next is a line of memory that no cache of the processor holds.
  entry: Resource | null = null; // itself, while it is kept
  response: HttpResponse | null = null;
  /** The turn in which, and the second at which, it was last seen to be fresh. */
  checkedTurn = -1;
  checkedSeconds = 0;
  readonly keeper: Keeper;
  readonly key: Uint8Array;
  readonly hash: number;
  /** Another one whose key has the same hash. */
  next: Resource | null = null;
  readonly url: string;
  readonly fileName: string;
  readonly mediaType: string;
  /** The best first; made ones come later. Those of a resource that has ended are others, with nothing in memory. */
  variants: Variant[];
  readonly auth: readonly CompiledAuth[];
  readonly isCompressible: boolean;
  /** Another request may get another variant. */
  readonly varies: boolean;
  /** The file that is looked at now and then, even though it is watched. */
  readonly main: Seen;
  /** Where it is watched. */
  readonly watchedNames: readonly WatchedName[];
  /** What has to be looked at each time. */
  readonly unwatched: Seen[];
  /** Its file has just changed, so it lacks something, such as a tag or a date: it is made anew soon. */
  isProvisional = false;
  /** It may be kept, once its file was opened. */
  isNew = true;
  /** What it costs in memory, beside the contents of files. */
  bytes: number;
  /** Those that its variants were read from. */
  readonly contents: FileContent[] = [];
  /** Responses beside its own one that requests remember. */
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

  /** A response that requests may remember until the resource ends. */
  answer(response: HttpResponse): Answer {
    const answer = { entry: this, response };
    this.answers.push(answer);
    return answer;
  }

  /**
   * It has ended. Requests go on remembering the object until they come again, which may be never: so it lets go of
   * all bytes. Who is still at work with one of its variants has that variant, and what is in it.
   */
  end(): void {
    this.entry = this.response = null;
    for (const answer of this.answers) answer.entry = answer.response = null;
    this.answers.length = this.contents.length = 0;
    const [first, ...others] = this.variants as [Variant, ...Variant[]];
    const read = [first, ...others.filter(({ seen }) => seen !== first.seen)]; // made ones are no files
    this.variants = read.map(({ coding, seen }) => ({ coding, seen, content: null }));
  }

  /** What all of it takes in memory. */
  get totalBytes(): number {
    return this.contents.reduce((sum, { size, madeBytes }) => sum + size + madeBytes, this.bytes);
  }

  /** `seen` cannot be watched. */
  lookAtEachUse(seen: Seen): void {
    if (!this.unwatched.includes(seen)) this.unwatched.push(seen);
  }

  drop(): void {
    this.keeper.remove(this);
  }
}
