/**
 * Responses about a directory: its list, and all of it as one file.
 * @module
 */
import type { ContentSource } from "../content/content_source.ts";
import type { Wanted } from "../folders/folder_query.ts";
import { ListingBodies } from "../listing/listing_bodies.ts";
import type { Locator } from "../lookup/locator.ts";
import type { FieldPolicy } from "../rules/field_policy.ts";
import type { CompiledAuth, Rules } from "../rules/rules.ts";
import type { SiteSettings } from "../settings/site_settings.ts";
import { type AddFolderFields, browse } from "./browse.ts";
import { folderArchive } from "./folder_archive.ts";
import { ListedFiles, type ListedFilesParts } from "./listed_files.ts";
import type { Result } from "./representation.ts";
import type { SiteRequest } from "./site_request.ts";

/** What the responses are made with. */
export interface FolderResponsesParts {
  readonly origin: ContentSource;
  readonly locator: Locator;
  readonly rules: Rules;
  readonly policy: FieldPolicy;
  readonly rulesFor: ListedFilesParts["rulesFor"];
}

/** Answers requests for directories of one site. */
export class FolderResponses {
  readonly #settings: SiteSettings;
  readonly #parts: FolderResponsesParts;
  readonly #bodies = new ListingBodies();
  readonly #files: ListedFiles;

  constructor(settings: SiteSettings, parts: FolderResponsesParts) {
    this.#settings = settings;
    this.#parts = parts;
    const { origin: { root, hidden }, rules, locator, rulesFor } = parts;
    this.#files = new ListedFiles({ root, hidden, rules, locator, rulesFor });
  }

  /** Lists the directory `path`, whose visitors satisfied the rules `auth`. */
  list(
    path: Uint8Array<ArrayBuffer>,
    auth: readonly CompiledAuth[],
    request: SiteRequest,
  ): Result | Promise<Result> {
    request.trace?.("rule", "browse: the directory is listed");
    const { origin: { listings }, rules } = this.#parts;
    return browse(path, request, {
      listings,
      bodies: this.#bodies,
      files: this.#files,
      rules,
      auth,
      givesTags: this.#settings.etag !== "off",
      hasArchives: this.#settings.archive,
      addFields: this.#addFields(auth, request),
    });
  }

  /** Sends the directory `path`, whose visitors satisfied the rules `auth`, as an archive. */
  archive(
    path: Uint8Array,
    wanted: Wanted,
    auth: readonly CompiledAuth[],
    request: SiteRequest,
  ): Result | Promise<Result> {
    request.trace?.("rule", "archive: the directory is sent as one file");
    const { origin, rules } = this.#parts;
    return folderArchive(path, wanted, request, {
      origin,
      rules,
      auth,
      bytesMax: this.#settings.archiveSize,
      addFields: this.#addFields(auth, request),
    });
  }

  /** Returns what adds the settings' fields to a response about a directory. */
  #addFields(auth: readonly CompiledAuth[], { http, url }: SiteRequest): AddFolderFields {
    const { policy } = this.#parts;
    const what = {
      path: url,
      fileName: null,
      origin: policy.cors.originOf(http),
      isPrivate: auth.length > 0,
    };
    return (extraFields, status, mediaType) => policy.fieldsOf(extraFields, { ...what, status, mediaType });
  }
}
