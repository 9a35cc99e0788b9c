/**
 * Draws a benchmark: a group of bars for each workload, with this server's bar in colour.
 * @module
 */
import type { Measured } from "./report.ts";

const SHOWN = ["small", "15k", "100k", "304", "random", "10000"];
const BAR = 16;
const GAP = 26;
const LEFT = 190;
const WIDTH = 760;

export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** The parts of an SVG picture. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  /** The description for screen readers. */
  readonly label: string;
  /** CSS besides the frame's; `dark` overrides `style` in dark mode. */
  readonly style: string;
  readonly dark: string;
  readonly parts: readonly string[];
}

/** Returns an SVG with light and dark mode. */
export function svg({ width, height, title, label, style, dark, parts }: Picture): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${
    escape(label)
  }">
<style>
  svg { background: #fff; font: 12px system-ui, sans-serif; fill: #333 }
  .title { font-size: 15px; font-weight: 600 }
${style}
  @media (prefers-color-scheme: dark) {
    svg { background: #16181c; fill: #d8dbe0 }
${dark}
  }
</style>
<text class="title" x="16" y="26">${escape(title)}</text>
${parts.join("\n")}
</svg>
`;
}

/** Returns the bar chart of the workloads in `SHOWN`. */
export function chart(measured: Measured): string {
  const parts: string[] = [];
  let y = 54;
  for (const { workload, samples } of measured.works) {
    if (!SHOWN.includes(workload.key)) continue;
    parts.push(`<text class="work" x="16" y="${y}">${escape(workload.name)}</text>`);
    y += 10;
    const bars = [...samples].toSorted(([, a], [, b]) => a.cpuMicroseconds - b.cpuMicroseconds);
    const largest = bars.at(-1)![1].cpuMicroseconds;
    for (const [name, { cpuMicroseconds }] of bars) {
      const kind = name === "epollet" ? "ours" : name === "C floor" ? "floor" : "other";
      const width = Math.max(1, Math.round(cpuMicroseconds / largest * (WIDTH - LEFT - 70)));
      const middle = y + BAR / 2 + 4;
      parts.push(
        `<text class="name" x="${LEFT - 8}" y="${middle}">${escape(name)}</text>` +
          `<rect class="${kind}" x="${LEFT}" y="${y}" width="${width}" height="${BAR - 3}" rx="2"/>` +
          `<text class="value" x="${LEFT + width + 6}" y="${middle}">${cpuMicroseconds.toFixed(1)}</text>`,
      );
      y += BAR;
    }
    y += GAP;
  }
  return svg({
    width: WIDTH,
    height: y,
    title: "CPU µs per request, lower is better",
    label: "CPU time per request",
    style: `  .work { font-weight: 600 }
  .name { text-anchor: end }
  .ours { fill: #0b7285 }
  .floor { fill: #868e96 }
  .other { fill: #ced4da }`,
    dark: `    .ours { fill: #3bc9db }
    .floor { fill: #868e96 }
    .other { fill: #495057 }`,
    parts,
  });
}
