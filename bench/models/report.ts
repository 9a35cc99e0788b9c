/**
 * Writes the results of the I/O models into docs/io-models.md and its Chinese version. Replaces only the text between
 * a section's markers.
 * @module
 */
import type { Sample } from "../measure.ts";
import { digits, rows } from "../report.ts";
import { type Crowd, type Measurement, MEASUREMENTS, type Results } from "./measurements.ts";
import { count, type Language, type Reason, REPORT_WORDS as WORDS } from "./words.ts";

/** The results of a run with their circumstances, and the reasons for what is missing. */
export interface Report {
  readonly command: string;
  readonly machine: string;
  /** Empty when the commit is unknown. */
  readonly commit: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: Results;
  readonly missing: ReadonlyMap<Measurement, string>;
  /** The models that could not be measured here. */
  readonly leftOut: ReadonlyMap<string, Reason>;
}

/** The names of the documents, below docs/. */
export const DOCUMENTS: Readonly<Record<Language, string>> = {
  "en": "io-models.md",
  "zh-CN": "io-models.zh-CN.md",
};

/** Returns the file name of a picture, below docs/. */
export function pictureName(name: string, language: Language): string {
  return `io-models-${name}${language === "en" ? "" : `.${language}`}.svg`;
}

const NONE = "–";

/** Formats a figure for a table or a picture. */
export function figure(value: number): string {
  return value >= 1000 ? count(value) : digits(value);
}

/** Returns the sections by the names of their markers. */
export function sections(report: Report, language: Language): Map<string, string> {
  const words = WORDS[language];
  const machine = paragraphs([words.machine(report), ...leftOut(report, language)]);
  const texts = new Map<string, string>([["machine", machine]]);
  for (const measurement of MEASUREMENTS) {
    const why = report.missing.get(measurement);
    texts.set(
      measurement,
      why === undefined ? section(measurement, report.results, language) : words.missing(why),
    );
  }
  return texts;
}

function paragraphs(texts: readonly string[]): string {
  return texts.join("\n\n");
}

/** Returns a sentence about the models that were left out, if there are any. */
function leftOut({ leftOut }: Report, language: Language): string[] {
  if (leftOut.size === 0) return [];
  const labels = Map.groupBy(leftOut, ([, reason]) => reason[language]);
  const words = WORDS[language];
  const groups = Array.from(
    labels,
    ([why, models]) => words.because(models.map(([label]) => `\`${label}\``).join(words.comma), why),
  );
  return [words.leftOut(groups.join(words.semicolon))];
}

function section(measurement: Measurement, results: Results, language: Language): string {
  const words = WORDS[language];
  const picture = (alternative: string) => `![${alternative}](${pictureName(measurement, language)})\n\n`;
  switch (measurement) {
    case "round-trips":
      return picture(words.roundTripPicture) + roundTrips(results, language);
    case "cpu":
      return picture(words.cpuPicture) + rows(
        [words.model, ...words.cpu],
        lines(results.cpu, (sample) => [
          figure(sample.cpuMicroseconds),
          count(sample.requestsPerSecond),
          count(sample.p99Microseconds),
        ]),
      );
    case "memory":
      return picture(words.memoryPicture) + paragraphs([
        rows(
          [words.model, ...words.memory],
          lines(results.memory, (bytes) => [orNone(bytes?.own), orNone(bytes?.kernel)]),
        ),
        ...fewer(results, language),
      ]);
    case "c10k": {
      const columns = [...words.crowd, ...words.crowdServer];
      const ended = Array.from(results.crowd ?? []).flatMap(([label, crowd]) =>
        crowd === null ? [label] : []
      );
      return paragraphs([
        rows([words.model, ...columns], lines(results.crowd, (crowd) => crowdCells(crowd, columns.length))),
        ...bounds(results, language, ended),
      ]);
    }
  }
}

function crowdCells(crowd: Crowd | null, columns: number): string[] {
  if (crowd === null) return new Array(columns).fill(NONE);
  return [
    ...[count(crowd.connections), count(crowd.requests), count(crowd.errors)],
    ...[count(crowd.requestsPerSecond), milliseconds(crowd, "p50Microseconds")],
    ...[milliseconds(crowd, "p99Microseconds"), figure(crowd.cpuMicroseconds), count(crowd.memoryMiB)],
  ];
}

/** Returns a sentence for each model that had fewer idle connections than the others. */
function fewer({ memory }: Results, language: Language): string[] {
  const most = Math.max(...Array.from(memory?.values() ?? [], (bytes) => bytes?.connections ?? 0));
  return Array.from(memory ?? []).flatMap(([label, bytes]) =>
    bytes === null || bytes.connections === most ? [] : [WORDS[language].fewer(label, bytes.connections)]
  );
}

/** Returns a sentence for each of `labels` that cannot have more clients for want of threads or processes. */
function bounds({ rooms }: Results, language: Language, labels: readonly string[]): string[] {
  return labels.flatMap((label) => {
    const room = rooms.get(label);
    if (room?.bound !== "threads" && room?.bound !== "processes") return [];
    return [WORDS[language][room.bound](label, room.clients)];
  });
}

function orNone(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : count(value);
}

function milliseconds(sample: Sample, pick: "p50Microseconds" | "p99Microseconds"): string {
  return figure(sample[pick] / 1000);
}

function lines<T>(results: ReadonlyMap<string, T> | null, show: (result: T) => string[]): string[][] {
  return Array.from(results ?? [], ([label, result]) => [`\`${label}\``, ...show(result)]);
}

function roundTrips(all: Results, language: Language): string {
  const { idleCounts, roundTrips: results } = all;
  const words = WORDS[language];
  const header = [words.model, ...idleCounts.map(count)];
  const table = (pick: "medianMicroseconds" | "cpuMicroseconds") =>
    rows(
      header,
      lines(results, (points) => points.map((point) => point === null ? NONE : figure(point[pick]))),
    );
  const parts = [words.median, table("medianMicroseconds"), words.roundTripCpu, table("cpuMicroseconds")];
  const held = Array.from(results?.get("select") ?? []);
  const short = held.findIndex((point, i) => point !== null && point.idle < idleCounts[i]!);
  if (short >= 0) parts.push(words.selectHeld(held[short]!.idle, idleCounts[short]!));
  const ended = Array.from(results ?? []).flatMap(([label, points]) => points.includes(null) ? [label] : []);
  return paragraphs([...parts, ...bounds(all, language, ended)]);
}

const SECTION = /(<!-- measured: ([\w-]+) -->\n)[^]*?(<!-- end -->)/g;

/**
 * Returns the document with new texts between its markers.
 * @throws {Error} when the document lacks a section's markers.
 */
export function replaceMeasured(document: string, texts: ReadonlyMap<string, string>): string {
  const found = new Set<string>();
  const replaced = document.replaceAll(SECTION, (whole, begin: string, name: string, end: string) => {
    const text = texts.get(name);
    if (text === undefined) return whole;
    found.add(name);
    return `${begin}\n${text}\n\n${end}`;
  });
  const lost = Array.from(texts.keys()).filter((name) => !found.has(name));
  if (lost.length > 0) throw new Error(`no markers for ${lost.join(", ")}`);
  return replaced;
}

/** Returns the texts between the markers of a document, by the names of the markers. */
export function measuredSections(document: string): Map<string, string> {
  return new Map(Array.from(document.matchAll(SECTION), ([whole, begin, name, end]) => [
    name!,
    whole.slice(begin!.length, -end!.length).trim(),
  ]));
}

/** Returns the summary of a run for the terminal. */
export function summary(report: Report): string {
  return Array.from(
    sections(report, "en"),
    ([name, text]) => `${name}\n\n${text.replaceAll(/!\[.*\n\n/g, "")}`,
  ).join("\n\n");
}
