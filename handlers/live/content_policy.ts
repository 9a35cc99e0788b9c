/**
 * Makes room for the script of `--live` in a page's Content-Security-Policy, and for no other one.
 *
 * A policy that allows scripts by the origin allows this one already, since it comes from the site. Otherwise it gets a
 * nonce; but a nonce makes browsers ignore `'unsafe-inline'`, on which the page may depend, so there the script's URL is
 * allowed instead. Source: W3C Content Security Policy Level 3, §6.7.
 * @module
 */

/** What the script needs: its own URL, the nonce of its element, and the URL of its questions. */
export interface ScriptNeeds {
  readonly script: string;
  readonly nonce: string;
  /** A URL that ends with a slash, and stands for all paths below it. */
  readonly connect: string;
}

type Directives = Map<string, string[]>;

/** Returns the value of a field Content-Security-Policy, which may have several policies, with room for the script. */
export function withRoom(value: string, needs: ScriptNeeds): string {
  return value.split(",").map((policy) => policyWithRoom(policy, needs)).join(", ");
}

/** Returns whether `policy` lets a page connect to its own origin. */
export function connectsToSelf(policy: string): boolean {
  const sources = sourcesOf(parse(policy), CONNECT);
  return sources === null || sources.some(isOwnOrigin);
}

const SCRIPT = ["script-src-elem", "script-src", "default-src"];
const CONNECT = ["connect-src", "default-src"];

function policyWithRoom(policy: string, { script, nonce, connect }: ScriptNeeds): string {
  const directives = parse(policy);
  if (directives.size === 0) return policy.trim();
  allow(directives, SCRIPT, (sources) => {
    const isStrict = sources.includes("'strict-dynamic'");
    const isChosen = sources.some((source) => /^'(?:nonce|sha\d+)-/i.test(source));
    if (!isStrict && sources.some(isOwnOrigin)) return null;
    return !isStrict && !isChosen && sources.includes("'unsafe-inline'") ? script : `'nonce-${nonce}'`;
  });
  allow(directives, CONNECT, (sources) => sources.some(isOwnOrigin) ? null : connect);
  return Array.from(directives, ([name, sources]) => [name, ...sources].join(" ")).join("; ");
}

/** Adds what `choose` returns to the directive that counts, the first of `names`; null adds nothing. */
function allow(
  directives: Directives,
  names: readonly string[],
  choose: (sources: readonly string[]) => string | null,
): void {
  const sources = sourcesOf(directives, names);
  const added = sources === null ? null : choose(sources);
  if (added === null) return;
  // Where only default-src counts, another directive takes its place for this use alone.
  const name = names.find((name) => name !== "default-src" && directives.has(name)) ?? names[0]!;
  directives.set(name, [...sources!.filter((source) => source !== "'none'"), added]);
}

/** Returns the sources of the first of `names` that the policy has; null when it restricts nothing. */
function sourcesOf(directives: Directives, names: readonly string[]): readonly string[] | null {
  const name = names.find((name) => directives.has(name));
  return name === undefined ? null : directives.get(name)!;
}

function isOwnOrigin(source: string): boolean {
  return source === "'self'" || source === "*";
}

function parse(policy: string): Directives {
  const directives: Directives = new Map();
  for (const directive of policy.split(";")) {
    const [name, ...sources] = directive.trim().split(/\s+/) as [string, ...string[]];
    const key = name.toLowerCase();
    if (key !== "" && !directives.has(key)) directives.set(key, sources); // a repeated one is ignored (§2.2.1)
  }
  return directives;
}
