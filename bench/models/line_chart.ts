/**
 * Draws the time of a round trip: a line per model over the number of idle connections.
 * @module
 */
import { escape, svg } from "../chart.ts";
import type { Results } from "./measurements.ts";
import { CHART_WORDS as WORDS, type Language } from "./words.ts";

const WIDTH = 800;

/** A line's colours. */
interface Colour {
  readonly light: string;
  readonly dark: string;
}

/** A colour for each way to wait. */
const GREY: Colour = { light: "#868e96", dark: "#adb5bd" };
const ORANGE: Colour = { light: "#e67700", dark: "#ffc078" };
const PINK: Colour = { light: "#c2255c", dark: "#f783ac" };
const BLUE: Colour = { light: "#1c7ed6", dark: "#74c0fc" };
const TEAL: Colour = { light: "#0b7285", dark: "#3bc9db" };
const GREEN: Colour = { light: "#2b8a3e", dark: "#69db7c" };
const VIOLET: Colour = { light: "#5f3dc4", dark: "#b197fc" };
const RED: Colour = { light: "#c92a2a", dark: "#ff8787" };
const BROWN: Colour = { light: "#846358", dark: "#d2bab0" };

/** A dash pattern for each language; the first is a full line. */
const DASHES = { ours: "none", c: "8 4", python: "2 4" } as const;

/**
 * The models that have a line. Those of the other coroutine models would coincide with those of the callbacks.
 */
const LINES: readonly (Colour & { readonly label: string; readonly dashes: keyof typeof DASHES })[] = [
  { label: "naive", dashes: "ours", ...GREY },
  { label: "select", dashes: "ours", ...ORANGE },
  { label: "poll", dashes: "ours", ...PINK },
  { label: "epoll-level", dashes: "ours", ...BLUE },
  { label: "epoll-edge", dashes: "ours", ...TEAL },
  { label: "io-uring", dashes: "ours", ...GREEN },
  { label: "epoll-edge --coroutine", dashes: "ours", ...VIOLET },
  { label: "thread per client (C)", dashes: "c", ...RED },
  { label: "process per client (C)", dashes: "c", ...BROWN },
  { label: "epoll-edge (C)", dashes: "c", ...TEAL },
  { label: "naive (Python)", dashes: "python", ...GREY },
  { label: "select (Python)", dashes: "python", ...ORANGE },
  { label: "poll (Python)", dashes: "python", ...PINK },
  { label: "epoll-level (Python)", dashes: "python", ...BLUE },
  { label: "epoll-edge (Python)", dashes: "python", ...TEAL },
  { label: "gevent (Python)", dashes: "python", ...VIOLET },
];

const LEGEND_Y = 46;
/** Where the samples begin; the first name is the longest. */
const LEGEND_X = { ours: 64, c: 270, python: 350 } as const;
const LEGEND_LINE = 36;
const TOP = 66;
const BOTTOM = 560;
const LEFT = 64;
const RIGHT = 620;
const LABEL_HEIGHT = 15;
/** Where labels begin, so far to the right of the lines' ends. */
const LABEL_ASIDE = 26;
/** The label of the last tick is moved to the right by this, because the one before it is near. */
const LAST_TICK_ASIDE = 10;
const FD_SETSIZE = 1024;

/** Returns a function from a value to a coordinate, on a logarithmic scale. */
function scale(from: number, to: number, start: number, end: number): (value: number) => number {
  const span = Math.log(to / from);
  return (value) => Math.round((start + Math.log(value / from) / span * (end - start)) * 10) / 10;
}

function text(kind: string, x: number, y: number, content: string): string {
  return `<text class="${kind}" x="${x}" y="${y}">${escape(content)}</text>`;
}

function line(kind: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
}

/** Returns the chart of the round trips. */
export function lineChart({ idleCounts, roundTrips }: Results, language: Language): string {
  const words = WORDS[language];
  const drawn = LINES.map((style, kind) => ({
    ...style,
    kind: `line${kind}`,
    points: (roundTrips?.get(style.label) ?? []).filter((point) => point !== null),
  })).filter(({ points }) => points.length > 0);
  const values = drawn.flatMap(({ points }) => points.map(({ medianMicroseconds }) => medianMicroseconds));
  const lowest = 10 ** Math.floor(Math.log10(Math.min(...values)));
  const highest = 10 ** Math.ceil(Math.log10(Math.max(...values)));
  const toX = scale(idleCounts[0]!, idleCounts.at(-1)!, LEFT, RIGHT);
  const toY = scale(lowest, highest, BOTTOM, TOP);
  const parts: string[] = legend(words.ours);
  for (let value = lowest; value <= highest * 1.001; value *= 10) {
    const y = toY(value);
    parts.push(line("grid", LEFT, y, RIGHT, y), text("unit", LEFT - 8, y + 4, duration(value)));
  }
  for (const idle of idleCounts) {
    const aside = idle === idleCounts.at(-1) ? LAST_TICK_ASIDE : 0;
    parts.push(line("grid", toX(idle), TOP, toX(idle), BOTTOM));
    parts.push(text("tick", toX(idle) + aside, BOTTOM + 18, idle.toLocaleString("en")));
  }
  parts.push(text("tick", (LEFT + RIGHT) / 2, BOTTOM + 38, words.idle));
  if (idleCounts.at(-1)! > FD_SETSIZE && drawn.some(({ label }) => label === "select")) {
    parts.push(line("end", toX(FD_SETSIZE), TOP, toX(FD_SETSIZE), BOTTOM));
    parts.push(text("endText", toX(FD_SETSIZE) - 6, TOP + 14, words.end));
  }
  for (const { kind, points, dashes } of drawn) {
    const places = points.map(({ idle, medianMicroseconds }) => `${toX(idle)},${toY(medianMicroseconds)}`);
    parts.push(`<polyline class="line ${kind} ${dashes}" points="${places.join(" ")}"/>`);
    for (const place of places) {
      const [x, y] = place.split(",");
      parts.push(`<circle class="${kind}" cx="${x}" cy="${y}" r="3"/>`);
    }
  }
  parts.push(...lineLabels(
    drawn.map(({ kind, label, points }) => {
      const last = points.at(-1)!;
      return { kind, label, x: toX(last.idle), y: toY(last.medianMicroseconds) };
    }),
  ));
  const colour = (shade: "light" | "dark", indent: string) =>
    drawn.map((each) =>
      `${indent}.line.${each.kind}, .lead.${each.kind} { stroke: ${
        each[shade]
      } } circle.${each.kind}, text.${each.kind} { fill: ${each[shade]} }`
    ).join("\n");
  return svg({
    width: WIDTH,
    height: BOTTOM + 54,
    title: words.roundTrips,
    label: words.roundTripsLabel,
    style: `  .unit, .endText { text-anchor: end }
  .tick { text-anchor: middle }
  .grid { stroke: #e9ecef }
  .end { stroke: #e67700; stroke-dasharray: 4 4 }
  .endText { fill: #e67700 }
  .line { fill: none; stroke-width: 2 }
  .sample { stroke: #333; stroke-width: 2 }
  .lead { stroke-width: 0.7 }
  .early { paint-order: stroke; stroke: #fff; stroke-width: 4px }
  .c { stroke-dasharray: ${DASHES.c} }
  .python { stroke-dasharray: ${DASHES.python} }
${colour("light", "  ")}`,
    dark: `    .grid { stroke: #2b2f36 }
    .end { stroke: #ffc078 }
    .endText { fill: #ffc078 }
    .sample { stroke: #d8dbe0 }
    .early { stroke: #16181c }
${colour("dark", "    ")}`,
    parts,
  });
}

/** Returns a sample of each dash pattern with its language. */
function legend(ours: string): string[] {
  const names = { ours: `${ours} (TypeScript)`, c: "C", python: "Python" };
  return (["ours", "c", "python"] as const).flatMap((dashes) => {
    const x = LEGEND_X[dashes];
    return [
      line(`sample ${dashes}`, x, LEGEND_Y - 4, x + LEGEND_LINE, LEGEND_Y - 4),
      text("legend", x + LEGEND_LINE + 8, LEGEND_Y, names[dashes]),
    ];
  });
}

/** The end of a line, and what is written there. */
interface End {
  readonly kind: string;
  readonly label: string;
  readonly x: number;
  readonly y: number;
}

/**
 * Returns the labels of the lines in one column at the right. Labels that would overlap are moved apart, around the
 * middle of their group; a thin line leads from each to the end of its line. A line that ends earlier has its label
 * there.
 */
function lineLabels(ends: readonly End[]): string[] {
  const early = ends.filter(({ x }) => x < RIGHT - 1);
  const late = ends.filter(({ x }) => x >= RIGHT - 1);
  const parts: string[] = [];
  for (const [end, y] of spread(early)) {
    parts.push(text(`${end.kind} early`, end.x + 8, y + 4, end.label));
  }
  for (const [end, y] of spread(late)) {
    parts.push(line(`lead ${end.kind}`, RIGHT + 5, end.y, RIGHT + LABEL_ASIDE - 4, y));
    parts.push(text(end.kind, RIGHT + LABEL_ASIDE, y + 4, end.label));
  }
  return parts;
}

/** Returns a place for each label: as near to the end of its line as the others allow. */
function spread(ends: readonly End[]): [end: End, y: number][] {
  const groups: { ends: End[]; top: number }[] = [];
  for (const end of ends.toSorted((a, b) => a.y - b.y)) {
    let group = { ends: [end], top: end.y };
    for (let before = groups.at(-1); before !== undefined; before = groups.at(-1)) {
      if (before.top + before.ends.length * LABEL_HEIGHT <= group.top) break;
      groups.pop();
      const together = [...before.ends, ...group.ends];
      const middle = together.reduce((sum, { y }) => sum + y, 0) / together.length;
      const height = (together.length - 1) * LABEL_HEIGHT;
      group = { ends: together, top: Math.max(TOP, Math.min(BOTTOM - height, middle - height / 2)) };
    }
    groups.push(group);
  }
  return groups.flatMap(({ ends, top }) =>
    ends.map((end, i): [End, number] => [end, Math.round((top + i * LABEL_HEIGHT) * 10) / 10])
  );
}

function duration(microseconds: number): string {
  return microseconds >= 1000 ? `${microseconds / 1000} ms` : `${microseconds} µs`;
}
