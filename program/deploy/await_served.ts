/**
 * Waits until every worker of a server serves a release, by what `/readyz` says on the address of `--admin`.
 * @module
 */

/** How often it is asked, and for how long. */
const [INTERVAL_MS, PATIENCE_MS] = [50, 30_000];

/** A function that returns the answer of `/readyz`, or what happened instead. */
export type AskReadiness = () => { readonly answer: string; readonly trouble: string | null };

/**
 * Waits until all that serve a directory in `releases` serve `release`; both are paths without links. Returns null then,
 * otherwise what is wrong.
 */
export async function awaitServed(
  ask: AskReadiness,
  releases: string,
  release: string,
): Promise<string | null> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const trouble = look(ask(), releases, release);
    if (trouble === null || performance.now() > endMs) return trouble;
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

function look(
  { answer, trouble }: ReturnType<AskReadiness>,
  releases: string,
  release: string,
): string | null {
  if (trouble !== null) return trouble;
  const paths = Array.from(answer.matchAll(/^generation \d+ since \S+: (.*)$/gm), ([, path]) => path!);
  const ours = paths.filter((path) => path.startsWith(`${releases}/`));
  if (ours.length === 0) return `the server serves nothing in ${releases}`;
  const old = ours.filter((path) => path !== release && !path.startsWith(`${release}/`));
  return old.length === 0 ? null : `${old.length} of ${ours.length} workers still serve ${old[0]}`;
}
