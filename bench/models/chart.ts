/**
 * Draws the measured pictures of docs/io-models.md.
 * @module
 */
import { escape, svg } from "../chart.ts";
import { lineChart } from "./line_chart.ts";
import type { Measurement, Results } from "./measurements.ts";
import { type Kind, MODELS } from "./models.ts";
import { figure } from "./report.ts";
import { CHART_WORDS as WORDS, type Language } from "./words.ts";

const WIDTH = 760;
const TOP = 44;
const BAR = 20;
const BAR_LEFT = 190;
/** The room between the bars of two kinds of models. */
const GAP = 10;

/** The colours of the bars. */
const COLOURS: Readonly<Record<Kind, { light: string; dark: string }>> = {
  callback: { light: "#0b7285", dark: "#3bc9db" },
  coroutine: { light: "#7950f2", dark: "#b197fc" },
  c: { light: "#868e96", dark: "#868e96" },
  python: { light: "#e8a33d", dark: "#c98a2b" },
};

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

function barChart(title: string, bars: readonly { label: string; value: number }[]): string {
  const largest = Math.max(...bars.map(({ value }) => value));
  const text = (kind: string, x: number, y: number, content: string) =>
    `<text class="${kind}" x="${x}" y="${y}">${escape(content)}</text>`;
  const parts: string[] = [];
  let y = TOP;
  let before: Kind | undefined;
  for (const { label, value } of bars) {
    const kind = MODELS.find((model) => model.label === label)!.kind;
    if (before !== undefined && kind !== before) y += GAP;
    before = kind;
    const width = Math.max(1, Math.round(value / largest * (WIDTH - BAR_LEFT - 70)));
    const middle = y + BAR / 2 + 3;
    parts.push(
      text("name", BAR_LEFT - 8, middle, label) +
        `<rect class="${kind}" x="${BAR_LEFT}" y="${y}" width="${width}" height="${BAR - 4}" rx="2"/>` +
        text("value", BAR_LEFT + width + 6, middle, figure(value)),
    );
    y += BAR;
  }
  const colours = (shade: "light" | "dark", indent: string) =>
    Object.entries(COLOURS).map(([kind, colour]) => `${indent}.${kind} { fill: ${colour[shade]} }`).join(
      "\n",
    );
  return svg({
    width: WIDTH,
    height: y + 12,
    title,
    label: title,
    style: `  .name { text-anchor: end }\n${colours("light", "  ")}`,
    dark: colours("dark", "    "),
    parts,
  });
}
