/**
 * The validators of a response: the entity tag of its file, and Last-Modified where the time tells states apart.
 * @module
 */
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import type { HandlerContext } from "../../../server/connection/handler.ts";
import { lastModifiedOf, type Validators } from "../../../server/http/fields/conditional.ts";
import type { EntityTags } from "./entity_tags.ts";
import type { FileCache } from "./file_cache.ts";
import { FileContent } from "./file_content.ts";

/** The cache and the tags of the site, which know about a file's state. */
interface Judges {
  readonly cache: FileCache;
  readonly tags: EntityTags;
}

/**
 * Tells whether a response may have Last-Modified. It is exact to the second, so a file without a tag has none until a
 * later write cannot fall into the same second (RFC 9110 §8.8.2.2): otherwise a client with the earlier state would get
 * 304 for ever, or join parts of two states. With `--etag off` only the modification time counts, so a file that was
 * copied with an old time has Last-Modified at once.
 */
export function isDated(
  { modifiedSeconds, changedSeconds }: FileStatus,
  etag: string | null,
  { clock }: HandlerContext,
  { cache, tags }: Judges,
): boolean {
  if (etag !== null) return true;
  const lastSeconds = tags.isOff ? modifiedSeconds : Math.max(modifiedSeconds, changedSeconds);
  return cache.isSettled(lastSeconds, clock.seconds);
}

/** Returns the validators of a file in the state `status` whose tag is `etag`; null when it has no tag. */
export function validatorsOf(
  status: FileStatus,
  etag: string | null,
  context: HandlerContext,
  judges: Judges,
): Validators {
  const isSaid = isDated(status, etag, context, judges);
  return {
    etag,
    modifiedSeconds: isSaid ? lastModifiedOf(status.modifiedSeconds, context.clock.seconds) : null,
  };
}

/** Makes the content of `bytes`, read from a file in the state `status`. It has a tag unless the file grows all the time. */
export function contentOf(
  bytes: Uint8Array<ArrayBuffer>,
  status: FileStatus,
  { clock }: HandlerContext,
  { cache, tags }: Judges,
): FileContent {
  const isSettled = cache.isSettled(status.changedSeconds, clock.seconds);
  const isProvisional = !isSettled && tags.growth.isTooFast(status);
  const tag = isProvisional ? null : tags.ofContent(bytes, status, null, isSettled);
  return new FileContent(bytes, status, status.identity, { tag, isSettled, isProvisional });
}
