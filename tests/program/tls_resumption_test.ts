/**
 * Sessions of TLS that clients have from before a reload, a new program, or both, are resumed afterwards.
 * @module
 */
import { assertEquals, assertNotEquals } from "@std/assert";
import { childrenOf, isRunning, newChildOf } from "../support/process.ts";
import { Site } from "../support/program.ts";
import { SecureProgram } from "../support/secure_program.ts";
import { TlsClient, type TlsClientOptions } from "../support/tls_client.ts";
import { eventually } from "../support/waiting.ts";
import { get } from "../support/wire.ts";

const VERSIONS = [0x0303, 0x0304];

/** Makes a request. Returns whether the session was resumed, and the one to resume next. */
async function request(port: number, options: TlsClientOptions): Promise<[boolean, Deno.PointerObject]> {
  using client = await TlsClient.connect(port, { serverName: "localhost", ...options });
  await client.send(get("/"));
  await client.receiveText("hello");
  client.sayEnd(); // OpenSSL does not resume a session that was cut off
  return [client.isResumed, client.session];
}

/** Sessions of clients with each version. */
class Visitors {
  readonly #port: number;
  readonly #sessions = new Map<number, Deno.PointerObject>();

  constructor(port: number) {
    this.#port = port;
  }

  /** Makes some requests, so that each worker has some, and keeps the last session. */
  async visit(isResumed: boolean): Promise<void> {
    for (const version of VERSIONS) {
      for (let i = 0; i < 8; i++) {
        const known = this.#sessions.get(version);
        const [resumed, session] = await request(
          this.#port,
          known === undefined ? { version } : { version, session: known },
        );
        if (isResumed || i > 0) assertEquals(resumed, true, `version ${version}, request ${i}`);
        this.#sessions.set(version, session);
      }
    }
  }
}

for (const args of [["--workers", "2"], ["--no-sandbox"]]) {
  Deno.test(`a session from before SIGHUP and SIGUSR2 is resumed afterwards: ${args.join(" ")}`, async () => {
    using site = new Site({ "index.html": "hello" });
    await using secure = await SecureProgram.start(site.root, args);
    const { program, port } = secure;
    const visitors = new Visitors(port);
    await visitors.visit(false);
    program.kill("SIGHUP");
    await program.printed(/Settings read again/);
    await visitors.visit(true);
    const before = childrenOf(program.pid);
    program.kill("SIGUSR2");
    const successor = await newChildOf(program.pid, before);
    try {
      assertEquals(await program.exit(), 0);
      assertNotEquals(successor, program.pid);
      await visitors.visit(true);
      Deno.kill(successor, "SIGHUP");
      await program.printed(/Settings read again[^]*Settings read again/);
      await visitors.visit(true);
    } finally {
      Deno.kill(successor, "SIGTERM");
      await eventually(() => !isRunning(successor), "the new program does not end");
    }
  });
}

Deno.test("a program that was started anew knows no earlier session, and makes a whole handshake", async () => {
  using site = new Site({ "index.html": "hello" });
  let session: Deno.PointerObject;
  {
    await using secure = await SecureProgram.start(site.root);
    [, session] = await request(secure.port, { version: 0x0304 });
  }
  await using secure = await SecureProgram.start(site.root);
  const [isResumed] = await request(secure.port, { version: 0x0304, session });
  assertEquals(isResumed, false);
});
