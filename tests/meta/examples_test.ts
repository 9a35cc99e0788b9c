/**
 * The examples, started as their first lines show, with `--allow-ffi` and no other permission.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DENO, Program, REPOSITORY } from "../support/program.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const LINES_MAX = 60;
const decoder = new TextDecoder();

function start(example: string): Promise<Program> {
  return Program.startCommand([
    ...[...DENO, "run", "--no-prompt", "--allow-ffi", `${REPOSITORY}examples/${example}.ts`, "0"],
  ]);
}

/** A client that reads lines. */
class Talker {
  readonly wire: Wire;
  #rest = "";

  constructor(wire: Wire) {
    this.wire = wire;
  }

  async line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const bytes = await this.wire.some();
      if (bytes === null) throw new Error(`the connection ended after "${this.#rest}"`);
      this.#rest += decoder.decode(bytes);
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }
}

function* examplesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(`${REPOSITORY}examples/${folder}`)) {
    if (isDirectory) yield* examplesIn(`${folder}${name}/`);
    else yield folder + name;
  }
}

Deno.test("each example is short, but for the experiment, which is a folder", () => {
  // Those of mistakes/ have tests of their own, and so has the experiment.
  const names = [...examplesIn("")].filter((name) => !/^(?:mistakes|completion)\//.test(name)).sort();
  assertEquals(names, [
    "api.ts",
    "chat.ts",
    "inside/copied.ts",
    "inside/cost.ts",
    "inside/edge.ts",
    "inside/kernel.ts",
    "inside/nested.ts",
    "inside/set.ts",
    "inside/threads.ts",
    "inside/wait.ts",
  ]);
  for (const name of names) {
    const lines = Deno.readTextFileSync(`${REPOSITORY}examples/${name}`).trimEnd().split("\n").length;
    assert(lines < LINES_MAX, `${name} has ${lines} lines`);
  }
});

Deno.test("the chat room handles names, messages, a long line, and a client that leaves by a reset", async () => {
  await using program = await start("chat");
  using first = await Wire.connect(program.port);
  using second = await Wire.connect(program.port);
  using third = await Wire.connect(program.port);
  const [ann, bob, cid] = [first, second, third].map((wire) => new Talker(wire)) as [Talker, Talker, Talker];
  for (const talker of [ann, bob, cid]) assertEquals(await talker.line(), "What is your name?");

  await first.send("Ann\n");
  assertEquals(await ann.line(), "Hello, Ann. Here: nobody");
  await second.send("\r\n");
  assertEquals(await bob.line(), "What is your name?");
  await second.send("Bo");
  await second.send("b\r\n");
  assertEquals(await bob.line(), "Hello, Bob. Here: Ann");
  assertEquals(await ann.line(), "Bob came");

  const snow = new TextEncoder().encode("snow ☃\n");
  await first.send(snow.subarray(0, 6)); // in the middle of a character
  await first.send(snow.subarray(6));
  assertEquals(await bob.line(), "Ann: snow ☃");
  await second.send("one\ntwo\x1b[1m\n");
  assertEquals([await ann.line(), await ann.line()], ["Bob: one", "Bob: two[1m"]);

  await third.send("x".repeat(2000));
  assertEquals(await cid.line(), "That line is too long.");
  assert(await third.isClosed());

  first[Symbol.dispose]();
  assertEquals(await bob.line(), "Ann left");
});

Deno.test("the API adds, lists, reads and removes notes, and answers mistakes", async () => {
  await using program = await start("api");
  const { port } = program;
  const send = (method: string, path: string, body = "") =>
    exchange(
      port,
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      method === "HEAD",
    );
  assertEquals((await send("GET", "/notes")).text, "[]");
  const added = await send("POST", "/notes", '{"text":"milk"}');
  assertEquals([added.status, added.fields.location, added.text], [
    201,
    "/notes/1",
    '{"id":1,"text":"milk"}',
  ]);
  assertEquals((await exchange(port, get("/notes/1"))).text, added.text);
  assertEquals((await send("HEAD", "/notes/1")).fields["content-length"], String(added.text.length));
  assertEquals((await send("GET", "/notes")).text, `[${added.text}]`);
  for (
    const [method, path, body, status] of [
      ["POST", "/notes", "{", 400],
      ["POST", "/notes", "{}", 400],
      ["POST", "/notes", "null", 400],
      ["PUT", "/notes", "", 405],
      ["PUT", "/notes/1", "", 405],
      ["GET", "/notes/2", "", 404],
      ["GET", "/elsewhere", "", 404],
    ] as const
  ) {
    assertEquals((await send(method, path, body)).status, status, `${method} ${path} ${body}`);
  }
  assertEquals((await send("DELETE", "/notes/1")).status, 204);
  assertEquals((await send("GET", "/notes/1")).status, 404);
  program.kill("SIGKILL");
  assertMatch((await program.finish()).stderr, /^$/);
});
