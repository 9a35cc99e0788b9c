/**
 * Warnings of `--check` about rules: redirects and rewrites that lead in a circle, or to a path that does not exist.
 *
 * Redirects are followed as a browser follows them, including the redirects of directories and clean URLs. The paths
 * are samples that are made from a rule's pattern. There may be no file at a sample, so it is also considered where a
 * directory or a page there would redirect.
 * @module
 */
import { nameOf } from "../../handlers/hosts/allowed_hosts.ts";
import { samplesOf } from "../../handlers/site/rules/glob_samples.ts";
import { encodePath, resolvePath } from "../../handlers/site/files/resolve_path.ts";
import { Rules } from "../../handlers/site/rules/rules.ts";
import type { StaticOptions } from "../../handlers/static.ts";
import { Rehearsal } from "../../handlers/rehearsal.ts";
import { DEFAULT_SITE_SETTINGS, type SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";

/** A longer chain of redirects never arrives. Browsers give up after about 20. */
const STEPS_MAX = 20;
const STEPS_SHOWN = 3;
const STEP_CHARACTERS_SHOWN = 60;
/** A target that is longer than this has grown at every step. */
const TARGET_CHARACTERS_MAX = 2048;
/** Paths that are tried for one rule. */
const SAMPLES_MAX = 24;

/** A problem of one rule. */
export interface RuleWarning {
  readonly kind: "redirects" | "rewrites";
  /** The index of the rule among the rules of its kind. */
  readonly index: number;
  readonly line: string;
}

/** Returns a line for each redirect that never arrives. `settings` are those of `host`; `sites` are all sites. */
export async function redirectWarnings(
  host: string,
  settings: SiteSettings,
  sites: StaticOptions,
): Promise<RuleWarning[]> {
  if (settings.redirects.length === 0) return [];
  const browser = new Browser(sites);
  const warnings: RuleWarning[] = [];
  try {
    for (const [index, rule] of settings.redirects.entries()) {
      const own = new Rules({ ...DEFAULT_SITE_SETTINGS, redirects: [rule] });
      const samples = samplesOf(rule.source).slice(0, SAMPLES_MAX);
      // Paths that an earlier rule takes never reach this one.
      const others = new Rules({ ...DEFAULT_SITE_SETTINGS, redirects: settings.redirects.slice(0, index) });
      const starts = samples.filter((path) =>
        others.redirect(path, "") === null && own.redirect(path, "") !== null
      );
      let problem = leadsToItself(samples, (path) => own.redirect(path, "")?.location ?? path)
        ? ITSELF
        : null;
      for (const start of starts) problem ??= await browser.follow(host, start, settings);
      if (problem !== null) {
        warnings.push({ kind: "redirects", index, line: lineOf("redirect", rule, problem) });
      }
    }
  } finally {
    browser.close();
  }
  return warnings;
}

const ITSELF = "to itself: it is without effect";

/**
 * Returns true for a rule that leads every path to itself. `/a/**` also matches `/a` and makes `/a/` of it, which
 * still counts.
 */
function leadsToItself(samples: readonly string[], to: (path: string) => string): boolean {
  return samples.length > 0 && to(samples[0]!) === samples[0] &&
    samples.every((path) => to(path) === path || to(path) === `${path}/`);
}

function lineOf(kind: string, { source }: { readonly source: string }, problem: string): string {
  return `The ${kind} rule for ${source} leads ${problem}`;
}

/** A client that follows redirects, also from site to site. */
class Browser {
  readonly #sites: StaticOptions;
  readonly #rehearsal: Rehearsal;

  constructor(sites: StaticOptions) {
    this.#sites = sites;
    this.#rehearsal = new Rehearsal(sites);
  }

  close(): void {
    this.#rehearsal.close();
  }

  /** Returns why a client that follows the redirects from `start` never arrives, or null when it does. */
  async follow(host: string, start: string, settings: SiteSettings): Promise<string | null> {
    const way = [start];
    let at = { host, target: start };
    while (way.length <= STEPS_MAX && at.target.length <= TARGET_CHARACTERS_MAX) {
      const { status, location } = await this.#rehearsal.ask(at.host, at.target);
      if (location === null || status < 300 || status > 399) {
        return status === 404 && at.host === host ? supposed(way, settings) : null;
      }
      const next = this.#next(location, at.host);
      if (next === null) return null; // another server decides
      at = next;
      const step = at.host === host ? at.target : `http://${at.host}${at.target}`;
      if (way.includes(step)) return circle(way, step);
      way.push(step);
    }
    return `on and on: ${way.slice(0, STEPS_SHOWN).map(shown).join(" → ")} → …`;
  }

  /** Returns where `location` leads, or null when that may be another server. */
  #next(location: string, host: string): { host: string; target: string } | null {
    if (location.startsWith("/")) return { host, target: location.replace(/#.*$/, "") };
    const [, authority = "", target = ""] =
      /^http:\/\/([^/?#:]+)(?::80)?([/?][^#]*)?(?:#.*)?$/i.exec(location) ??
        [];
    const name = authority.toLowerCase();
    if (name === "" || (name !== host && nameOf(name, this.#sites.hosts ?? new Map()) === null)) return null;
    return { host: name, target: target.startsWith("/") ? target : `/${target}` };
  }
}

function shown(step: string): string {
  return step.length > STEP_CHARACTERS_SHOWN ? `${step.slice(0, STEP_CHARACTERS_SHOWN)}…` : step;
}

function circle(way: readonly string[], step: string): string {
  const into = way[0] === step ? "in a circle" : "into a circle";
  return `${into}: ${[...way, step].join(" → ")}`;
}

/**
 * Returns the circle that `way`, which ends at a missing path, would be part of if a directory or a page were there.
 */
function supposed(way: readonly string[], { index, cleanUrls }: SiteSettings): string | null {
  const end = way[way.length - 1]!;
  const path = end.replace(/\?.*$/, "");
  const query = end.slice(path.length);
  const moves: [to: string, where: string][] = [];
  if (!path.endsWith("/")) moves.push([`${path}/`, `${path} is a directory`]);
  if (cleanUrls) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const clean = path.replace(/\/$|\.html$/, "");
    if (index.includes(name) && name.endsWith(".html")) {
      moves.push([path.slice(0, -name.length), `${path} is a file`]);
    } else if (clean !== path && clean !== "") moves.push([clean, `${clean}.html is a file`]);
  }
  const move = moves.find(([to]) => way.includes(to + query));
  if (move === undefined) return null;
  const [to, where] = move;
  const [leads, steps] = circle(way, to + query).split(": ");
  return `${leads} where ${where}: ${steps}`;
}

/**
 * Returns a line for each rewrite that leads back to its start, or to a path that does not exist. `settings` are
 * those of `host`; `sites` are all sites.
 */
export async function rewriteWarnings(
  host: string,
  settings: SiteSettings,
  sites: StaticOptions,
): Promise<RuleWarning[]> {
  if (settings.rewrites.length === 0) return [];
  const warnings: RuleWarning[] = [];
  const rehearsal = new Rehearsal(sites, { redirects: [], rewrites: [], spa: null });
  try {
    for (const [index, rule] of settings.rewrites.entries()) {
      const rules = settings.rewrites.filter(({ ifMissing }) => ifMissing === rule.ifMissing);
      const problem = circleOf(rule, rules) ?? await missing(rule, host, rehearsal);
      if (problem !== null) {
        warnings.push({ kind: "rewrites", index, line: lineOf("rewrite", rule, problem) });
      }
    }
  } finally {
    rehearsal.close();
  }
  return warnings;
}

type Rewrite = SiteSettings["rewrites"][number];

/**
 * Returns the circle that a rule is part of, or null. A rewrite is applied once, so rules that lead to each other do
 * not do what they seem to say.
 */
function circleOf(rule: Rewrite, rules: readonly Rewrite[]): string | null {
  const next = rewriter(rules);
  const own = rewriter([rule]);
  const others = rewriter(rules.slice(0, rules.indexOf(rule)));
  const samples = samplesOf(rule.source).slice(0, SAMPLES_MAX);
  const isIdle = (path: string) => (own(path) ?? path) === path; // the rule matches every sample
  if (leadsToItself(samples, (path) => own(path) ?? path)) return ITSELF;
  for (const start of samples) {
    if (others(start) !== null || isIdle(start)) continue;
    const way = [start];
    // A path that grows is fine: a rule from /** to /public/$1 matches its own result.
    for (let path = next(start); path !== null && way.length <= STEPS_MAX; path = next(path)) {
      if (path === way[way.length - 1]) break; // the path is served as it is
      if (way.includes(path)) return circle(way, path);
      way.push(path);
    }
  }
  return null;
}

/**
 * Returns a function from a path to the path that is served instead, both in canonical form. It returns null when no
 * rule matches.
 */
function rewriter(rewrites: readonly Rewrite[]): (path: string) => string | null {
  const rules = new Rules({
    ...DEFAULT_SITE_SETTINGS,
    rewrites: rewrites.map((rule) => ({ ...rule, ifMissing: false })),
  });
  return (path) => {
    const to = rules.rewrite(path, false)?.path;
    if (to === undefined) return null;
    const bytes = encodeUtf8(to);
    const resolved = resolvePath(bytes, 0, bytes.length);
    return typeof resolved === "number" ? to : encodePath(resolved.path, resolved.isDirectory);
  };
}

/**
 * Returns the problem when the destination does not exist. Destinations with `$` depend on the path and are not
 * checked.
 */
async function missing({ destination }: Rewrite, host: string, rehearsal: Rehearsal): Promise<string | null> {
  if (destination.includes("$")) return null;
  const { status } = await rehearsal.ask(host, destination);
  return status === 404 ? `to ${destination}, which does not exist` : null;
}
