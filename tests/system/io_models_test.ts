/**
 * docs/io-models.md: its examples run, and its two languages have the same code.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MODELS } from "../../bench/models/models.ts";
import { DOCUMENTS } from "../../bench/models/report.ts";
import { freePort } from "../support/free_port.ts";
import { DENO, REPOSITORY } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { URING_ABSENCE } from "../support/uring.ts";

const DOCS = `${REPOSITORY}docs/`;
const ENGLISH = Deno.readTextFileSync(DOCS + DOCUMENTS["en"]);
const CHINESE = Deno.readTextFileSync(DOCS + DOCUMENTS["zh-CN"]);
const PATIENCE_MS = 60_000;

function blocks(document: string, kind: string): string[] {
  return Array.from(document.matchAll(/^```(\w+)\n([^]*?)^```$/gm))
    .filter(([, each]) => each === kind)
    .map(([, , code]) => code!);
}

async function connect(port: number): Promise<Deno.TcpConn> {
  for (let attempt = 0;; attempt++) {
    try {
      return await Deno.connect({ hostname: "127.0.0.1", port });
    } catch (error) {
      if (attempt === 1000) throw error;
      await sleep(20);
    }
  }
}

/** Sends `text`, and reads until as many bytes are back. */
async function echo(client: Deno.TcpConn, text: string): Promise<void> {
  const sent = new TextEncoder().encode(text);
  await client.write(sent);
  const received = new Uint8Array(sent.length);
  for (let length = 0; length < sent.length;) {
    const count = await client.read(received.subarray(length));
    assert(count !== null, "the server ended the connection");
    length += count;
  }
  assertEquals(new TextDecoder().decode(received), text);
}

/** Runs an example as a reader would who has saved it beside the document. */
function start(code: string, port: number): Deno.ChildProcess {
  const [program, ...rest] = DENO;
  const process = new Deno.Command(program, {
    args: [...rest, "run", "--no-prompt", "--allow-ffi", "-"],
    cwd: DOCS,
    stdin: "piped",
    stdout: "null",
  }).spawn();
  const writer = process.stdin.getWriter();
  writer.write(new TextEncoder().encode(code.replaceAll("7890", String(port))))
    .then(() => writer.close(), () => {});
  return process;
}

const EXAMPLES = blocks(ENGLISH, "ts");

for (const [index, code] of EXAMPLES.entries()) {
  const name = /\bpoller|new Uring|EPOLLET|EPOLLIN|new Poll|select\(|coroutine/.exec(code)?.[0] ?? "naive";
  Deno.test(`example ${index + 1} (${name}) echoes to two clients at once`, async () => {
    if (name === "new Uring" && URING_ABSENCE !== null) return;
    const lines = code.trim().split("\n").length;
    assert(lines >= 9 && lines <= 25, `${lines} lines`);
    const port = freePort();
    const process = start(code, port);
    const timer = setTimeout(() => process.kill("SIGKILL"), PATIENCE_MS);
    try {
      using first = await connect(port);
      {
        using second = await connect(port);
        await echo(second, "the second one speaks first\n");
        await echo(first, "then the first one\n");
        for (let i = 0; i < 5; i++) {
          await Promise.all([echo(first, `${i}`.repeat(20_000)), echo(second, `${i + 5}`.repeat(20_000))]);
        }
      }
      await echo(first, "the second one has left\n");
      using third = await connect(port);
      await Promise.all([echo(first, "and a third one came\n"), echo(third, "that is me\n")]);
    } finally {
      clearTimeout(timer);
      process.kill("SIGKILL");
      await process.status;
    }
  });
}

Deno.test("the examples of the document type-check", async () => {
  const [program, ...rest] = DENO;
  const { success, stderr } = await new Deno.Command(program, {
    args: [...rest, "check", "--quiet", "--doc-only", DOCS + DOCUMENTS["en"]],
    cwd: REPOSITORY,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
});

Deno.test("both languages have the same code, and name every model", () => {
  assertEquals(EXAMPLES.length, 7);
  for (const kind of ["ts", "sh", "c"]) assertEquals(blocks(CHINESE, kind), blocks(ENGLISH, kind));
  for (const { program } of MODELS.filter(({ kind }) => kind === "callback")) {
    assertStringIncludes(blocks(ENGLISH, "sh").join(), `--poller ${program}\n`);
  }
});
