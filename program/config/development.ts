/**
 * `--dev`: the settings that it stands for.
 *
 * They count a little less than the source that has `dev`: settings beside it, and those of sources that count more,
 * overrule them, and they overrule the rest.
 * @module
 */
import type { HeaderRule, SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import type { Arguments, Choices, FileChoices, FlagChoices, ProgramSettings } from "./settings/settings.ts";
import { EVERY_PATH } from "./settings/site_kinds.ts";

const PROGRAM: Partial<ProgramSettings> = { live: true, accessLog: "dev", open: "/" };
const SITE: Partial<SiteSettings> = { browse: true };
/** The field of every response: browsers keep files, and ask before each use whether they have changed. */
const REVALIDATE: HeaderRule = { source: EVERY_PATH, fields: [["Cache-Control", "no-cache"]] };
const REVALIDATE_JSON = JSON.stringify(REVALIDATE);

/** All sources of settings. */
export interface Sources {
  readonly args: Arguments;
  readonly environment: FlagChoices;
  /** Null where there is no file. */
  readonly file: FileChoices | null;
}

/** Sources, those that count most first. */
const NAMES = ["args", "environment", "file"] as const;

/** Returns `sources` with what `dev` stands for; `sources` themselves if it is off. */
export function withDevelopment(sources: Sources): Sources {
  const decisive = NAMES.findIndex((name) => sources[name]?.program.dev !== undefined);
  const name = NAMES[decisive];
  if (name === undefined || sources[name]!.program.dev !== true) return sources;
  const result: Sources = { ...sources, [name]: withImplied(sources[name]!) };
  const isCachingChosen = NAMES.slice(0, decisive + 1).some((name) =>
    sources[name]?.site.cacheControl !== undefined
  );
  if (isCachingChosen) return result;
  // The rule is one of the environment, so it comes after those of the file and its hosts, and before those of flags.
  const { environment, file } = result;
  const headers = [REVALIDATE, ...environment.site.headers ?? []];
  return {
    ...result,
    environment: { ...environment, site: { ...environment.site, headers } },
    file: file && withoutRevalidation(file),
  };
}

function withImplied<T extends Choices>(choices: T): T {
  return {
    ...choices,
    program: { ...PROGRAM, ...choices.program },
    site: { ...SITE, ...choices.site },
  };
}

/** Removes the rule from the top of a file that `--check` has written with `--dev`, so that it is not there twice. */
function withoutRevalidation(file: FileChoices): FileChoices {
  const { headers } = file.site;
  if (headers === undefined) return file;
  const others = headers.filter((rule) => JSON.stringify(rule) !== REVALIDATE_JSON);
  return { ...file, site: { ...file.site, headers: others } };
}
