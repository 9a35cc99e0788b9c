/**
 * The compressed forms beside a file (`a.js.br`), and which of them are served.
 *
 * A form that is older than its file was made of an earlier state. Browsers, which all accept its coding, would get the
 * old contents while curl gets the new ones. So such a form is not served unless the settings say so.
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

/** A file, or a compressed form beside it. */
export interface LocatedVariant {
  /** Null for the file itself. */
  readonly coding: Coding | null;
  readonly seen: Seen;
}

/** The coding of each of {@linkcode SIBLING_SUFFIXES}. */
const SUFFIX_CODINGS: readonly Coding[] = ["br", "zstd", "gzip"];
const decoder = new TextDecoder();

/** Finds the compressed forms beside a file. */
export class Siblings {
  readonly #mode: PrecompressedMode;
  readonly #onNotice: (message: string) => void;
  readonly #told = new Set<string>();

  /** `onNotice` gets one line for each form that is older than its file. */
  constructor(mode: PrecompressedMode, onNotice: (message: string) => void) {
    this.#mode = mode;
    this.#onNotice = onNotice;
  }

  /** Returns the forms to serve beside the file `seen`, which may itself be missing. */
  of(seen: Seen, lookup: Lookup): LocatedVariant[] {
    const name = seen.names.at(-1) ?? "";
    // A form of `.well-known` would be a hidden file; an .svgz is compressed already.
    if (this.#mode === "off" || name.startsWith(".") || isPackedSvg(name) || isSiblingName(name)) return [];
    if (lookup.lacksSiblings(seen)) return [];
    return SIBLING_SUFFIXES.flatMap((suffix, i) => {
      const sibling = lookup.lookBeside(seen, suffix);
      if (sibling !== null && seen.status !== null && this.#mode === "fresh") {
        lookup.compared.add(seen).add(sibling);
      }
      if (sibling === null || (this.#isOlder(sibling, seen, lookup) && this.#mode !== "always")) return [];
      return [{ coding: SUFFIX_CODINGS[i]!, seen: sibling }];
    });
  }

  #isOlder(sibling: Seen, { names, status }: Seen, { trace }: Lookup): boolean {
    if (status === null || sibling.status === null || !isOlder(sibling.status, status)) return false;
    const message = describeOlder(sibling.names.join("/"), names.join("/"), this.#mode);
    if (this.#told.size < STALE_FORMS_TOLD_MAX && !this.#told.has(message)) {
      this.#told.add(message);
      trace?.("form", message);
      this.#onNotice(message);
    }
    return true;
  }
}

/**
 * True for a form that is older than its file by more than copying a folder takes (PRECOMPRESSED_LAG_MS_MAX). Times that
 * tools write by convention, such as 1970, are not compared.
 */
export function isOlder(form: FileStatus, file: FileStatus): boolean {
  if (Math.min(form.modifiedSeconds, file.modifiedSeconds) < MODIFIED_SECONDS_MIN) return false;
  return Number((file.modifiedNanoseconds - form.modifiedNanoseconds) / 1_000_000n) >=
    PRECOMPRESSED_LAG_MS_MAX;
}

/** Says that `form` is older than `file`, by their paths, and whether it is served. */
export function describeOlder(form: FileName, file: FileName, mode: PrecompressedMode): string {
  const served = mode === "always" ? 'served all the same (precompressed "always")' : "not served";
  return `${textOf(form)} is older than ${textOf(file)}, so it is hardly made of that: ${served}`;
}

function textOf(name: FileName): string {
  return decoder.decode(bytesOf(name));
}
