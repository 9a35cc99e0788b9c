/**
 * Short soaks: a server counts what it has allocated, so that a leak shows after some thousand connections. Here of TLS.
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
export type Memory = Readonly<Record<"OpenSSL" | "JavaScript", number>>;

/** What a soak has left, for each handshake. */
export interface Counted {
  readonly complete: number;
  readonly resumed: number;
  readonly memory: Memory;
  /** The number of descriptors that were left. */
  readonly descriptors: number;
}

/** The server; `await using` ends it. */
export class CountedServer implements AsyncDisposable {
  readonly port: number;
  readonly #process: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(
    process: Deno.ChildProcess,
    reader: ReadableStreamDefaultReader<string>,
    port: number,
  ) {
    this.#process = process;
    this.#reader = reader;
    this.#writer = process.stdin.getWriter();
    this.port = port;
  }

  static async start(args: readonly string[]): Promise<CountedServer> {
    const [program, ...words] = DENO;
    const script = `${REPOSITORY}tests/soak/counted_server.ts`;
    const flags = ["--no-check", `--config=${REPOSITORY}deno.json`, `--lock=${REPOSITORY}tests/deno.lock`];
    const process = new Deno.Command(program, {
      args: [...words, "run", ...flags, "--v8-flags=--expose-gc", "-A", script, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await awaited(reader.read(), "the server's port");
    return new CountedServer(process, reader, Number(value));
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Returns what is allocated once closed connections are gone. */
  async count(): Promise<Memory> {
    await sleep(REST_MS);
    await this.#writer.write(new TextEncoder().encode("count\n"));
    return JSON.parse((await awaited(this.#reader.read(), "what the server counts")).value!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#reader.cancel();
    await endOf(this.#process, "the server");
  }
}

/** Makes connections up to `warmCount`, and then up to `count`. Returns what the latter have left. */
export async function countHandshakes(warmCount: number, count: number): Promise<Counted> {
  using certificates = new TestCertificates();
  const { cert, key } = certificates.make({ names: ["localhost"] });
  await using server = await CountedServer.start([cert, key]);
  const { port } = server;
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
    return [await server.count(), descriptorsHeld(server.pid, certificates.directory)];
  };
  await runTo(BATCH); // the first collection frees what was needed for the start
  const [warm, open] = await runTo(warmCount);
  const [end, stillOpen] = await runTo(count);
  const each = (what: keyof Memory) => (end[what] - warm[what]) / (count - warmCount);
  const memory = { OpenSSL: each("OpenSSL"), JavaScript: each("JavaScript") };
  return { complete, resumed, memory, descriptors: stillOpen - open };
}
