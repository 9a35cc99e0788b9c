/**
 * What `deno task models` writes: the measured parts of docs/io-models.md in both languages, and the pictures.
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { pictures } from "../../bench/models/chart.ts";
import { FIVE_MODELS, fiveModels } from "../../bench/models/five_models.ts";
import { expectedSeconds, IDLE_COUNTS, MEASUREMENTS, type Results } from "../../bench/models/measurements.ts";
import { MODELS } from "../../bench/models/models.ts";
import { prepare } from "../../bench/models/programs.ts";
import {
  DOCUMENTS,
  measuredSections,
  pictureName,
  replaceMeasured,
  type Report,
  sections,
} from "../../bench/models/report.ts";
import { commandOf } from "../../bench/models/servers.ts";
import type { Language } from "../../bench/models/words.ts";
import { REPOSITORY } from "../support/program.ts";

const DOCS = `${REPOSITORY}docs/`;
const LANGUAGES = Object.keys(DOCUMENTS) as Language[];
const ENGLISH = Deno.readTextFileSync(DOCS + DOCUMENTS["en"]);
const CHINESE = Deno.readTextFileSync(DOCS + DOCUMENTS["zh-CN"]);

/** Returns the cells of the tables, row by row. */
function tables(section: string): string[][] {
  return section.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim().replace(/^-+$/, "-"))
  );
}

Deno.test("both languages have the same tables, except for headings", () => {
  const english = measuredSections(ENGLISH);
  const chinese = measuredSections(CHINESE);
  const expected = ["machine", ...MEASUREMENTS];
  assertEquals(Array.from(english.keys()), expected);
  assertEquals(Array.from(chinese.keys()), expected);
  for (const name of MEASUREMENTS) {
    const rows = tables(english.get(name)!);
    const others = tables(chinese.get(name)!);
    assertEquals(others.length, rows.length, name);
    for (const [i, row] of rows.entries()) {
      const isHeading = rows[i + 1]?.[0] === "-";
      assertEquals(isHeading ? others[i]!.length : others[i], isHeading ? row.length : row, name);
    }
  }
});

const CPU = {
  cpuMicroseconds: 5,
  requestsPerSecond: 1e5,
  p50Microseconds: 30,
  p99Microseconds: 90,
  memoryMiB: 60,
};
const LABELS = MODELS.map(({ label }) => label);
const PROCESSES = "process per client (C)";
const RESULTS: Results = {
  idleCounts: [10, 1000, 3000],
  rooms: new Map([[PROCESSES, { bound: "processes", clients: 2000 }]]),
  roundTrips: new Map(LABELS.map((label) => {
    const points = [10, 990, 3000].map((idle) => ({
      idle,
      medianMicroseconds: idle,
      cpuMicroseconds: idle / 2,
    }));
    const isShort = label.startsWith("select") || label === PROCESSES;
    return [label, isShort ? [...points.slice(0, 2), null] : points];
  })),
  cpu: new Map(LABELS.map((label) => [label, CPU])),
  memory: new Map(
    LABELS.map((label) => {
      const connections = label === PROCESSES ? 2000 : 10_000;
      return [label, label.startsWith("select") ? null : { own: 1000, kernel: null, connections }];
    }),
  ),
  crowd: new Map([
    ["epoll-edge", { ...CPU, connections: 10_000, requests: 1e6, errors: 0 }],
    [PROCESSES, null],
  ]),
};
const REPORT: Report = {
  command: "deno task models 1 1",
  machine: "a machine",
  commit: "0123456",
  rounds: 1,
  seconds: 1,
  results: RESULTS,
  missing: new Map(),
  leftOut: new Map(),
};

Deno.test("a run replaces the text between the markers, and nothing else", () => {
  const withoutMeasured = (text: string) =>
    text.replaceAll(/(<!-- measured:.*-->)[^]*?(?=<!-- end -->)/g, "$1");
  for (const language of LANGUAGES) {
    const document = language === "en" ? ENGLISH : CHINESE;
    const replaced = replaceMeasured(document, sections(REPORT, language));
    assertEquals(withoutMeasured(replaced), withoutMeasured(document));
    const measured = measuredSections(replaced);
    assertStringIncludes(measured.get("machine")!, "0123456");
    assertEquals(tables(measured.get("round-trips")!).find(([cell]) => cell === "`select`")!.slice(1), [
      "10.0",
      "990",
      "–",
    ]);
    assertStringIncludes(measured.get("round-trips")!, "990");
    assertEquals(tables(measured.get("cpu")!).length, 2 + MODELS.length);
    assertThrows(
      () => replaceMeasured(document, new Map([["another", "text"]])),
      Error,
      "no markers for another",
    );
  }
});

Deno.test("a measurement that was left out has a note", () => {
  const missing = new Map([["c10k", "wrk is not installed"] as const]);
  const texts = sections({ ...REPORT, results: { ...RESULTS, crowd: null }, missing }, "en");
  assertEquals(texts.get("c10k"), "Not measured: wrk is not installed.");
});

Deno.test("a model that cannot have so many clients has dashes, and a sentence that says why", () => {
  for (const [language, why] of [["en", "starts no more processes"], ["zh-CN", "更多的进程"]] as const) {
    const texts = sections(REPORT, language);
    for (const name of ["round-trips", "c10k"]) {
      const row = tables(texts.get(name)!).find(([cell]) => cell === `\`${PROCESSES}\``)!;
      assertEquals(row.at(-1), "–", name);
      assertStringIncludes(texts.get(name)!, why);
      assertStringIncludes(texts.get(name)!, "2,000");
    }
    assertStringIncludes(texts.get("memory")!, "2,000");
    assert(!/NaN|undefined/.test(Array.from(texts.values()).join()));
  }
});

Deno.test("models that this machine cannot run are named together with the reason", () => {
  const reason = { "en": "it is refused", "zh-CN": "被拒绝" };
  const leftOut = new Map([["io-uring", reason], ["io-uring --coroutine", reason]]);
  const report = { ...REPORT, leftOut };
  assertStringIncludes(
    sections(report, "en").get("machine")!,
    "Left out: `io-uring`, `io-uring --coroutine` (it is refused).",
  );
  assertStringIncludes(
    sections(report, "zh-CN").get("machine")!,
    "没有测量的模型：`io-uring`、`io-uring --coroutine`（被拒绝）。",
  );
});

Deno.test("every model can be prepared or is left out with a reason, and has a command", async () => {
  const work = await Deno.makeTempDir({ prefix: "epollet-test-" });
  try {
    const { models, leftOut } = await prepare(work);
    assertEquals([...models.map(({ label }) => label), ...leftOut.keys()].toSorted(), LABELS.toSorted());
    assertStringIncludes(Deno.readTextFileSync(`${work}/response`), "HTTP/1.1 200 OK\r\n");
    for (const model of models) {
      for (const task of ["echo", "static"] as const) {
        for (const word of commandOf(model, task, 1, work)) {
          if (word.startsWith("/")) assert(Deno.statSync(word), `${model.label}: ${word}`);
        }
      }
    }
  } finally {
    await Deno.remove(work, { recursive: true });
  }
});

Deno.test("a whole run takes a quarter of an hour at most", () => {
  const plan = { models: MODELS, rounds: 3, seconds: 1, idleCounts: IDLE_COUNTS };
  const total = MEASUREMENTS.reduce((sum, each) => sum + expectedSeconds(each, plan), 0);
  assert(total <= 15 * 60, `${total} s`);
});

Deno.test("the picture of the five models is the one that the program draws", () => {
  // The file is formatted, so only shapes and texts are compared.
  const shapes = (svg: string) =>
    Array.from(
      svg.matchAll(/<(?:text|rect|line)\b[^>]*>[^<]*/g),
      ([shape]) => shape.replace(/\s*\/?>/, ">").replaceAll(/\s+/g, " ").trim(),
    );
  for (const language of LANGUAGES) {
    const name = pictureName(FIVE_MODELS, language);
    const drawn = shapes(fiveModels(language));
    assert(drawn.length > 50);
    assertEquals(shapes(Deno.readTextFileSync(DOCS + name)), drawn);
    assertStringIncludes(language === "en" ? ENGLISH : CHINESE, `](${name})`);
  }
});

Deno.test("the pictures have a line or a bar for each model, and select's line ends where its descriptors do", () => {
  for (const language of LANGUAGES) {
    const drawn = pictures(RESULTS, language);
    assertEquals(Array.from(drawn.keys()), ["round-trips", "cpu", "memory"]);
    for (const picture of drawn.values()) {
      assert(!/NaN|Infinity|undefined/.test(picture), picture);
      assertStringIncludes(picture, "prefers-color-scheme: dark");
    }
    const picture = drawn.get("round-trips")!;
    const lines = Array.from(picture.matchAll(/<polyline class="line \w+ (\w+)" points="([^"]*)"/g));
    const pointsOf = (wanted: string) =>
      lines.filter(([, dashes]) => dashes === wanted).map(([, , points]) => points!.split(" ").length);
    const hasRing = LABELS.includes("io-uring");
    assertEquals(pointsOf("ours"), [3, 2, 3, 3, 3, ...(hasRing ? [3] : []), 3]);
    assertEquals(pointsOf("c"), [3, 2, 3]);
    assertEquals(pointsOf("python"), [3, 2, 3, 3, 3, 3]);
    const places = Array.from(
      picture.matchAll(/<text class="line\d+" x="[\d.]+" y="([\d.]+)"/g),
      ([, y]) => Number(y),
    ).toSorted((a, b) => a - b);
    assert(places.length > 10);
    const early = Array.from(picture.matchAll(/ early" x="[\d.]+" y="([\d.]+)"/g), ([, y]) => Number(y));
    assert(new Set(early).size === early.length && early.length >= 3, "labels inside of the picture overlap");
    for (const [i, y] of places.slice(1).entries()) assert(y - places[i]! >= 14.9, `labels at ${y} overlap`);
    assertStringIncludes(drawn.get("round-trips")!, "1,024");
    assertEquals(Array.from(drawn.get("cpu")!.matchAll(/<rect/g)).length, MODELS.length);
  }
});
