/**
 * The program in a memory cgroup: its memory besides the cache is bounded, and the kernel kills nothing.
 *
 * The limits are those of docs/deploy.md ("Memory"). Each cache is much smaller than the site.
 * @module
 */
import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import zlib from "node:zlib";
import { HANDLER_TIMEOUT_MS } from "../../server/limits.ts";
import { compile, findRuntime } from "../support/compile.ts";
import { patient } from "../support/deadline.ts";
import { MemoryCgroup } from "../support/memory_cgroup.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";

const MIB = 1024 * 1024;
/** Files of a site for a cache of 16, 64 and 256 MiB: each time many times what the process may grow by, were any form kept. */
const FILES = { few: 200, more: 260, many: 400 } as const;
/** EPOLLET_MEMORY_ROUNDS=3 asks for everything three times. What leaves the cache is read and compressed from the first round on. */
const ROUNDS = Number(Deno.env.get("EPOLLET_MEMORY_ROUNDS") ?? 1);
const FILE_BYTES = 900_000;

/** The text of all files; each file starts at another position. */
const TEXT = (() => {
  const random = new Random();
  const words = Array.from({ length: 6000 }, () => random.below(2 ** 31).toString(36).slice(random.below(5)));
  let text = "";
  while (text.length < FILE_BYTES) text += `${words[Math.floor((random.below(6000) / 6000) ** 3 * 6000)]} `;
  return new TextEncoder().encode(text.slice(0, FILE_BYTES));
})();

function contentOf(file: number): Uint8Array {
  const content = new Uint8Array(FILE_BYTES);
  const from = file * 1_997;
  content.set(TEXT.subarray(from));
  content.set(TEXT.subarray(0, from), FILE_BYTES - from);
  return content;
}

/** Decoders by coding. A client that has none gets the text uncompressed. */
const DECODERS: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  gzip: (bytes) => zlib.gunzipSync(bytes),
  br: (bytes) => zlib.brotliDecompressSync(bytes),
};

/** Downloads all files, `parallel` at a time, and returns the responses that are wrong. */
async function download(
  program: Program,
  folder: string,
  { args, parallel, files }: { args: readonly string[]; parallel: number; files: number },
): Promise<string[]> {
  const url = `http://127.0.0.1:${program.port}/f[1-${files}].txt`;
  const write = "%{http_code} %{filename_effective} %{time_total} %header{content-encoding}\n";
  const { stdout } = await new Deno.Command("curl", {
    args: ["-sZ", "--parallel-max", String(parallel), "-w", write, "-o", `${folder}/#1`, ...args, url],
    stderr: "null",
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return lines.filter((line) => !isWhole(line));
}

/** Checks a response. Only some of the compressed ones are decoded, because that takes long. */
function isWhole(line: string): boolean {
  const [status, path, seconds, coding = ""] = line.split(" ") as [string, string, string, string?];
  // A busy machine compresses slowly.
  if (status === "503" && Number(seconds) * 1000 >= HANDLER_TIMEOUT_MS) return true;
  if (status !== "200" && status !== "206") return false;
  const file = Number(path.slice(path.lastIndexOf("/") + 1));
  const decode = DECODERS[coding];
  if (status === "206" || (coding !== "" && (decode === undefined || file % 16 !== 0))) return true;
  const bytes = Deno.readFileSync(path);
  const wanted = contentOf(file);
  const got = decode === undefined ? bytes : decode(bytes);
  return Buffer.compare(got, wanted) === 0;
}

interface Case {
  readonly files: number;
  readonly limitMib: number;
  readonly flags: readonly string[];
  /** The arguments of curl for each round. */
  readonly asked: readonly (readonly string[])[];
  /** The number of downloads at the same time. */
  readonly parallel: number;
}

const CODINGS = ["gzip", "br", "identity", "zstd"].map((coding) => ["-H", `Accept-Encoding: ${coding}`]);

/** Runs a case, or prints why that is impossible here. */
async function survives(command: readonly string[], { files, limitMib, flags, asked, parallel }: Case) {
  if (!new Deno.Command("sh", { args: ["-c", "command -v curl"], stdout: "null" }).outputSync().success) {
    return console.log("skipped: curl is not installed");
  }
  await using cgroup = cgroupOf(limitMib);
  if (cgroup === null) return;
  using site = new Site();
  using downloads = new Site();
  for (let file = 1; file <= files; file++) site.write(`f${file}.txt`, contentOf(file));
  let mostBytes = 0;
  const timer = setInterval(() => mostBytes = Math.max(mostBytes, cgroup.anonymousBytes), 20);
  try {
    await using program = await Program.startCommand(
      cgroup.command([...command, "--port", "0", "--root", site.root, ...flags]),
    );
    for (let round = 0; round < ROUNDS && cgroup.kills === 0; round++) {
      for (const args of asked) {
        const wrong = await download(program, downloads.root, { args, parallel, files });
        assertEquals([args, cgroup.kills, wrong], [args, 0, []], `seed ${SEED}`);
      }
    }
    program.kill("SIGTERM");
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
  } finally {
    clearInterval(timer);
    console.log(`${flags.join(" ")}: at most ${Math.round(mostBytes / MIB)} of ${limitMib} MiB`);
  }
}

function cgroupOf(limitMib: number): MemoryCgroup | null {
  const cgroup = MemoryCgroup.create(limitMib * MIB);
  if (typeof cgroup !== "string") return cgroup;
  console.log(`skipped: ${cgroup}`);
  return null;
}

const DENO_RUN = programCommand([]);

for (
  const [limitMib, cache, files] of [[128, "16M", FILES.few], [256, "64M", FILES.more], [
    512,
    "256M",
    FILES.many,
  ]] as const
) {
  Deno.test(
    `with a cache of ${cache} the program stays within ${limitMib} MiB, whatever is compressed`,
    patient(1200, async () => {
      const flags = ["--compress", "--cache-size", cache];
      await survives(DENO_RUN, { files, limitMib, flags, asked: CODINGS, parallel: 20 });
    }),
  );
}

Deno.test(
  "a hundred plain downloads at a time, or parts of them, take no more than 128 MiB with a cache of 16 MiB",
  patient(600, async () => {
    const asked = [[], ["-r", "0-399999,400100-799999"], []];
    const flags = ["--cache-size", "16M"];
    await survives(DENO_RUN, { files: FILES.few, limitMib: 128, flags, asked, parallel: 100 });
    const flagsToo = ["--compress", "--cache-size", "16M"];
    await survives(DENO_RUN, {
      files: FILES.few,
      limitMib: 128,
      flags: flagsToo,
      asked: CODINGS,
      parallel: 100,
    });
  }),
);

Deno.test(
  "two workers take twice the memory of one, and their supervisor 64 MiB",
  patient(600, async () => {
    const flags = ["--workers", "2", "--compress", "--cache-size", "64M"];
    await survives(DENO_RUN, {
      files: FILES.many,
      limitMib: 2 * 256 + 64,
      flags,
      asked: CODINGS,
      parallel: 40,
    });
  }),
);

Deno.test(
  "the compiled program takes no more memory",
  patient(600, async () => {
    using folder = new Site();
    const runtime = await findRuntime(folder.root);
    if (typeof runtime === "string") {
      return console.log(`skipped: nothing to compile with here: ${runtime}`);
    }
    const output = folder.path("epollet");
    assertEquals((await compile(["--output", output], runtime)).code, 0);
    const flags = ["--compress", "--cache-size", "64M"];
    await survives([output], { files: FILES.more, limitMib: 256, flags, asked: CODINGS, parallel: 20 });
  }),
);
