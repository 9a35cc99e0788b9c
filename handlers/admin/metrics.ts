/**
 * Metrics in the text format of Prometheus. Source: its exposition format, version 0.0.4, and its rules for metric
 * names.
 * @module
 */
import { type CertificateStatus, LATENCY_BOUNDS, type Snapshot } from "../../server/metrics/statistics.ts";

/** The media type of {@linkcode metricsText}. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string | number>>;
/** The labels of a value (without `worker`), the value, and the suffix of the metric's name. */
type Sample = readonly [labels: Labels, value: number, suffix?: string];

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  samples(snapshot: Snapshot): readonly Sample[];
}

type Read = (snapshot: Snapshot) => number | undefined;

/**
 * Returns a metric with one value. It has no sample where `read` returns undefined, as for a server without a cache.
 */
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

const STREAM_STATES = ["reading-body", "handling", "writing"];

/** Responses before the first one: Prometheus shows the first increase only of a series that began at 0. */
const NO_RESPONSES = { 200: 0 };

/** Returns the samples of the responses of each status over one protocol. */
function byCode(protocol: string, responses: Snapshot["responses"]): Sample[] {
  return Object.entries({ ...NO_RESPONSES, ...responses })
    .map(([code, count]) => [{ code, protocol }, count] as const);
}

/** Returns the responses that were not sent over HTTP/2. */
function overHttp1({ responses, http2 }: Snapshot): Record<string, number> {
  const counts = Object.entries(responses).map(([code, count]) =>
    [code, count - (http2?.responses[code] ?? 0)] as const
  );
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

const METRICS: readonly Metric[] = [
  {
    name: "epollet_requests_total",
    type: "counter",
    help: "Requests answered, by status code and protocol.",
    samples: (s) => [
      ...byCode("HTTP/1", overHttp1(s)),
      ...(s.http2 === null ? [] : byCode("HTTP/2", s.http2.responses)),
    ],
  },
  {
    name: "epollet_request_duration_seconds",
    type: "histogram",
    help: "Time from a request received in full to the last byte of its response given to the kernel.",
    samples: histogram,
  },
  {
    name: "epollet_connections",
    type: "gauge",
    help: "Open connections, by state.",
    samples: ({ states }) => Object.entries(states).map(([state, count]) => [{ state }, count] as const),
  },
  counter("epollet_connections_accepted_total", "Connections accepted.", (s) => s.accepted),
  counter(
    "epollet_connections_refused_total",
    "Connections refused because a limit was reached.",
    (s) => s.refused,
  ),
  gauge("epollet_http2_connections", "Open connections that speak HTTP/2.", (s) => s.http2?.connections),
  counter(
    "epollet_http2_connections_total",
    "Connections that have spoken HTTP/2.",
    (s) => s.http2?.accepted,
  ),
  {
    name: "epollet_http2_streams",
    type: "gauge",
    help: "Open streams of HTTP/2 that are not answered at once, by state.",
    samples: ({ http2 }) =>
      http2 === null ? [] : STREAM_STATES.map((state) => [{ state }, http2.streams[state] ?? 0] as const),
  },
  {
    name: "epollet_http2_streams_reset_total",
    type: "counter",
    help: "Streams of HTTP/2 that were reset, by the side that has done so.",
    samples: ({ http2 }) =>
      http2 === null
        ? []
        : [[{ by: "client" }, http2.resetByClient], [{ by: "server" }, http2.resetByServer]],
  },
  counter(
    "epollet_http2_streams_refused_total",
    "Streams of HTTP/2 refused because their connection had --max-streams.",
    (s) => s.http2?.refused,
  ),
  {
    name: "epollet_http2_goaways_total",
    type: "counter",
    help: "Connections of HTTP/2 that the server has ended, by error.",
    samples: ({ http2 }) =>
      Object.entries(http2?.goAways ?? {}).map(([error, count]) =>
        [{ error: error.toUpperCase().replaceAll("-", "_") }, count] as const
      ),
  },
  counter("epollet_received_bytes_total", "Bytes received from clients.", (s) => s.receivedBytes),
  counter("epollet_sent_bytes_total", "Bytes sent to clients.", (s) => s.sentBytes),
  counter("epollet_loop_turns_total", "Turns of the event loop.", (s) => s.turns),
  counter("epollet_system_calls_total", "System calls made to serve requests.", (s) => s.systemCalls),
  gauge(
    "epollet_draining",
    "1 while open requests are finished and no new connections are accepted.",
    (s) => s.isDraining ? 1 : 0,
  ),
  gauge("epollet_cache_bytes", "Bytes in the file cache.", (s) => s.cache?.bytes),
  gauge("epollet_cache_limit_bytes", "Most bytes that the file cache may hold.", (s) => s.cache?.bytesMax),
  gauge("epollet_cache_resources", "Resources in the file cache.", (s) => s.cache?.resources),
  counter("epollet_cache_hits_total", "Requests answered from the file cache.", (s) => s.cache?.hits),
  counter("epollet_cache_misses_total", "Requests not found in the file cache.", (s) => s.cache?.misses),
  counter(
    "epollet_cache_evictions_total",
    "Resources evicted from the file cache.",
    (s) => s.cache?.evictions,
  ),
  gauge("epollet_heads", "Request heads kept parsed, recognized by their bytes.", (s) => s.heads.count),
  gauge("epollet_heads_bytes", "Bytes of the request heads kept.", (s) => s.heads.bytes),
  gauge(
    "epollet_heads_limit_bytes",
    "Most bytes of request heads that may be kept.",
    (s) => s.heads.bytesMax,
  ),
  {
    name: "epollet_tls_handshakes_total",
    type: "counter",
    help: "Handshakes of TLS completed, by version.",
    samples: ({ tls }) =>
      tls === null ? [] : [[{ version: "1.2" }, tls.tls12], [{ version: "1.3" }, tls.tls13]],
  },
  counter(
    "epollet_tls_resumptions_total",
    "Handshakes of TLS that resumed a session.",
    (s) => s.tls?.resumed,
  ),
  counter("epollet_tls_failures_total", "Handshakes of TLS that were not completed.", (s) => s.tls?.failed),
  {
    name: "epollet_certificate_not_after_seconds",
    type: "gauge",
    help:
      "End of a certificate, in seconds since the Unix epoch, by its place in the settings and its first name.",
    samples: ({ tls }) =>
      (tls?.certificates ?? []).map(({ name, notAfterMs }, place) =>
        [{ place, name }, notAfterMs / 1000] as const
      ),
  },
  {
    name: "epollet_root_generation",
    type: "gauge",
    help: "How many directories the path of a root has led to since the start, and which it leads to.",
    samples: ({ cache }) =>
      (cache?.roots ?? []).map(({ root, path, generation }) => [{ root, path }, generation] as const),
  },
  {
    name: "epollet_root_since_seconds",
    type: "gauge",
    help: "Since when the present directory of a root is served, in seconds since the Unix epoch.",
    samples: ({ cache }) =>
      (cache?.roots ?? []).map(({ root, sinceMs }) => [{ root }, sinceMs / 1000] as const),
  },
  gauge("epollet_kept_files", "Files that have gone and are held.", (s) => s.cache?.kept?.files),
  gauge("epollet_kept_bytes", "The size of these files.", (s) => s.cache?.kept?.bytes),
  gauge(
    "epollet_kept_held_files",
    "Files that are held to be kept, with those that have not gone.",
    (s) => s.cache?.kept?.heldFiles,
  ),
  gauge("epollet_kept_held_bytes", "The size of these files.", (s) => s.cache?.kept?.heldBytes),
  gauge(
    "epollet_kept_directories",
    "Directories of earlier generations that are still open.",
    (s) => s.cache?.kept?.directories,
  ),
  gauge(
    "epollet_kept_seconds",
    "For how long files are kept.",
    ({ cache }) => cache?.kept ? cache.kept.keptMs / 1000 : undefined,
  ),
  counter(
    "epollet_kept_requests_total",
    "Requests that were answered with a file that had gone.",
    (s) => s.cache?.kept?.asked,
  ),
  gauge("epollet_inotify_watches", "Files and directories watched by inotify.", (s) => s.cache?.watches),
  counter("epollet_inotify_events_total", "Events received from inotify.", (s) => s.cache?.events),
  counter(
    "epollet_inotify_overflows_total",
    "Times that the inotify queue overflowed.",
    (s) => s.cache?.overflows,
  ),
  counter("process_cpu_seconds_total", "User and system time of the process.", (s) => s.cpuSeconds),
  gauge("process_resident_memory_bytes", "Resident memory of the process.", (s) => s.residentBytes),
  gauge("process_open_fds", "Open descriptors of the process.", (s) => s.openDescriptors),
  gauge(
    "process_start_time_seconds",
    "Start time of the process, in seconds since the Unix epoch.",
    (s) => s.startedMs / 1000,
  ),
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

/** Returns all metrics. With several workers, each value has the label `worker`. */
export function metricsText(
  snapshots: readonly Snapshot[],
  version: string,
  names: readonly CertificateStatus[] = [],
): string {
  const [first] = snapshots;
  const built = first === undefined ? {} : { poller: first.poller, trigger: first.trigger };
  let text = head("epollet_build_info", "gauge", "Always 1; the labels say what is running.") +
    line("epollet_build_info", { version, ...built }, 1);
  for (const { name, type, help, samples } of METRICS) {
    let lines = "";
    for (const [worker, snapshot] of snapshots.entries()) {
      const ofWorker: Labels = snapshots.length > 1 ? { worker } : {};
      for (const [labels, value, suffix = ""] of samples(snapshot)) {
        lines += line(name + suffix, { ...ofWorker, ...labels }, value);
      }
    }
    if (lines !== "") text += head(name, type, help) + lines;
  }
  return text + namesText(names);
}

type ReadName = (status: CertificateStatus) => readonly [value: number, labels?: Labels] | null;

/** What is known of each name for which certificates are got by ACME. */
const OF_NAMES: readonly (readonly [name: string, help: string, read: ReadName])[] = [
  [
    "epollet_acme_not_after_seconds",
    "End of the certificate got by ACME, in seconds since the Unix epoch; 0: there is none yet.",
    ({ notAfterMs }) => [(notAfterMs ?? 0) / 1000],
  ],
  [
    "epollet_acme_next_try_seconds",
    "When the authority is asked next, in seconds since the Unix epoch; none: never.",
    ({ nextTryMs }) => nextTryMs === null ? null : [nextTryMs / 1000],
  ],
  [
    "epollet_acme_failing",
    "1 if the last try failed; the label error says why.",
    ({ lastError }) => lastError === null ? [0] : [1, { error: lastError }],
  ],
];

function namesText(names: readonly CertificateStatus[]): string {
  if (names.length === 0) return "";
  return OF_NAMES.map(([metric, help, read]) => {
    const lines = names.map((status) => {
      const { name, authority } = status;
      const [value, more = {}] = read(status) ?? [null];
      return value === null ? "" : line(metric, { name, authority, ...more }, value);
    });
    return head(metric, "gauge", help) + lines.join("");
  }).join("");
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
