/**
 * The generations of roots: which directory the path of each has led to, counted from the start of the process.
 *
 * Sites that are opened anew (SIGHUP) go on counting, so that a generation stands for one directory.
 * @module
 */
import type { SiteSettings } from "../settings/site_settings.ts";
import type { RootSnapshot } from "../../../server/metrics/statistics.ts";

/** Roots of a process that opens ever more are forgotten, the oldest first. */
const ROOTS_MAX = 10_000;

/** The latest generation of a root, and the identity of its directory. */
interface Latest {
  readonly identity: string;
  readonly shown: RootSnapshot;
}

const latest = new Map<string, Latest>();

/**
 * Records that `root` leads to the directory `path`, and returns its generation. `identity` tells two directories
 * apart that have one path, one after the other.
 */
export function generationOf(
  { root, path, isLinked }: Pick<RootSnapshot, "root" | "path" | "isLinked">,
  identity: string,
): RootSnapshot {
  const known = latest.get(root);
  if (known?.identity === identity && known.shown.path === path) return known.shown;
  const shown = { root, path, isLinked, generation: (known?.shown.generation ?? 0) + 1, sinceMs: Date.now() };
  latest.set(root, { identity, shown });
  for (const oldest of latest.keys()) {
    if (latest.size <= ROOTS_MAX) break;
    latest.delete(oldest);
  }
  return shown;
}

/** Returns the line of the log about a new generation. */
export function describeGeneration({ root, path, generation }: RootSnapshot): string {
  return `${root} leads to ${path} now: generation ${generation}`;
}

const PLACE = "{generation}";

/** Returns `settings` with the number of the generation in place of `{generation}` in the values of header rules. */
export function withGeneration(settings: SiteSettings, generation: number): SiteSettings {
  const isNamed = settings.headers.some(({ fields }) => fields.some(([, value]) => value?.includes(PLACE)));
  if (!isNamed) return settings;
  const headers = settings.headers.map((rule) => ({
    ...rule,
    fields: rule.fields.map(([name, value]) =>
      [name, value?.replaceAll(PLACE, String(generation)) ?? null] as const
    ),
  }));
  return { ...settings, headers };
}
