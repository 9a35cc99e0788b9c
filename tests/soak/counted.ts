/**
 * A short soak of TLS: a server counts what it has allocated, so that a leak shows after some thousand handshakes.
 * @module
 */
import { descriptorsHeld } from "../faults/held.ts";
import { HANDSHAKES, judge, type Kind, optionsFor } from "../fuzz/handshakes.ts";
import { Tampering } from "../fuzz/tampering.ts";
import { talkTls } from "../fuzz/tls_talk.ts";
import { DENO } from "../support/deno.ts";
import { Random } from "../support/random.ts";
import { REPOSITORY } from "../support/site.ts";
import { sleep } from "../support/sleep.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { awaited, endOf } from "../support/waiting.ts";
import { randomInput } from "./handshakes.ts";

const BATCH = 250;
/** How long closed connections get. */
const REST_MS = 300;

/** What is allocated, in bytes. */
type Memory = Readonly<Record<"OpenSSL" | "JavaScript", number>>;

/** What a soak has left, for each handshake. */
export interface Counted {
  readonly complete: number;
  readonly resumed: number;
  readonly memory: Memory;
  /** The number of descriptors that were left. */
  readonly descriptors: number;
}

/** Makes connections up to `warmCount`, and then up to `count`. Returns what the latter have left. */
export async function countHandshakes(warmCount: number, count: number): Promise<Counted> {
  using certificates = new TestCertificates();
  const { cert, key } = certificates.make({ names: ["localhost"] });
  const [program, ...words] = DENO;
  const script = `${REPOSITORY}tests/soak/counted_server.ts`;
  const flags = ["--no-check", `--config=${REPOSITORY}deno.json`, `--lock=${REPOSITORY}tests/deno.lock`];
  const process = new Deno.Command(program, {
    args: [...words, "run", ...flags, "--v8-flags=--expose-gc", "-A", script, cert, key],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const writer = process.stdin.getWriter();
  try {
    const line = async () => (await awaited(reader.read(), "what the server counts")).value!;
    const port = Number(await line());
    const options = await optionsFor(port);
    const random = new Random();
    let [done, complete, resumed, bytes] = [0, 0, 0, 700];
    const runTo = async (end: number): Promise<[Memory, number]> => {
      for (; done < end; done += BATCH) {
        const inputs = Array.from({ length: BATCH }, () => randomInput(random, bytes));
        const scripts = inputs.map(([kind, changes]) => ({
          options: options.get(kind as Kind) ?? options.get(HANDSHAKES[0])!,
          tampering: new Tampering(changes!),
        }));
        for (const [i, heard] of talkTls(port, scripts).entries()) {
          judge(inputs[i]![0] as Kind, scripts[i]!, heard);
          if (heard.isOpen) complete++;
          if (heard.isOpen && heard.isResumed) resumed++;
          if (inputs[i]![1] === "") bytes = heard.sentBytes;
        }
      }
      await sleep(REST_MS);
      await writer.write(new TextEncoder().encode("count\n"));
      return [JSON.parse(await line()), descriptorsHeld(process.pid, certificates.directory)];
    };
    await runTo(BATCH); // the first collection frees what was needed for the start
    const [warm, open] = await runTo(warmCount);
    const [end, stillOpen] = await runTo(count);
    const each = (what: keyof Memory) => (end[what] - warm[what]) / (count - warmCount);
    const memory = { OpenSSL: each("OpenSSL"), JavaScript: each("JavaScript") };
    return { complete, resumed, memory, descriptors: stillOpen - open };
  } finally {
    await writer.close();
    await reader.cancel();
    await endOf(process, "the server");
  }
}
