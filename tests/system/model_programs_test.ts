/**
 * The programs in C and in Python that `deno task models` measures answer as they should.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { cpuTicks, processTree } from "../../bench/measure.ts";
import { GEVENT, type Model, MODELS } from "../../bench/models/models.ts";
import { sourceOf } from "../../bench/models/programs.ts";
import { commandOf, ECHO_MESSAGE, PYTHON, type Task } from "../../bench/models/servers.ts";
import { has } from "../../bench/process.ts";
import { freePort } from "../support/free_port.ts";
import { childrenOf, isRunning } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { eventually } from "../support/waiting.ts";

const CLIENTS = 50;
/** More than one read, and less than what the kernel keeps for a client that does not read. */
const LONG_BYTES = 60_000;
const RESPONSE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

const work = Deno.makeTempDirSync({ prefix: "epollet-test-" });
globalThis.addEventListener("unload", () => Deno.removeSync(work, { recursive: true }));
Deno.mkdirSync(`${work}/site`);
Deno.writeTextFileSync(`${work}/site/index.html`, "hello");
Deno.writeTextFileSync(`${work}/site/a.txt`, "a".repeat(1000));
Deno.writeTextFileSync(`${work}/secret.txt`, "secret");
Deno.writeTextFileSync(`${work}/response`, RESPONSE);
Deno.writeTextFileSync(`${work}/echo`, ECHO_MESSAGE);

function runs(program: string, ...args: string[]): boolean {
  if (!has(program)) return false;
  return new Deno.Command(program, { args, stdout: "null", stderr: "null" }).outputSync().success;
}

/** Returns true when this machine can run `model`. A program in C is compiled; a warning is an error. */
function canRun(model: Model): boolean {
  if (model.kind === "python") return runs(PYTHON, "-c", model === GEVENT ? "import gevent" : "");
  if (!has("cc")) return false;
  const flags = ["-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"];
  const { success, stderr } = new Deno.Command("cc", {
    args: [...flags, "-o", `${work}/${model.program}`, sourceOf(model.program)],
  }).outputSync();
  assert(success, new TextDecoder().decode(stderr));
  return true;
}

const PROGRAMS = MODELS.filter((model) => model.kind === "c" || model.kind === "python");
const POSSIBLE = PROGRAMS.filter((model) => {
  if (canRun(model)) return true;
  console.log(`SKIPPED: ${model.label}, because this machine cannot run it.`);
  return false;
});

/** A running program; `await using` ends it. */
class Running implements AsyncDisposable {
  readonly port: number = freePort();
  readonly #process: Deno.ChildProcess;

  constructor(model: Model, task: Task) {
    const [command, ...args] = commandOf(model, task, this.port, work) as [string, ...string[]];
    this.#process = new Deno.Command(command, { args }).spawn();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Connects, as soon as the program listens. */
  async connect(): Promise<RawClient> {
    await eventually(async () => {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
        return true;
      } catch {
        return false;
      }
    }, "the program does not listen");
    return await RawClient.connect(this.port);
  }

  kill(): Promise<Deno.CommandStatus> {
    this.#process.kill("SIGKILL");
    return this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (isRunning(this.pid)) await this.kill();
  }
}

/** Returns bytes that depend on `seed`, so that clients do not send the same. */
function bytesOf(seed: number, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff);
}

async function assertEcho(client: RawClient, sent: Uint8Array<ArrayBuffer>): Promise<void> {
  const received = new Uint8Array(sent.length);
  const [count] = await Promise.all([client.receive(received), client.send(sent)]);
  assertEquals(count, sent.length);
  assert(received.every((byte, i) => byte === sent[i]), "other bytes came back");
}

/** Sends a request and returns as many bytes of what comes back as are expected. */
async function ask(client: RawClient, request: string, expected: string): Promise<string> {
  await client.send(request);
  const received = new Uint8Array(new TextEncoder().encode(expected).length);
  const count = await client.receive(received);
  return new TextDecoder().decode(received.subarray(0, count));
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

for (const model of POSSIBLE.filter(({ program }) => program !== "floor")) {
  Deno.test(`${model.label}: many clients at once get back their own bytes, in order`, async () => {
    await using program = new Running(model, "echo");
    using silent = await program.connect();
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(program.port)));
    try {
      await Promise.all(clients.map((client, i) => assertEcho(client, bytesOf(i, 1000))));
      await Promise.all(clients.slice(0, 5).map((client, i) => assertEcho(client, bytesOf(i, LONG_BYTES))));
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
    await assertEcho(silent, bytesOf(99, 10));
  });

  Deno.test(`${model.label}: a client that leaves by a reset ends only its own connection`, async () => {
    await using program = new Running(model, "echo");
    using other = await program.connect();
    await assertEcho(other, bytesOf(1, 100));
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.connect(program.port);
      await client.send(bytesOf(i, 10_000)); // what comes back is not read
      client.reset();
      (await RawClient.connect(program.port)).reset(); // this one has said nothing
      await assertEcho(other, bytesOf(i, 1000));
    }
    using another = await RawClient.connect(program.port);
    await assertEcho(another, bytesOf(2, 1000));
    assert(isRunning(program.pid), "it has ended");
  });
}

for (const model of POSSIBLE.filter(({ kind }) => kind === "c")) {
  Deno.test(`${model.label}: each request gets the prepared response`, async () => {
    await using program = new Running(model, "static");
    using client = await program.connect();
    using other = await RawClient.connect(program.port);
    for (const each of [client, other, client]) assertEquals(await ask(each, get("/"), RESPONSE), RESPONSE);
  });
}

for (const model of POSSIBLE.filter(({ kind }) => kind === "python")) {
  Deno.test(`${model.label}: serves the files of the folder, and nothing beside it`, async () => {
    await using program = new Running(model, "static");
    using client = await program.connect();
    const found = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const missing = "file not found, 请输入正确的url";
    const length = new TextEncoder().encode(missing).length;
    const notFound = `HTTP/1.1 404 NOT FOUND\r\nContent-Length: ${length}\r\n\r\n${missing}`;
    for (
      const [path, response] of [
        ["/", found("hello")],
        ["/a.txt", found("a".repeat(1000))],
        ["/none.html", notFound],
        ["/../secret.txt", notFound],
        ["/index.html", found("hello")],
      ] as const
    ) {
      assertEquals(await ask(client, get(path), response), response, path);
    }
  });
}

function possible(program: string): Model[] {
  return POSSIBLE.filter((model) => model.program === program);
}

/** Returns the number of threads of a process. */
function threadsOf(pid: number): number {
  return Array.from(Deno.readDirSync(`/proc/${pid}/task`)).length;
}

for (const model of possible("thread_per_client")) {
  Deno.test("a thread for each client: there are as many threads as clients, besides the first one", async () => {
    await using program = new Running(model, "echo");
    using client = await program.connect();
    await assertEcho(client, bytesOf(1, 10));
    {
      using other = await RawClient.connect(program.port);
      await assertEcho(other, bytesOf(2, 10));
      await eventually(() => threadsOf(program.pid) === 3, () => `${threadsOf(program.pid)} threads`);
    }
    await eventually(() => threadsOf(program.pid) === 2, () => `${threadsOf(program.pid)} threads`);
  });
}

for (const model of possible("process_per_client")) {
  Deno.test("a process for each client: it ends with its client, and its time is counted", async () => {
    await using program = new Running(model, "echo");
    using client = await program.connect();
    await assertEcho(client, bytesOf(1, 10));
    await eventually(() => childrenOf(program.pid).length === 1, "the process of the first client stays");
    const before = cpuTicks([program.pid]);
    {
      using other = await RawClient.connect(program.port);
      const long = bytesOf(2, LONG_BYTES * 10);
      for (let i = 0; i < 40; i++) await assertEcho(other, long);
      assertEquals(processTree(program.pid).length, 3);
    }
    await eventually(() => childrenOf(program.pid).length === 1, "a process or a zombie stays");
    assert(cpuTicks([program.pid]) > before, "the time of the child is lost");
  });

  Deno.test("a process for each client: all end with their parent", async () => {
    await using program = new Running(model, "echo");
    using client = await program.connect();
    await assertEcho(client, bytesOf(1, 10));
    const children = childrenOf(program.pid);
    assert(children.length > 0);
    await program.kill();
    await eventually(() => !children.some(isRunning), "a child stays");
  });
}

Deno.test("the C code that docs/io-models.md shows is that of the programs", () => {
  const squeeze = (text: string) => text.replaceAll(/\s+/g, " ").trim();
  const sources = ["thread_per_client.c", "process_per_client.c", "blocking.h"].map((name) =>
    squeeze(Deno.readTextFileSync(new URL(`../../bench/models/${name}`, import.meta.url)))
  ).join("\n");
  const document = Deno.readTextFileSync(new URL("../../docs/io-models.md", import.meta.url));
  const blocks = Array.from(document.matchAll(/^```c\n([^]*?)^```$/gm), ([, code]) => squeeze(code!));
  assertEquals(blocks.length, 3);
  for (const block of blocks) assertStringIncludes(sources, block);
});
