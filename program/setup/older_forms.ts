/**
 * Compressed files of a site that are older than the files that they stand for. `--check` and `-v` list them.
 * @module
 */
import { FileStatus } from "../../ffi/file/file_status.ts";
import type { FileName } from "../../ffi/file/inotify.ts";
import { bytesOf } from "../../handlers/site/listing/natural_order.ts";
import { isSiblingName } from "../../handlers/site/watch/watched_name.ts";
import { describeOlder, isOlder } from "../../handlers/site/lookup/siblings.ts";
import { SiteRoot, terminate } from "../../handlers/site/files/directory_root.ts";
import type { SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import { STALE_FORMS_NAMES_MAX } from "../../handlers/site/limits.ts";

/** Past this number, only the number of further ones is shown. */
const SHOWN_MAX = 20;

/** Returns a line for each, as far as the root has no more names than may be looked at on a start. */
export function olderForms(
  { root, isRootConfined, precompressed }: Pick<SiteSettings, "root" | "isRootConfined" | "precompressed">,
): string[] {
  if (typeof root !== "string" || precompressed === "off") return [];
  const lines: string[] = [];
  let site: SiteRoot;
  try {
    site = new SiteRoot(root, isRootConfined);
  } catch {
    return []; // the root was removed since it was opened
  }
  try {
    const [form, file] = [new FileStatus(), new FileStatus()];
    for (const path of formsIn(site)) {
      const source = path.slice(0, path.lastIndexOf("."));
      const areFiles = site.look(terminate(bytesOf(path)), form) === "file" &&
        site.look(terminate(bytesOf(source)), file) === "file";
      if (areFiles && isOlder(form, file)) lines.push(describeOlder(path, source, precompressed));
    }
  } finally {
    site.close();
  }
  const more = lines.length - SHOWN_MAX;
  return more > 0 ? [...lines.slice(0, SHOWN_MAX), `So are ${more} more`] : lines;
}

/**
 * Yields the paths of all compressed siblings whose uncompressed file is in the same directory. Hidden names are
 * skipped.
 */
function* formsIn(site: SiteRoot): Generator<FileName> {
  const left: FileName[] = ["."];
  let count = 0;
  for (let path = left.pop(); path !== undefined && count < STALE_FORMS_NAMES_MAX; path = left.pop()) {
    const base = path === "." ? "" : `${path}/`;
    const directory = site.openDirectory(terminate(bytesOf(path)));
    if (typeof directory === "number") continue;
    const names = new Set<FileName>();
    const note = (name: FileName, kind: string) => {
      count++;
      if (name.startsWith(".")) return;
      if (kind === "directory") left.push(base + name);
      else names.add(name);
    };
    while (directory.readNames(note) > 0 && count < STALE_FORMS_NAMES_MAX);
    directory.close();
    for (const name of names) {
      if (isSiblingName(name) && names.has(name.slice(0, name.lastIndexOf(".")))) yield base + name;
    }
  }
}
