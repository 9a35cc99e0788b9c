/**
 * Writes the results of the I/O models into docs/io-models.md and its Chinese version. Replaces only the text between
 * a section's markers.
 * @module
 */
import type { Sample } from "./measure.ts";
import { type Measurement, MEASUREMENTS, type Results } from "./models_measurements.ts";
import { digits, rows } from "./report.ts";

export type Language = "en" | "zh-CN";

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
}

/** The names of the documents, below docs/. */
export const DOCUMENTS: Readonly<Record<Language, string>> = {
  "en": "io-models.md",
  "zh-CN": "io-models.zh-CN.md",
};

/** Returns the name of a picture, below docs/. C10K has none. */
export function pictureName(measurement: Measurement, language: Language): string {
  return `io-models-${measurement}${language === "en" ? "" : `.${language}`}.svg`;
}

const NONE = "–";

/** The texts of the measured sections. */
const WORDS = {
  "en": {
    model: "model",
    roundTripPicture: "Time of one round trip against the number of idle connections",
    median: "Median time of a round trip, µs, by the number of idle connections:",
    roundTripCpu: "CPU time of the server for a round trip, µs:",
    cpuPicture: "CPU time per request of each model",
    cpu: ["CPU µs/request", "requests/s", "99 % within, µs"],
    memoryPicture: "Memory of an idle connection in each model",
    memory: ["server, bytes", "kernel, both ends, bytes"],
    crowd: ["connections at once", "requests", "errors", "requests/s", "median, ms", "99 % within, ms"],
    crowdServer: ["CPU µs/request", "server's memory, MiB"],
    missing: (why: string) => `Not measured: ${why}.`,
    selectHeld: (idle: number, of: number) =>
      `\`select\` has room for ${count(idle)} idle clients in its 1,024 descriptors; its figure for ${
        count(of)
      } was measured with these. Beyond that it has no figures.`,
    machine: ({ command, machine, commit, rounds, seconds }: Report) =>
      `Measured by \`${command}\` on ${machine}, Deno ${Deno.version.deno}${
        commit === "" ? "" : `, at commit ${commit}`
      }: medians of ${rounds} ${
        rounds === 1 ? "round" : "rounds"
      } of ${seconds} s. The server has one processor, the load another. All ` +
      "connections are on the loopback interface. The machine is virtual and shared: ratios within a table mean " +
      "something, absolute times do not.",
  },
  "zh-CN": {
    model: "模型",
    roundTripPicture: "一次往返的时间与空闲连接数的关系",
    median: "一次往返时间的中位数（µs），按空闲连接数：",
    roundTripCpu: "一次往返中服务器消耗的 CPU 时间（µs）：",
    cpuPicture: "各模型每个请求的 CPU 时间",
    cpu: ["CPU µs/请求", "请求/秒", "99 % 的延迟不超过，µs"],
    memoryPicture: "各模型中一个空闲连接占用的内存",
    memory: ["服务器，字节", "内核（连接两端），字节"],
    crowd: ["同时的连接数", "请求数", "错误数", "请求/秒", "中位数，ms", "99 % 的延迟不超过，ms"],
    crowdServer: ["CPU µs/请求", "服务器内存，MiB"],
    missing: (why: string) => `没有测量：${why}。`,
    selectHeld: (idle: number, of: number) =>
      `\`select\` 的 1,024 个描述符只够容纳 ${count(idle)} 个空闲客户端，${
        count(of)
      } 一列是在这个数量下测得的，再往上没有数据。`,
    machine: ({ command, machine, commit, rounds, seconds }: Report) =>
      `测量命令：\`${command}\`；环境：${machine}，Deno ${Deno.version.deno}${
        commit === "" ? "" : `，提交 ${commit}`
      }；结果取 ${rounds} 轮、每轮 ${seconds} 秒的中位数。服务器和负载各占一个处理器，所有连接都走回环接口。` +
      "这是一台共享的虚拟机：同一张表内的比值有意义，绝对时间没有。",
  },
} as const;

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** Formats a figure for a table or a picture. */
export function figure(value: number): string {
  return value >= 1000 ? count(value) : digits(value);
}

/** Returns the sections by the names of their markers. */
export function sections(report: Report, language: Language): Map<string, string> {
  const words = WORDS[language];
  const texts = new Map<string, string>([["machine", words.machine(report)]]);
  for (const measurement of MEASUREMENTS) {
    const why = report.missing.get(measurement);
    texts.set(
      measurement,
      why === undefined ? section(measurement, report.results, language) : words.missing(why),
    );
  }
  return texts;
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
      return picture(words.memoryPicture) + rows(
        [words.model, ...words.memory],
        lines(results.memory, (bytes) => [orNone(bytes?.own), orNone(bytes?.kernel)]),
      );
    case "c10k":
      return rows(
        [words.model, ...words.crowd, ...words.crowdServer],
        lines(results.crowd, (crowd) => [
          ...[count(crowd.connections), count(crowd.requests), count(crowd.errors)],
          ...[count(crowd.requestsPerSecond), milliseconds(crowd, "p50Microseconds")],
          ...[milliseconds(crowd, "p99Microseconds"), figure(crowd.cpuMicroseconds), count(crowd.memoryMiB)],
        ]),
      );
  }
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

function roundTrips({ idleCounts, roundTrips: results }: Results, language: Language): string {
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
  return parts.join("\n\n");
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
