/**
 * Findings as a table in Markdown, and as lines.
 * @module
 */
import { type Way, WAYS } from "./changes.ts";
import type { Findings, Found } from "./freshness.ts";
import type { Fault } from "./history.ts";

const FAULTS: Readonly<Record<Fault, string>> = {
  stale: "old contents",
  unmodified: "304 for old contents",
  mixed: "mixed",
  truncated: "truncated",
  missing: "404 for a file that was there",
  cut: "cut off",
  failed: "other errors",
};
const ALL = Object.keys(FAULTS) as Fault[];

/** The findings of one server. */
export interface Row {
  readonly name: string;
  readonly findings: Findings;
}

/** Returns true if an answer was wrong; one that was visibly cut off is not. */
export function isFaulty(findings: Findings): boolean {
  return Object.values(findings).some(({ faults }) => ALL.some((fault) => fault !== "cut" && faults[fault]));
}

export function table(rows: readonly Row[]): string {
  const head = ["server", "requests", "changes", ...ALL, "old for at most"];
  const cells = rows.map(({ name, findings }) => {
    const all = Object.values(findings);
    const sum = (count: (found: Found) => number) => all.reduce((sum, found) => sum + count(found), 0);
    return [
      name,
      format(sum(({ requests }) => requests)),
      format(sum(({ changes }) => changes)),
      ...ALL.map((fault) => format(sum(({ faults }) => faults[fault] ?? 0))),
      durationOf(all),
    ];
  });
  return [
    head.map((name) => FAULTS[name as Fault] ?? name),
    head.map(() => "---"),
    ...cells,
  ].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Returns a line for each way of changing a file that led to wrong answers. */
export function details(findings: Findings): string[] {
  return Object.entries(findings).flatMap(([way, found]) => {
    const faults = ALL.flatMap((fault) =>
      found.faults[fault] === undefined ? [] : [`${format(found.faults[fault])} ${FAULTS[fault]}`]
    );
    if (faults.length === 0) return [];
    const age = found.staleMs > 0 ? `, old for up to ${durationOf([found])}` : "";
    return [`${WAYS[way as Way]}: ${faults.join(", ")} of ${format(found.requests)} answers${age}`];
  });
}

function durationOf(all: readonly Found[]): string {
  const ms = Math.max(...all.map(({ staleMs }) => staleMs));
  if (ms === 0) return "–";
  const time = ms < 1000 ? `${Math.max(Math.round(ms), 1)} ms` : `${(ms / 1000).toFixed(1)} s`;
  return all.some(({ isStaleAtEnd }) => isStaleAtEnd) ? `${time}, and not over` : time;
}

function format(count: number): string {
  return count.toLocaleString("en");
}
