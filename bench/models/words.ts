/**
 * The texts of the measured sections and of the pictures, in both languages.
 * @module
 */
export type Language = "en" | "zh-CN";

/** Why a model was left out. */
export type Reason = Readonly<Record<Language, string>>;

/** Formats a count for a text. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** The circumstances of a run, for {@linkcode REPORT_WORDS}. */
interface Circumstances {
  readonly command: string;
  readonly machine: string;
  readonly commit: string;
  readonly rounds: number;
  readonly seconds: number;
}

/** The texts of the measured sections. */
export const REPORT_WORDS = {
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
    comma: ", ",
    semicolon: "; ",
    leftOut: (models: string) => `Left out: ${models}.`,
    because: (labels: string, why: string) => `${labels} (${why})`,
    selectHeld: (idle: number, of: number) =>
      `\`select\` has room for ${count(idle)} idle clients in its 1,024 descriptors; its figure for ${
        count(of)
      } was measured with these. Beyond that it has no figures.`,
    processes: (label: string, most: number) =>
      `\`${label}\` has no figures beyond ${
        count(most)
      } clients: the measurement starts no more processes, because they would disturb the rest of the machine.`,
    threads: (label: string, most: number) =>
      `\`${label}\` has no figures beyond ${count(most)} clients: this machine allows no more threads.`,
    fewer: (label: string, connections: number) =>
      `\`${label}\` was measured with ${count(connections)} connections.`,
    machine: ({ command, machine, commit, rounds, seconds }: Circumstances) =>
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
    comma: "、",
    semicolon: "；",
    leftOut: (models: string) => `没有测量的模型：${models}。`,
    because: (labels: string, why: string) => `${labels}（${why}）`,
    selectHeld: (idle: number, of: number) =>
      `\`select\` 的 1,024 个描述符只够容纳 ${count(idle)} 个空闲客户端，${
        count(of)
      } 一列是在这个数量下测得的，再往上没有数据。`,
    processes: (label: string, most: number) =>
      `\`${label}\` 超过 ${count(most)} 个客户端就没有数据：测量程序不会启动更多的进程，以免影响整台机器。`,
    threads: (label: string, most: number) =>
      `\`${label}\` 超过 ${count(most)} 个客户端就没有数据：这台机器不允许创建更多的线程。`,
    fewer: (label: string, connections: number) => `\`${label}\` 是用 ${count(connections)} 个连接测得的。`,
    machine: ({ command, machine, commit, rounds, seconds }: Circumstances) =>
      `测量命令：\`${command}\`；环境：${machine}，Deno ${Deno.version.deno}${
        commit === "" ? "" : `，提交 ${commit}`
      }；结果取 ${rounds} 轮、每轮 ${seconds} 秒的中位数。服务器和负载各占一个处理器，所有连接都走回环接口。` +
      "这是一台共享的虚拟机：同一张表内的比值有意义，绝对时间没有。",
  },
} as const;

/** The texts of the pictures. */
export const CHART_WORDS = {
  "en": {
    roundTrips: "Time of one round trip (median), lower is better; both axes are logarithmic",
    roundTripsLabel: "Time of one round trip against the number of idle connections",
    idle: "idle connections",
    end: "select ends: 1,024 descriptors",
    ours: "this server",
    cpu: "CPU µs per request, 64 active connections, lower is better",
    memory: "Bytes of the server's memory for an idle connection, lower is better",
  },
  "zh-CN": {
    roundTrips: "一次往返的时间（中位数），越低越好；两个坐标轴都是对数刻度",
    roundTripsLabel: "一次往返的时间与空闲连接数的关系",
    idle: "空闲连接数",
    end: "select 到此为止：1,024 个描述符",
    ours: "本服务器",
    cpu: "每个请求的 CPU 时间（µs），64 个活跃连接，越低越好",
    memory: "一个空闲连接占用的服务器内存（字节），越低越好",
  },
} as const;
