/**
 * The compressed forms that stand beside a file, and which of them are served.
 *
 * One that is older than its file was made of something else: those who accept its coding, which is every browser, would
 * get old contents under a new file's name, while curl gets the new ones. So it is not served unless a site says so.
 * @module
 */
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import type { PrecompressedMode } from "../settings/site_settings.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import { PRECOMPRESSED_LAG_MS_MAX, STALE_FORMS_TOLD_MAX } from "../limits.ts";
import { MODIFIED_SECONDS_MIN } from "../../../server/limits.ts";
import { isPackedSvg } from "../files/media_type.ts";
import type { Lookup, Seen } from "./lookup.ts";
import { bytesOf } from "../listing/natural_order.ts";
import { isSiblingName, SIBLING_SUFFIXES } from "../watch/watched_name.ts";
import type { Trace } from "../settings/site_options.ts";

/** A file on disk, or what it is compressed to beside it. */
export interface LocatedVariant {
  /** Null: as it is. */
  readonly coding: Coding | null;
  readonly seen: Seen;
}

/** The coding of each of {@linkcode SIBLING_SUFFIXES}. */
const SUFFIX_CODINGS: readonly Coding[] = ["br", "zstd", "gzip"];
const decoder = new TextDecoder();

/** Finds the compressed forms beside a file. */
export class Siblings {
  readonly #mode: PrecompressedMode;
  readonly #trace: Trace;
  readonly #onNotice: (message: string) => void;
  readonly #told = new Set<string>();

  /** `onNotice` hears of each form that is older than its file, once. */
  constructor(mode: PrecompressedMode, trace: Trace, onNotice: (message: string) => void) {
    this.#mode = mode;
    this.#trace = trace;
    this.#onNotice = onNotice;
  }

  /** Those beside what was looked at, which may be missing itself. */
  of(seen: Seen, lookup: Lookup): LocatedVariant[] {
    const name = seen.names.at(-1) ?? "";
    // Behind a name with a dot (`.well-known`) it would be a hidden one; what is in an .svgz is compressed already.
    if (this.#mode === "off" || name.startsWith(".") || isPackedSvg(name) || isSiblingName(name)) return [];
    if (lookup.lacksSiblings(seen)) return [];
    return SIBLING_SUFFIXES.flatMap((suffix, i) => {
      const sibling = lookup.lookBeside(seen, suffix);
      if (sibling !== null && seen.status !== null && this.#mode === "fresh") {
        lookup.compared.add(seen).add(sibling);
      }
      if (sibling === null || (this.#isOlder(sibling, seen) && this.#mode !== "always")) return [];
      return [{ coding: SUFFIX_CODINGS[i]!, seen: sibling }];
    });
  }

  #isOlder(sibling: Seen, { names, status }: Seen): boolean {
    if (status === null || sibling.status === null || !isOlder(sibling.status, status)) return false;
    const message = describeOlder(sibling.names.join("/"), names.join("/"), this.#mode);
    if (this.#told.size < STALE_FORMS_TOLD_MAX && !this.#told.has(message)) {
      this.#told.add(message);
      this.#trace("form", message);
      this.#onNotice(message);
    }
    return true;
  }
}

/**
 * True for a form that is older than its file by more than what copying a folder puts between them. A time that is a
 * convention of the tool that wrote it says nothing.
 */
export function isOlder(form: FileStatus, file: FileStatus): boolean {
  if (Math.min(form.modifiedSeconds, file.modifiedSeconds) < MODIFIED_SECONDS_MIN) return false;
  return Number((file.modifiedNanoseconds - form.modifiedNanoseconds) / 1_000_000n) >=
    PRECOMPRESSED_LAG_MS_MAX;
}

/** Which form is older than its file, by their paths, and what becomes of it. */
export function describeOlder(form: FileName, file: FileName, mode: PrecompressedMode): string {
  const served = mode === "always" ? 'served all the same (precompressed "always")' : "not served";
  return `${textOf(form)} is older than ${textOf(file)}, so it is hardly made of that: ${served}`;
}

function textOf(name: FileName): string {
  return decoder.decode(bytesOf(name));
}
