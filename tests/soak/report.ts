/**
 * Formats the result of a soak: as text, and as a chart of memory and descriptors.
 * @module
 */
import { svg } from "../../bench/chart.ts";
import type { Sample, SoakResult } from "./soak.ts";

const MIB = 2 ** 20;
const WIDTH = 760;
const LEFT = 64;
const RIGHT = 690;
const TOP = 56;
const BOTTOM = 330;
const TICKS = 5;

/** Returns the report as text, with a line for a table at the end. */
export function report(result: SoakResult): string {
  const { counts, byKind, byBehaviour, changes, baseline, warm, end, seconds, failures } = result;
  const mib = ({ memoryBytes }: Sample) => (memoryBytes / MIB).toFixed(1);
  const growth = ((end.memoryBytes - warm.memoryBytes) / MIB).toFixed(1);
  const most = Math.max(...result.samples.map(({ memoryBytes }) => memoryBytes / MIB)).toFixed(1);
  const cpu = result.cpuMicroseconds.toFixed(1);
  const row = [
    counts.requests,
    counts.connections,
    counts.answers,
    counts.changes,
    `${baseline.descriptors} → ${end.descriptors}`,
    `${mib(warm)} → ${mib(end)} MiB`,
    `${cpu} µs`,
    failures.length,
  ];
  return [
    section("Answers", byKind),
    section("Connections", byBehaviour),
    section("Changes of the site", changes),
    `${number(counts.requests)} requests over ${number(counts.connections)} connections in ${
      seconds.toFixed(0)
    } s; ` +
    `${cpu} µs of processor for each`,
    `${number(counts.answers)} answers compared, ${(counts.bytes / 1e9).toFixed(2)} GB of bodies; ` +
    `${number(counts.left)} requests whose client left`,
    `descriptors: ${baseline.descriptors} before, ${end.descriptors} afterwards`,
    `memory at rest: ${mib(baseline)} MiB at the start, ${mib(warm)} after a tenth, ${
      mib(end)
    } at the end: ` +
    `grew by ${growth} MiB after the first tenth`,
    `memory at work: ${most} MiB at most`,
    failures.length === 0 ? "nothing is wrong" : `${failures.length} FAILURES\n${failures.join("\n")}`,
    `| ${row.map((cell) => typeof cell === "number" ? number(cell) : cell).join(" | ")} |`,
  ].join("\n");
}

function number(value: number): string {
  return value.toLocaleString("en");
}

function section(title: string, counts: ReadonlyMap<string, number>): string {
  const lines = [...counts].toSorted(([a], [b]) => a < b ? -1 : 1).map(([name, count]) =>
    `  ${number(count).padStart(10)}  ${name}`
  );
  return `${title}\n${lines.join("\n")}\n`;
}

/** Returns the chart as SVG. */
export function chart({ samples, warm, end }: SoakResult, countsConnections: boolean): string {
  const memoryMost = roundUp(Math.max(...samples.map(({ memoryBytes }) => memoryBytes / MIB)), 50);
  const descriptorsMost = roundUp(Math.max(...samples.map(({ descriptors }) => descriptors)), 50);
  const what = countsConnections ? "connections" : "requests";
  const toX = (done: number) => Math.round(LEFT + done / end.done * (RIGHT - LEFT));
  const toY = (share: number) => Math.round(BOTTOM - share * (BOTTOM - TOP));
  const step = roundDown(end.done / TICKS);
  const parts: string[] = [];
  for (let i = 0; i <= TICKS; i++) {
    const y = toY(i / TICKS);
    const x = toX(step * i);
    parts.push(
      `<line class="grid" x1="${LEFT}" y1="${y}" x2="${RIGHT}" y2="${y}"/>`,
      `<text class="memory end" x="${LEFT - 8}" y="${y + 4}">${Math.round(memoryMost * i / TICKS)}</text>`,
      `<text class="descriptors" x="${RIGHT + 8}" y="${y + 4}">${
        Math.round(descriptorsMost * i / TICKS)
      }</text>`,
      `<text class="middle" x="${x}" y="${BOTTOM + 18}">${number(step * i)}</text>`,
    );
  }
  const line = (kind: string, shareOf: (sample: Sample) => number) =>
    `<polyline class="line ${kind}" points="${
      samples.map((sample) => `${toX(sample.done)},${toY(shareOf(sample))}`).join(" ")
    }"/>`;
  parts.push(
    `<text class="memory" x="16" y="${TOP - 10}">MiB resident</text>`,
    `<text class="descriptors end" x="${WIDTH - 16}" y="${TOP - 10}">descriptors</text>`,
    `<text class="middle" x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 38}">${what}</text>`,
    line("descriptors", ({ descriptors }) => descriptors / descriptorsMost),
    line("memory", ({ memoryBytes }) => memoryBytes / MIB / memoryMost),
  );
  for (const { done, memoryBytes } of [warm, end]) {
    const [x, y] = [toX(done), toY(memoryBytes / MIB / memoryMost)];
    const side = done === end.done ? -8 : 8;
    parts.push(
      `<circle class="memory" cx="${x}" cy="${y}" r="4"/>`,
      `<text class="memory${side < 0 ? " end" : ""}" x="${x + side}" y="${y + 16}">${
        (memoryBytes / MIB).toFixed(0)
      } at rest</text>`,
    );
  }
  const title = `Memory and descriptors of the server over ${number(end.done)} ${what}`;
  return svg({
    width: WIDTH,
    height: BOTTOM + 54,
    title,
    label: title,
    style: `  .end { text-anchor: end }
  .middle { text-anchor: middle }
  .grid { stroke: #e9ecef }
  .line { fill: none; stroke-width: 2 }
  .line.memory { stroke: #0b7285 }
  .line.descriptors { stroke: #e67700 }
  text.memory, circle.memory { fill: #0b7285 }
  text.descriptors { fill: #e67700 }`,
    dark: `    .grid { stroke: #2b2f36 }
    .line.memory { stroke: #3bc9db }
    .line.descriptors { stroke: #ffc078 }
    text.memory, circle.memory { fill: #3bc9db }
    text.descriptors { fill: #ffc078 }`,
    parts,
  });
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** Rounds down to one significant digit. */
function roundDown(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return Math.floor(value / unit) * unit;
}
