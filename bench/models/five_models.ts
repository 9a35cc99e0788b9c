/**
 * Draws the five I/O models of docs/io-models.md: where the thread is while data arrives and is copied. Nothing in this
 * picture is measured.
 * @module
 */
import { escape, svg } from "../chart.ts";
import type { Language } from "./words.ts";

/** The name of the picture. */
export const FIVE_MODELS = "five";

const WORDS = {
  "en": {
    title: "One read in the five I/O models: where the thread is",
    phases: ["1. waiting for data", "2. copying", "data in the program"],
    keys: ["asleep in the kernel", "at work in the kernel", "runs the program"],
    names: ["blocking", "non-blocking", "multiplexing", "signal-driven", "asynchronous"],
    wait: "asleep",
    retry: "recv → EAGAIN, again and again",
    free: "free for other work",
    copiedByKernel: "the kernel copies",
    submit: "submit",
    completion: "completion",
  },
  "zh-CN": {
    title: "五种 I/O 模型中的一次读取：线程在哪里",
    phases: ["1. 等待数据", "2. 复制数据", "数据已在程序中"],
    keys: ["在内核中睡眠", "在内核中工作", "运行程序"],
    names: ["阻塞", "非阻塞", "多路复用", "信号驱动", "异步"],
    wait: "睡眠",
    retry: "recv → EAGAIN，一次又一次",
    free: "可以做别的事",
    copiedByKernel: "内核复制",
    submit: "提交",
    completion: "完成通知",
  },
} as const;

/** The second line of each name: what belongs to the model. These are names of calls and models. */
const EXAMPLES: Readonly<Record<Language, readonly string[]>> = {
  "en": ["thread, process per client", "naive", "select, poll, epoll", "SIGIO", "io_uring completion"],
  "zh-CN": ["每客户端一个线程/进程", "naive", "select、poll、epoll", "SIGIO", "io_uring（完成）"],
};

const WIDTH = 760;
const LEFT = 186;
const ARRIVAL = 480;
const COPIED = 600;
const RIGHT = 744;
const KEYS_Y = 50;
const PHASES_Y = 82;
const FIRST_ROW = 94;
const ROW = 56;
const BAR = 22;
/** A call that returns at once. */
const TICK = 7;
/** The length of what the program does before its call. */
const PROLOGUE = 24;
/** The program's time between a notice and its `recv`. */
const NOTICE = 22;
const RETRIES = 6;

type Place = "asleep" | "kernel" | "program";

/** A span of a thread's time. */
interface Span {
  readonly place: Place;
  readonly from: number;
  readonly to: number;
  /** What is written in the span. */
  readonly text?: string;
}

/** Returns the spans of the thread in each model. */
function rowsOf(language: Language): readonly (readonly Span[])[] {
  const words = WORDS[language];
  const begin = LEFT + PROLOGUE;
  const copyLength = COPIED - ARRIVAL;
  const prologue: Span = { place: "program", from: LEFT, to: begin };
  const copyFrom = (from: number): Span[] => [
    { place: "kernel", from, to: from + copyLength, text: "recv" },
    { place: "program", from: from + copyLength, to: RIGHT },
  ];
  const retries: Span[] = [];
  const period = (ARRIVAL - begin) / RETRIES;
  for (let at = begin; at < ARRIVAL - 1; at += period) {
    retries.push({ place: "kernel", from: at, to: at + TICK });
    retries.push({ place: "program", from: at + TICK, to: at + period });
  }
  const late = ARRIVAL + NOTICE;
  return [
    [
      prologue,
      { place: "asleep", from: begin, to: ARRIVAL, text: `recv: ${words.wait}` },
      ...copyFrom(ARRIVAL),
    ],
    [prologue, ...retries, { place: "program", from: ARRIVAL, to: late }, ...copyFrom(late)],
    [
      prologue,
      { place: "asleep", from: begin, to: ARRIVAL, text: `epoll_wait: ${words.wait}` },
      { place: "program", from: ARRIVAL, to: late },
      ...copyFrom(late),
    ],
    [
      prologue,
      { place: "kernel", from: begin, to: begin + TICK },
      { place: "program", from: begin + TICK, to: late, text: words.free },
      ...copyFrom(late),
    ],
    [
      prologue,
      { place: "kernel", from: begin, to: begin + TICK },
      { place: "program", from: begin + TICK, to: ARRIVAL, text: words.free },
      { place: "program", from: ARRIVAL, to: RIGHT },
    ],
  ];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function text(kind: string, x: number, y: number, content: string): string {
  return `<text class="${kind}" x="${round(x)}" y="${round(y)}">${escape(content)}</text>`;
}

function rect(kind: string, x: number, y: number, width: number, height = BAR): string {
  return `<rect class="${kind}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${height}"/>`;
}

/** Returns the picture. */
export function fiveModels(language: Language): string {
  const words = WORDS[language];
  const rows = rowsOf(language);
  const bottom = FIRST_ROW + rows.length * ROW;
  const parts: string[] = [];
  for (const [i, place] of (["asleep", "kernel", "program"] as const).entries()) {
    const x = LEFT + i * 180;
    parts.push(rect(place, x, KEYS_Y - 11, 22, 13), text("key", x + 30, KEYS_Y, words.keys[i]!));
  }
  const ends = [LEFT, ARRIVAL, COPIED, RIGHT];
  for (const [i, phase] of words.phases.entries()) {
    parts.push(text("phase", (ends[i]! + ends[i + 1]!) / 2, PHASES_Y, phase));
  }
  for (const [i, spans] of rows.entries()) {
    const y = FIRST_ROW + i * ROW;
    parts.push(
      text("name", 16, y + 12, words.names[i]!),
      text("example", 16, y + 28, EXAMPLES[language][i]!),
    );
    for (const { place, from, to, text: content } of spans) {
      parts.push(rect(place, from, y, to - from));
      if (content !== undefined) parts.push(text(`in ${place}Text`, (from + to) / 2, y + 15, content));
    }
  }
  const noteY = (row: number) => FIRST_ROW + row * ROW + BAR + 13;
  const asynchronousY = FIRST_ROW + 4 * ROW;
  parts.push(
    text("note", (LEFT + PROLOGUE + ARRIVAL) / 2, noteY(1), words.retry),
    text("note right", ARRIVAL - 5, noteY(3), "SIGIO"),
    text("note", LEFT + PROLOGUE + TICK / 2, noteY(4), words.submit),
    rect("kernel", ARRIVAL, asynchronousY + BAR + 3, COPIED - ARRIVAL, 13),
    text("in kernelText", (ARRIVAL + COPIED) / 2, noteY(4), words.copiedByKernel),
    text("note left", COPIED + 6, noteY(4), words.completion),
  );
  for (const x of [ARRIVAL, COPIED]) {
    parts.push(`<line class="border" x1="${x}" y1="${PHASES_Y + 6}" x2="${x}" y2="${bottom - 8}"/>`);
  }
  return svg({
    width: WIDTH,
    height: bottom + 4,
    title: words.title,
    label: words.title,
    style: `  .name { font-weight: 600 }
  .example { font-size: 11px; fill: #666 }
  .phase, .note, .in { text-anchor: middle }
  .note, .in { font-size: 10.5px }
  .note.left { text-anchor: start }
  .note.right { text-anchor: end }
  .border { stroke: #333; stroke-dasharray: 3 3 }
  .asleep { fill: #dee2e6 }
  .kernel { fill: #0b7285 }
  .program { fill: #ffd8a8 }
  .asleepText, .programText { fill: #333 }
  .kernelText { fill: #fff }`,
    dark: `    .example { fill: #adb5bd }
    .border { stroke: #d8dbe0 }
    .asleep { fill: #343a40 }
    .kernel { fill: #3bc9db }
    .program { fill: #845a2b }
    .asleepText, .programText { fill: #f1f3f5 }
    .kernelText { fill: #16181c }`,
    parts,
  });
}
