/**
 * Asks a server for files while they change, and says which answers were old, mixed or not whole.
 * @module
 */
import { Random, SEED } from "../support/random.ts";
import { sleep } from "../support/sleep.ts";
import { ChangingTree, type Way, WAYS } from "./changes.ts";
import { type Address, Client } from "./client.ts";
import type { Fault, Stored, Verdict } from "./history.ts";

/** How a server is tried. */
export interface Trial {
  readonly address: Address;
  /** The path of the directory's URL, without a slash at its end: empty for the root of the server. */
  readonly base: string;
  /** The directory without files that is served there. */
  readonly directory: string;
  readonly clients: number;
  /** Returns true once files have changed often enough. */
  readonly isDone: (changes: number) => boolean;
  /** The most time between two changes; more if there are not {@linkcode ANSWERS_PER_CHANGE} answers in it. */
  readonly pauseMs: number;
  /** How long, after the last change, old contents are waited for to become new. */
  readonly settleMs: number;
  /** After this time without a byte an answer never ends. */
  readonly patienceMs: number;
}

/** What was found of the answers for one file. */
export interface Found {
  requests: number;
  changes: number;
  readonly faults: Partial<Record<Fault, number>>;
  /** The greatest age of an old content: how long ago a newer one had been there. */
  staleMs: number;
  /** True if the last answers were still old. */
  isStaleAtEnd: boolean;
}

/** What was found, by the way in which a file changes. */
export type Findings = Readonly<Record<Way, Found>>;

/** Answers that come between two changes, however slow the server is. */
const ANSWERS_PER_CHANGE = 8;

/** Changes files and asks for them. */
export async function tryServer(trial: Trial): Promise<Findings> {
  const ways = Object.keys(WAYS) as Way[];
  const findings = Object.fromEntries(
    ways.map((way) => [way, { requests: 0, changes: 0, faults: {}, staleMs: 0, isStaleAtEnd: false }]),
  ) as unknown as Findings;
  const tree = new ChangingTree(trial.directory);
  const random = new Random();
  let isOver = false;
  let answers = 0;
  const run = async (number: number) => {
    using client = new Client(trial.address, trial.patienceMs);
    const own = new Random(SEED + number);
    const stored = new Map<Way, Stored>();
    while (!isOver) {
      const way = ways[own.below(ways.length)]!;
      const verdict = await ask(client, trial, tree, way, own.oneIn(2) ? stored : null);
      answers++;
      count(findings[way], verdict);
      if (verdict.stored === null) stored.delete(way);
      else stored.set(way, verdict.stored);
    }
  };
  const clients = Promise.all(Array.from({ length: trial.clients }, (_, number) => run(number)));
  for (let changes = 0; !trial.isDone(changes); changes++) {
    const before = answers;
    do await sleep(1 + random.below(trial.pauseMs)); while (answers < before + ANSWERS_PER_CHANGE);
    tree.changeAny(random);
  }
  const settledMs = performance.now() + trial.settleMs;
  const isStale = () => ways.some((way) => findings[way].isStaleAtEnd);
  do await sleep(100); while (isStale() && performance.now() < settledMs);
  isOver = true;
  await clients;
  for (const way of ways) findings[way].changes = tree.histories[way].changes;
  return findings;
}

async function ask(
  client: Client,
  { base }: Trial,
  tree: ChangingTree,
  way: Way,
  known: ReadonlyMap<Way, Stored> | null,
): Promise<Verdict & { stored: Stored | null }> {
  const history = tree.histories[way];
  const stored = known?.get(way) ?? null;
  const [answer] = await client.get([`${base}/${history.name}`], stored?.etag);
  const verdict = history.judge(answer!, stored);
  const { version } = verdict;
  const isNew = answer!.status === 200 && answer!.etag !== null && version !== null;
  return { ...verdict, stored: isNew ? { etag: answer!.etag!, version } : stored };
}

function count(found: Found, { fault, staleMs }: Verdict): void {
  found.requests++;
  const isStale = fault === "stale" || fault === "unmodified";
  found.isStaleAtEnd = isStale;
  if (fault !== null) found.faults[fault] = (found.faults[fault] ?? 0) + 1;
  found.staleMs = Math.max(found.staleMs, staleMs);
}
