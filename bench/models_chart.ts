/**
 * Draws the pictures of docs/io-models.md: a line per model over the number of idle connections, and bars.
 * @module
 */
import { escape, svg } from "./chart.ts";
import { type Measurement, type Results } from "./models_measurements.ts";
import { figure, type Language } from "./models_report.ts";

const WIDTH = 760;

const WORDS = {
  "en": {
    roundTrips: "Time of one round trip (median), lower is better; both axes are logarithmic",
    roundTripsLabel: "Time of one round trip against the number of idle connections",
    idle: "idle connections",
    end: "select ends: 1,024 descriptors",
    cpu: "CPU µs per request, 64 active connections, lower is better",
    memory: "Bytes of the server's memory for an idle connection, lower is better",
  },
  "zh-CN": {
    roundTrips: "一次往返的时间（中位数），越低越好；两个坐标轴都是对数刻度",
    roundTripsLabel: "一次往返的时间与空闲连接数的关系",
    idle: "空闲连接数",
    end: "select 到此为止：1,024 个描述符",
    cpu: "每个请求的 CPU 时间（µs），64 个活跃连接，越低越好",
    memory: "一个空闲连接占用的服务器内存（字节），越低越好",
  },
} as const;

/**
 * The models that have a line. The lines of the other coroutine models would coincide with those of the callbacks.
 */
const LINES = [
  { label: "naive", light: "#868e96", dark: "#adb5bd" },
  { label: "select", light: "#e67700", dark: "#ffc078" },
  { label: "poll", light: "#c2255c", dark: "#f783ac" },
  { label: "epoll-level", light: "#1c7ed6", dark: "#74c0fc" },
  { label: "epoll-edge", light: "#0b7285", dark: "#3bc9db" },
  { label: "epoll-edge --coroutine", light: "#5f3dc4", dark: "#b197fc" },
];

const TOP = 48;
const BOTTOM = 400;
const LEFT = 64;
const RIGHT = 586;
const LABEL_HEIGHT = 16;
/** The label of the last tick is moved to the right by this, because the one before it is near. */
const LAST_TICK_ASIDE = 10;
const FD_SETSIZE = 1024;

/** Returns the pictures for the measurements in `results`. */
export function pictures(results: Results, language: Language): Map<Measurement, string> {
  const words = WORDS[language];
  const all = new Map<Measurement, string>();
  if (results.roundTrips !== null) all.set("round-trips", lineChart(results, language));
  if (results.cpu !== null) {
    const bars = Array.from(results.cpu, ([label, sample]) => ({ label, value: sample.cpuMicroseconds }));
    all.set("cpu", barChart(words.cpu, bars));
  }
  if (results.memory !== null) {
    const bars = Array.from(results.memory)
      .flatMap(([label, bytes]) => bytes === null ? [] : [{ label, value: bytes.own }]);
    all.set("memory", barChart(words.memory, bars));
  }
  return all;
}

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

function lineChart({ idleCounts, roundTrips }: Results, language: Language): string {
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
  const parts: string[] = [];
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
  for (const { kind, points } of drawn) {
    const places = points.map(({ idle, medianMicroseconds }) => `${toX(idle)},${toY(medianMicroseconds)}`);
    parts.push(`<polyline class="line ${kind}" points="${places.join(" ")}"/>`);
    for (const place of places) {
      const [x, y] = place.split(",");
      parts.push(`<circle class="${kind}" cx="${x}" cy="${y}" r="3.5"/>`);
    }
  }
  parts.push(...lineLabels(drawn.map(({ kind, label, points }) => {
    const last = points.at(-1)!;
    return { kind, label, x: toX(last.idle), y: toY(last.medianMicroseconds) };
  })));
  const colour = (shade: "light" | "dark", indent: string) =>
    drawn.map((each) =>
      `${indent}.line.${each.kind} { stroke: ${
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
${colour("light", "  ")}`,
    dark: `    .grid { stroke: #2b2f36 }
    .end { stroke: #ffc078 }
    .endText { fill: #ffc078 }
${colour("dark", "    ")}`,
    parts,
  });
}

/**
 * Returns the labels at the ends of the lines, moved apart where they would overlap. A line that ends earlier has its
 * label there.
 */
function lineLabels(ends: { kind: string; label: string; x: number; y: number }[]): string[] {
  const parts: string[] = [];
  let free = -Infinity;
  for (const { kind, label, x, y } of ends.toSorted((a, b) => a.y - b.y)) {
    if (x < RIGHT - 1) {
      parts.push(text(kind, x + 8, y + 4, label));
      continue;
    }
    const place = Math.max(y + 4, free);
    free = place + LABEL_HEIGHT;
    parts.push(text(kind, RIGHT + 10, place, label));
  }
  return parts;
}

function duration(microseconds: number): string {
  return microseconds >= 1000 ? `${microseconds / 1000} ms` : `${microseconds} µs`;
}

const BAR = 20;
const BAR_LEFT = 190;

function barChart(title: string, bars: readonly { label: string; value: number }[]): string {
  const largest = Math.max(...bars.map(({ value }) => value));
  const parts: string[] = [];
  let y = TOP - 4;
  for (const { label, value } of bars) {
    const kind = label.endsWith("--coroutine") ? "coroutine" : "callback";
    if (kind === "coroutine" && !parts.at(-1)?.includes("coroutine")) y += 10;
    const width = Math.max(1, Math.round(value / largest * (WIDTH - BAR_LEFT - 70)));
    const middle = y + BAR / 2 + 3;
    parts.push(
      text("name", BAR_LEFT - 8, middle, label) +
        `<rect class="${kind}" x="${BAR_LEFT}" y="${y}" width="${width}" height="${BAR - 4}" rx="2"/>` +
        text("value", BAR_LEFT + width + 6, middle, figure(value)),
    );
    y += BAR;
  }
  return svg({
    width: WIDTH,
    height: y + 12,
    title,
    label: title,
    style: `  .name { text-anchor: end }
  .callback { fill: #0b7285 }
  .coroutine { fill: #7950f2 }`,
    dark: `    .callback { fill: #3bc9db }
    .coroutine { fill: #b197fc }`,
    parts,
  });
}
