/**
 * What a response says of the state of its file: its entity tag, and its time where that is enough to tell states apart.
 * @module
 */
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import type { HandlerContext } from "../../../server/connection/handler.ts";
import { lastModifiedOf, type Validators } from "../../../server/http/fields/conditional.ts";
import type { EntityTags } from "./entity_tags.ts";
import type { FileCache } from "./file_cache.ts";
import { FileContent } from "./file_content.ts";

/** What is asked about a file's state. */
interface Judges {
  readonly cache: FileCache;
  readonly tags: EntityTags;
}

/**
 * Whether the file's time may be given out. It is exact to the second, so a file without a tag has no Last-Modified until
 * a later write cannot fall into the same second (RFC 9110 §8.8.2.2): otherwise a client that has the earlier state gets
 * 304 for good, or joins parts of two states. With `--etag off` the time that is given out decides alone: a file that was
 * copied with its old time has that from the beginning.
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

/** The validators of a file in the state `status` whose tag is `etag`; null where it has none. */
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

/** What was read of a file in the state `status`, with its tag where that is made now. */
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
