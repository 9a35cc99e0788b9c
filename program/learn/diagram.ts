/**
 * Draws the story of a connection: its turns as lines, and the states as boxes, of which those that it was in have heavy
 * lines.
 * @module
 */
import { LEFT_OUT_AT, type Story, type Turn } from "./story.ts";

/** The usual states, in the order in which a request passes them. */
const USUAL = ["accepted", "reading", "handling", "writing", "idle", "closed"];
/** All states. The others are drawn only for connections that were in them. */
const ALL = ["accepted", "reading", "reading-body", "handling", "writing", "idle", "lingering", "closed"];
const COLUMNS = 80;
const INDENT = "  ";
/** Columns of the time of a turn. */
const TIME_COLUMNS = 9;

/** Light and heavy lines: corners, horizontal, vertical. */
const LIGHT = "┌┐└┘─│";
const HEAVY = "┏┓┗┛━┃";

/** Styles a text with a number of ECMA-48; without colours it returns the text. */
export type Style = (code: number, text: string) => string;

const BOLD = 1;
const FAINT = 2;

/** Returns a duration with its unit, such as `0.2 ms` and `5.0 s`. */
export function duration(ms: number): string {
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Returns the lines of `story`: a heading, its turns, and the states. `heading` names the connection. */
export function storyLines(story: Story, heading: string, style: Style): string[] {
  const turns = story.turns.flatMap((turn, i) => {
    const isGap = story.leftOut > 0 && i === LEFT_OUT_AT;
    const gap = isGap ? [`${INDENT}${"".padStart(TIME_COLUMNS)}  … (${story.leftOut})`] : [];
    return [...gap, ...turnLines(turn)];
  });
  return [style(BOLD, heading), ...turns, ...boxLines(story, style)];
}

/** Returns a turn as one line, or several if it is long: when, what the wait returned, the calls, the state. */
function turnLines({ atMs, wait, calls, state, times }: Turn): string[] {
  const many = times === 1 ? "" : ` × ${times}`;
  const parts = [...wait === null ? [] : [wait], ...calls];
  const lines: string[] = [];
  const last = `${parts.pop()}${state === null ? "" : ` → ${state}`}${many}`;
  let line = "";
  for (const part of [...parts.map((part) => `${part}, `), last]) {
    if (INDENT.length + TIME_COLUMNS + 2 + line.length + part.trimEnd().length > COLUMNS) {
      lines.push(line);
      line = "";
    }
    line += part;
  }
  lines.push(line);
  return lines.map((line, i) =>
    `${INDENT}${(i === 0 ? duration(atMs) : "").padStart(TIME_COLUMNS)}  ${line.trimEnd()}`
  );
}

/** Returns the boxes, with the time that the connection has waited in each state. */
function boxLines({ passed, waitedMs }: Story, style: Style): string[] {
  const boxes = ALL.filter((state) => passed.has(state) || USUAL.includes(state)).map((state) => {
    const waited = waitedMs.get(state);
    const time = waited === undefined ? "" : duration(waited);
    return { state, time, width: Math.max(state.length, time.length), isPassed: passed.has(state) };
  });
  const widthOf = (list: typeof boxes) => list.reduce((sum, { width }) => sum + width + 5, INDENT.length - 1);
  const shown = widthOf(boxes) > COLUMNS ? boxes.filter(({ isPassed }) => isPassed) : boxes;
  const row = (draw: (box: typeof boxes[number], lines: string) => string, between: string) => {
    const drawn = shown.map((box) =>
      style(box.isPassed ? BOLD : FAINT, draw(box, box.isPassed ? HEAVY : LIGHT))
    );
    return `${INDENT}${drawn.join(between)}`;
  };
  return [
    row(({ width }, l) => l[0]! + l[4]!.repeat(width + 2) + l[1]!, " "),
    row(({ state, width }, l) => `${l[5]} ${state.padEnd(width)} ${l[5]}`, "▶"),
    row(({ time, width }, l) => `${l[5]} ${time.padEnd(width)} ${l[5]}`, " "),
    row(({ width }, l) => l[2]! + l[4]!.repeat(width + 2) + l[3]!, " "),
  ];
}
