/**
 * Attacks at full size: `deno task attack [NAME...]`. It prints a line of a table for each.
 * @module
 */
import { Attackers, type Probe, residentBytes, startProgram, startServer } from "../support/attackers.ts";
import { concat } from "../../server/http/bytes.ts";
import { type Program, programCommand, Site } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";
import { shortage } from "./descriptors.ts";
import { besideDownloads } from "./fairness.ts";
import { CONNECTION_FLOODS, connectionFlood, endlessFlood, http2Flood, PIPELINING_FLOODS } from "./floods.ts";
import { garbage } from "./garbage.ts";
import { floodBytes, HTTP2_FLOODS } from "./http2_floods.ts";
import { halfClosed } from "./half_close.ts";
import { MODES, slowHttpTest } from "./slow_http.ts";
import { stall, stalls } from "./stalls.ts";
import { sleep } from "../support/sleep.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

const CLIENTS = 1000;
const STALL_SECONDS = 5;
const BIG_BYTES = 120 * 1024 * 1024;
const HALF_CLOSED_BYTES = 50 * 1024 * 1024;
const HTTP2_CLIENTS = 20;
const HTTP2_BYTES = 4 * 1024 * 1024;
const SMALL_HEAP = ["env", "DENO_V8_FLAGS=--max-semi-space-size=4"];
const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n";

const random = new Random();
const noise = Uint8Array.from({ length: 1 << 20 }, () => random.below(256));
const big = new Uint8Array(BIG_BYTES);
for (let i = 0; i < big.length; i += noise.length) big.set(noise, i);

const attackers = new Attackers();
const site = new Site({ "index.html": "hello", big, "half": big.subarray(0, HALF_CLOSED_BYTES) });
let name = "";

function row(what: string, ...figures: string[]): void {
  console.log(
    `| ${what} | ${figures.filter((figure) => figure !== "").join("; ")} | \`deno task attack ${name}\` |`,
  );
}

function ms(value: number): string {
  return value < 100 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function others({ requests, failed, others, otherStatus, medianMs, worstMs }: Probe): string {
  const bad = failed > 0 ? `, ${failed} WITHOUT AN ANSWER` : "";
  const odd = others > 0 ? `, ${others} TOLD ${otherStatus}` : "";
  return `others served within ${ms(worstMs)} (median ${ms(medianMs)}, ${requests} requests${bad}${odd})`;
}

function told(statuses: Readonly<Record<string, number>>): string {
  const entries = Object.entries(statuses).map(([status, count]) =>
    status === "0" ? `${count} closed without an answer` : `${count} told ${status}`
  );
  return entries.join(", ");
}

async function served(
  args: readonly string[],
  use: (program: Program) => Promise<void>,
  starting: Promise<Program> = startServer(site.root, args),
): Promise<void> {
  const program = await starting;
  try {
    await sleep(500);
    await use(program);
  } finally {
    await program[Symbol.asyncDispose]();
  }
}

/** Measures the delays of the machine itself, without an attack. */
async function baseline(): Promise<void> {
  await served(
    [],
    async (program) => row("nothing, for comparison", others(await attackers.probe(program.port, 5))),
  );
}

async function stalled(): Promise<void> {
  const timeouts = ["head", "body", "send", "keep-alive"].flatMap((what) => [
    `--${what}-timeout`,
    `${STALL_SECONDS}s`,
  ]);
  for (const kind of stalls()) {
    await served(timeouts, async (program) => {
      const { lastCutMs, percent, arrival, probe, statuses } = await stall(
        attackers,
        program,
        kind,
        CLIENTS,
        STALL_SECONDS * 1000,
      );
      row(
        `${CLIENTS} clients: ${kind.name}, deadline ${STALL_SECONDS} s`,
        `the last cut off after ${(lastCutMs / 1000).toFixed(1)} s`,
        told(statuses),
        `${Math.max(percent, 0).toFixed(1)} % of a processor`,
        others(probe),
        `${ms(arrival.worstMs)} while all came at once`,
      );
    });
  }
}

async function slow(): Promise<void> {
  for (const [mode, words] of Object.entries(MODES)) {
    await served([], async (program) => {
      const { connected, closed, probe } = await slowHttpTest(attackers, program, words, CLIENTS, 25);
      row(`slowhttptest, ${mode}`, `${connected} connected, ${closed} closed in 25 s`, others(probe));
    });
  }
}

async function fair(): Promise<void> {
  for (
    const [what, args] of [
      ["by sendfile", []],
      ["from memory", ["--cache-file-size", "256M", "--cache-size", "1G"]],
    ] as const
  ) {
    for (const count of [4, 100]) {
      await served(args, async (program) => {
        const { probe, bytesPerSecond } = await besideDownloads(attackers, program, "/big", count, 8);
        row(
          `a small file beside ${count} downloads of ${mib(BIG_BYTES)}, ${what}`,
          others(probe),
          `downloads ${mib(bytesPerSecond)}/s`,
        );
      });
    }
  }
}

async function descriptors(): Promise<void> {
  const small = `${REQUEST}X: `;
  const download = "GET /half HTTP/1.1\r\nHost: x\r\n\r\n";
  const many = ["--max-connections", "100000"];
  for (
    const [what, args, send, isEcho] of [
      ["", [], small, false],
      [", --max-connections 100000", many, small, false],
      [", the same, downloading", many, download, false],
      [", downloading", [], download, false],
      [", the same, --poller select", [...many, "--poller", "select"], download, false],
      [", the same, --coroutine", [...many, "--coroutine"], download, false],
      [", the same, echo", [...many, "--handler", "echo"], "hello", true],
      [", the same, echo as a coroutine", [...many, "--handler", "echo", "--coroutine"], "hello", true],
    ] as const
  ) {
    const { statuses, percent, serviceMs, stderr, code } = await shortage(attackers, site.root, args, send, {
      count: CLIENTS,
      isEcho,
    });
    row(
      `${CLIENTS} clients with \`ulimit -n 256\`${what}`,
      told(statuses),
      `${percent.toFixed(0)} % of a processor`,
      `full service after ${ms(serviceMs)}`,
      `${stderr.length} lines of errors: ${[...new Set(stderr)].join("; ")}`,
      code === 0 ? "" : `EXIT STATUS ${code}`,
    );
  }
}

async function half(): Promise<void> {
  for (const poller of USABLE_POLLERS) {
    for (const coroutine of [[], ["--coroutine"]]) {
      await served(["--poller", poller, ...coroutine], async (program) => {
        let whole = 0;
        for (let i = 0; i < 100; i++) {
          if (await halfClosed(program.port, "/", new TextEncoder().encode("hello"))) whole++;
        }
        let large = 0;
        for (let i = 0; i < 3; i++) {
          if (await halfClosed(program.port, "/half", big.subarray(0, HALF_CLOSED_BYTES))) large++;
        }
        row(
          `request, then half-close: ${[poller, ...coroutine].join(" ")}`,
          `whole answers: ${whole} of 100 small, ${large} of 3 with 50 MiB`,
        );
      });
    }
  }
}

async function floods(): Promise<void> {
  for (const what of CONNECTION_FLOODS) {
    await served([], async (program) => {
      const { count, probe, descriptorsMs, mostBytes, lastBytes } = await connectionFlood(
        attackers,
        program,
        what,
        10,
      );
      row(
        `connect, ${what}, at full speed for 10 s`,
        `${count} connections`,
        others(probe),
        `descriptors back after ${ms(descriptorsMs)}`,
        `memory +${mib(mostBytes)}, +${mib(lastBytes)} at the end`,
      );
    });
  }
}

async function pipelining(): Promise<void> {
  for (const [what, behaviour] of Object.entries(PIPELINING_FLOODS)) {
    for (const count of [1, 100]) {
      await served([], async (program) => {
        const { count: bytes, probe, mostBytes, lastBytes } = await endlessFlood(
          attackers,
          program,
          behaviour,
          count,
          8,
        );
        row(
          `${count} pipelining, ${what}`,
          `${mib(bytes)} of requests sent`,
          others(probe),
          `memory +${mib(mostBytes)}, +${mib(lastBytes)} at the end`,
        );
      });
    }
  }
}

/** Floods of HTTP/2. V8's flag is that of the compiled program: without it, the garbage of any load takes up to 50 MiB. */
async function http2(): Promise<void> {
  for (const flood of HTTP2_FLOODS) {
    const roundBytes = concat(flood.round(0, 3)).length;
    const bytes = floodBytes(flood, Math.min(Math.ceil(HTTP2_BYTES / roundBytes), 50_000));
    for (const count of [1, HTTP2_CLIENTS]) {
      await served([], async (program) => {
        await attackers.probe(program.port, 2, "/", "127.0.0.10", "http2"); // its code is compiled then
        const { cut, probes: [first, second], mostBytes } = await http2Flood(
          attackers,
          program,
          flood,
          bytes,
          count,
          5,
        );
        const isEnded = flood.codes.length > 0;
        row(
          `${count} ${count === 1 ? "client" : "clients"} with HTTP/2: ${flood.name}`,
          isEnded && cut < count ? `ONLY ${cut} SENT AWAY` : `${cut} sent away`,
          others(first),
          `by HTTP/2: ${others(second)}`,
          `memory +${mib(mostBytes)}`,
        );
      }, startProgram([...SMALL_HEAP, ...programCommand(["--port", "0", "--root", site.root])]));
    }
  }
}

async function rubbish(): Promise<void> {
  console.log(`seed ${SEED}`);
  await served([], async (program) => {
    for (const { name, behaviour } of garbage(noise)) {
      const flood = await endlessFlood(attackers, program, behaviour, 100, 3);
      row(
        `100 clients: ${name}`,
        told(flood.statuses),
        others(flood.probe),
        `memory +${mib(flood.mostBytes)}`,
      );
    }
    row("after all of it", `${mib(residentBytes(program.pid))} of memory`);
  });
}

async function addresses(): Promise<void> {
  const limits = ["--max-per-ip", "50", "--rate", "400/s", "--max-connections", "200"];
  for (const what of CONNECTION_FLOODS) {
    await served(limits, async (program) => {
      const flood = await connectionFlood(attackers, program, what, 8, "127.0.0.5", "127.0.0.9");
      row(`connect, ${what}, from one address`, `${flood.count} connections`, others(flood.probe));
    });
  }
  await served(limits, async (program) => {
    const behaviour = { send: `${REQUEST}X: `, drip: "a", step: 1, ms: 500, read: -1, from: "127.0.0.5" };
    const flood = await endlessFlood(attackers, program, behaviour, CLIENTS, 8);
    row(`${CLIENTS} slow heads from one address`, told(flood.statuses), others(flood.probe));
  });
  await served(limits, async (program) => {
    const behaviour = { drip: `${REQUEST}\r\n`.repeat(100), step: 0, read: -1, from: "127.0.0.5" };
    const flood = await endlessFlood(attackers, program, behaviour, 20, 8);
    row("20 clients of one address at full speed", `${mib(flood.count)} of requests`, others(flood.probe));
  });
}

const ATTACKS: Readonly<Record<string, () => Promise<void>>> = {
  baseline,
  stalled,
  slow,
  fair,
  descriptors,
  half,
  floods,
  pipelining,
  http2,
  rubbish,
  addresses,
};

const names = Deno.args.length > 0 ? Deno.args : Object.keys(ATTACKS);
const unknown = names.find((name) => !(name in ATTACKS));
if (unknown !== undefined) {
  console.error(`There is no attack ${unknown}; there are ${Object.keys(ATTACKS).join(", ")}`);
  Deno.exit(2);
}
try {
  console.log("| attack | figure | command |\n| --- | --- | --- |");
  for (name of names) await ATTACKS[name]!();
} finally {
  attackers[Symbol.dispose]();
  site[Symbol.dispose]();
}
