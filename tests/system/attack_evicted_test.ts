/**
 * Clients that read nothing, of a site that does not fit the cache. Content that has left the cache and is still
 * being sent counts as memory for these clients.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { staticHandler } from "../../handlers/static.ts";
import { bodyMemory } from "../../server/http/body_memory.ts";
import { HELD_BODY_BYTES_MAX } from "../../server/limits.ts";
import { serve } from "../../server/serve.ts";
import { eventually } from "../support/descriptors.ts";
import { Site } from "../support/program.ts";

const MIB = 1024 * 1024;
const FILE_BYTES = 1_000_000;
const FILES = 10;
const CACHE_BYTES = 3 * MIB;

/** A site of which the cache holds a few files, on a UNIX socket, whose buffers are small. */
class Scene implements AsyncDisposable {
  readonly #site = new Site();
  readonly #path = this.#site.path("socket");
  readonly #handler;
  readonly #server;
  readonly #clients: Deno.UnixConn[] = [];

  constructor() {
    Deno.mkdirSync(this.#site.path("www"));
    for (let i = 0; i < FILES; i++) this.#site.write(`www/${i}.txt`, String(i).repeat(FILE_BYTES));
    this.#handler = staticHandler({ root: this.#site.path("www"), cacheSize: CACHE_BYTES });
    this.#server = serve({ path: this.#path, handler: this.#handler, onListen() {}, onError() {} });
  }

  /**
   * Connects clients, each of which requests another file than the one before and reads the first bytes only. Returns
   * the statuses.
   */
  async ask(count: number, field: string): Promise<Set<string>> {
    const statuses = new Set<string>();
    for (let i = 0; i < count; i++) {
      const client = await Deno.connect({ transport: "unix", path: this.#path });
      this.#clients.push(client);
      const request = `GET /${i % FILES}.txt HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`;
      await client.write(new TextEncoder().encode(request));
      const start = new Uint8Array(12);
      await client.read(start);
      statuses.add(new TextDecoder().decode(start.subarray(9)));
    }
    return statuses;
  }

  /** Closes the first `count` clients. */
  leave(count = this.#clients.length): void {
    for (const client of this.#clients.splice(0, count)) client.close();
  }

  /** Returns the body that the last client gets. */
  async read(): Promise<string> {
    const client = this.#clients.at(-1)!;
    let text = "";
    const bytes = new Uint8Array(64 * 1024);
    const decoder = new TextDecoder();
    while (text.length < FILE_BYTES) {
      const count = await client.read(bytes);
      assert(count !== null, `the connection ended after ${text.length} bytes`);
      text += decoder.decode(bytes.subarray(0, count));
    }
    return text.slice(text.indexOf("\r\n\r\n") + 4);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leave();
    await this.#server.shutdown();
    this.#handler.close();
    this.#site[Symbol.dispose]();
  }
}

Deno.test("files that do not fit the cache are sent from the disk while clients that read nothing hold the maximum of memory", async () => {
  await using scene = new Scene();
  const count = Math.ceil(2 * HELD_BODY_BYTES_MAX / FILE_BYTES);
  assertEquals([...await scene.ask(count, "X-Y: z")], ["200"]);
  assert(bodyMemory.isFull, `${bodyMemory.bytes} bytes are held`);
  assertLess(bodyMemory.bytes, HELD_BODY_BYTES_MAX + 2 * CACHE_BYTES);
  const body = await scene.read();
  assert(body.length > FILE_BYTES / 2 && body === body[0]!.repeat(body.length), "another file's bytes");
  assertEquals(body[0], String((count - 1) % FILES));
  scene.leave();
  await eventually(() => bodyMemory.bytes === 0, `${bodyMemory.bytes} bytes are still held`);
});

for (const [what, field] of [["one part", "1-300000"], ["two parts", "1-100000,200000-400000"]]) {
  Deno.test(`a client that takes ${what} of a file holds all of it, once the file has left the cache`, async () => {
    await using scene = new Scene();
    const count = 50;
    assertEquals([...await scene.ask(count, `Range: bytes=${field}`)], ["206"]);
    const least = count * FILE_BYTES - CACHE_BYTES;
    assert(bodyMemory.bytes >= least, `${bodyMemory.bytes} bytes are held`);
    scene.leave();
    await eventually(() => bodyMemory.bytes === 0, `${bodyMemory.bytes} bytes are still held`);
  });
}
