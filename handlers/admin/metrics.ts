/**
 * What Prometheus reads. Source: its exposition format, version 0.0.4, and its rules for names of metrics.
 * @module
 */
import { LATENCY_BOUNDS, type Snapshot } from "../../server/metrics/statistics.ts";

/** The media type of {@linkcode metricsText}. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string | number>>;
/** The labels of one value (beside the worker's), the value, and what follows the metric's name. */
type Sample = readonly [labels: Labels, value: number, suffix?: string];

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  samples(snapshot: Snapshot): readonly Sample[];
}

type Read = (snapshot: Snapshot) => number | undefined;

/** A metric of one value; none where there is nothing to count. */
function single(type: "counter" | "gauge", name: string, help: string, read: Read): Metric {
  return {
    name,
    type,
    help,
    samples(snapshot) {
      const value = read(snapshot);
      return value === undefined ? [] : [[{}, value]];
    },
  };
}

const counter = (name: string, help: string, read: Read) => single("counter", name, help, read);
const gauge = (name: string, help: string, read: Read) => single("gauge", name, help, read);

/** Responses of a server that has not sent any: a series that begins at 0 shows its first increase. */
const NO_RESPONSES = { 200: 0 };

const METRICS: readonly Metric[] = [
  {
    name: "epollet_requests_total",
    type: "counter",
    help: "Requests that were answered, by the status of the response.",
    samples: ({ responses }) =>
      Object.entries({ ...NO_RESPONSES, ...responses }).map(([code, count]) => [{ code }, count] as const),
  },
  {
    name: "epollet_request_duration_seconds",
    type: "histogram",
    help: "From the turn in which a request was received whole to the last byte given to the kernel.",
    samples: histogram,
  },
  {
    name: "epollet_connections",
    type: "gauge",
    help: "Connections, by what they do.",
    samples: ({ states }) => Object.entries(states).map(([state, count]) => [{ state }, count] as const),
  },
  counter("epollet_connections_accepted_total", "Clients that were accepted.", (s) => s.accepted),
  counter("epollet_connections_refused_total", "Clients for whom there was no room.", (s) => s.refused),
  counter("epollet_received_bytes_total", "Bytes received from clients.", (s) => s.receivedBytes),
  counter("epollet_sent_bytes_total", "Bytes sent to clients.", (s) => s.sentBytes),
  counter("epollet_loop_turns_total", "Turns of the event loop.", (s) => s.turns),
  counter("epollet_system_calls_total", "System calls that serving has made.", (s) => s.systemCalls),
  gauge(
    "epollet_draining",
    "1 while it finishes what it has begun, and takes no new clients.",
    (s) => s.isDraining ? 1 : 0,
  ),
  gauge("epollet_cache_bytes", "Memory that files take in the cache.", (s) => s.cache?.bytes),
  gauge("epollet_cache_limit_bytes", "Memory that files may take in the cache.", (s) => s.cache?.bytesMax),
  gauge("epollet_cache_resources", "Resources in the cache.", (s) => s.cache?.resources),
  counter("epollet_cache_hits_total", "Requests that the cache answered.", (s) => s.cache?.hits),
  counter("epollet_cache_misses_total", "Requests that the cache could not answer.", (s) => s.cache?.misses),
  counter("epollet_cache_evictions_total", "Resources that left to make room.", (s) => s.cache?.evictions),
  gauge("epollet_heads", "Heads of requests that are known by their bytes.", (s) => s.heads.count),
  gauge("epollet_heads_bytes", "Memory that known heads take.", (s) => s.heads.bytes),
  gauge("epollet_heads_limit_bytes", "Memory that known heads may take.", (s) => s.heads.bytesMax),
  gauge("epollet_inotify_watches", "Files and directories that inotify watches.", (s) => s.cache?.watches),
  counter("epollet_inotify_events_total", "Events that inotify told.", (s) => s.cache?.events),
  counter("epollet_inotify_overflows_total", "Times that inotify lost events.", (s) => s.cache?.overflows),
  counter("process_cpu_seconds_total", "User and system time of the process.", (s) => s.cpuSeconds),
  gauge("process_resident_memory_bytes", "Resident memory of the process.", (s) => s.residentBytes),
  gauge("process_open_fds", "Open descriptors of the process.", (s) => s.openDescriptors),
  gauge("process_start_time_seconds", "When the process started, since 1970.", (s) => s.startedMs / 1000),
];

function histogram({ latencyCounts, latencySumSeconds }: Snapshot): Sample[] {
  const samples: Sample[] = [];
  let count = 0;
  for (const [i, bound] of [...LATENCY_BOUNDS, Infinity].entries()) {
    count += latencyCounts[i] ?? 0;
    samples.push([{ le: bound === Infinity ? "+Inf" : bound }, count, "_bucket"]);
  }
  return [...samples, [{}, latencySumSeconds, "_sum"], [{}, count, "_count"]];
}

/** All metrics; where there are several workers, each says which it is. */
export function metricsText(snapshots: readonly Snapshot[], version: string): string {
  const [first] = snapshots;
  const built = first === undefined ? {} : { poller: first.poller, trigger: first.trigger };
  let text = head("epollet_build_info", "gauge", "Always 1: what is running.") +
    line("epollet_build_info", { version, ...built }, 1);
  for (const { name, type, help, samples } of METRICS) {
    let lines = "";
    for (const [worker, snapshot] of snapshots.entries()) {
      const whose: Labels = snapshots.length > 1 ? { worker } : {};
      for (const [labels, value, suffix = ""] of samples(snapshot)) {
        lines += line(name + suffix, { ...whose, ...labels }, value);
      }
    }
    if (lines !== "") text += head(name, type, help) + lines;
  }
  return text;
}

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function line(name: string, labels: Labels, value: number): string {
  const written = Object.entries(labels).map(([label, text]) => `${label}="${escape(String(text))}"`);
  return `${name}${written.length === 0 ? "" : `{${written.join(",")}}`} ${value}\n`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
