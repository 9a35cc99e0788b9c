/**
 * The server stops reading from an echo client that does not read. Its memory for the client is bounded, and nothing
 * is lost.
 * @module
 */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { Program, programCommand } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { sleep } from "../support/sleep.ts";
import { Wire } from "../support/wire.ts";

const MIB = 1024 * 1024;
/** EPOLLET_ECHO_BYTES=1073741824 sends a whole gibibyte. */
const ECHO_BYTES = Number(Deno.env.get("EPOLLET_ECHO_BYTES") ?? 192 * MIB);
const KEPT_BYTES_MAX = MIB;
/** Bytes that a coroutine has read become garbage, which the collector frees some time later. */
const GROWTH_BYTES_MAX = 96 * MIB;
/** A client counts as stuck when it could send nothing for this time. */
const STUCK_MS = 300;

// The length is no multiple of a buffer's size, so that shifted or lost bytes are noticed.
const pattern = new Uint8Array(new Uint32Array(262_147).map((_, i) => Math.imul(i + 1, 2654435761)).buffer);

/** Returns anonymous memory, in bytes: without mapped files. */
function memoryOf(pid: number): number {
  const [, kib] = /^RssAnon:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))!;
  return Number(kib) * 1024;
}

/**
 * Returns the bytes of a connection that the kernel holds, at both ends and in both directions. The kernel delivers
 * the file in pieces. While other sockets come and go, a line may be in two pieces, or in none. Source: proc_net_tcp.
 */
async function bytesInKernel(clientPort: number, serverPort: number): Promise<number> {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, "0");
  const ports = [`${hex(clientPort)} ${hex(serverPort)}`, `${hex(serverPort)} ${hex(clientPort)}`];
  for (let attempt = 0; attempt < 100; attempt++) {
    const bytes = new Map<string, number>();
    for (const line of Deno.readTextFileSync("/proc/net/tcp").split("\n")) {
      const [, local, remote, sending, received] = /: \w+:(\w{4}) \w+:(\w{4}) \w\w (\w+):(\w+)/.exec(line) ??
        [];
      const pair = `${local} ${remote}`;
      if (ports.includes(pair)) bytes.set(pair, parseInt(sending!, 16) + parseInt(received!, 16));
    }
    if (bytes.size === ports.length) return [...bytes.values()].reduce((a, b) => a + b);
    await sleep(10);
  }
  throw new Error("/proc/net/tcp does not list both ends of the connection");
}

/** A client that sends the pattern over and over, and expects it back. */
class Echoing {
  readonly client: RawClient;
  sent = 0;
  received = 0;
  readonly #buffer = new Uint8Array(256 * 1024);

  constructor(client: RawClient) {
    this.client = client;
  }

  /** Sends once, up to a total of `most`. Returns false when the socket takes nothing. */
  send(most: number): boolean {
    const start = this.sent % pattern.length;
    const sent = this.client.trySend(
      pattern.subarray(start, Math.min(pattern.length, start + most - this.sent)),
    );
    assert(sent > 0 || sent === -EAGAIN, `send gave ${sent}`);
    this.sent += Math.max(sent, 0);
    return sent > 0;
  }

  /** Receives once and compares. Returns false when nothing is there. */
  receive(): boolean {
    const count = this.client.tryReceive(this.#buffer);
    if (count === -EAGAIN) return false;
    assert(count > 0, `recv gave ${count}`);
    for (let done = 0; done < count;) {
      const start = this.received % pattern.length;
      const length = Math.min(count - done, pattern.length - start);
      const isSame = Buffer.compare(
        this.#buffer.subarray(done, done + length),
        pattern.subarray(start, start + length),
      );
      assertEquals(isSame, 0, `what came after byte ${this.received} is something else`);
      done += length;
      this.received += length;
    }
    return true;
  }
}

for (const poller of ["epoll-edge", "select"]) {
  for (const flags of [[], ["--coroutine"]]) {
    Deno.test(`an echo that is not read stops the sender (${[poller, ...flags].join(" ")})`, async () => {
      const args = ["--port", "0", "--poller", poller, ...flags, "--handler", "echo"];
      await using program = await Program.startCommand(programCommand(args));
      const { port, pid } = program;
      using other = await Wire.connect(port);
      const isServed = async () => {
        await other.send("and I?");
        let echoed = "";
        while (echoed.length < 6) echoed += new TextDecoder().decode(await other.some() ?? new Uint8Array(6));
        assertEquals(echoed, "and I?");
      };
      await isServed();
      using client = await RawClient.connect(port);
      const echoing = new Echoing(client);
      const before = memoryOf(pid);
      for (let stuckMs = 0; stuckMs < STUCK_MS;) {
        if (echoing.send(ECHO_BYTES)) {
          stuckMs = 0;
          continue;
        }
        await sleep(10);
        stuckMs += 10;
      }
      const kept = echoing.sent - await bytesInKernel(client.port, port);
      assert(kept >= 0 && kept < KEPT_BYTES_MAX, `the server keeps ${kept} of ${echoing.sent} bytes`);
      await isServed();

      let highest = memoryOf(pid);
      let pauses = 0;
      while (echoing.received < ECHO_BYTES) {
        const isSending = echoing.sent < ECHO_BYTES && echoing.send(ECHO_BYTES);
        const isReceiving = echoing.receive();
        if (echoing.received > pauses * 16 * MIB) { // the client reads more slowly than it sends
          pauses++;
          while (echoing.sent < ECHO_BYTES && echoing.send(ECHO_BYTES));
          await sleep(20);
          highest = Math.max(highest, memoryOf(pid));
        } else if (!isSending && !isReceiving) await sleep(0);
      }
      assertEquals(echoing.received, ECHO_BYTES);
      const growth = Math.max(highest, memoryOf(pid)) - before;
      assert(growth < GROWTH_BYTES_MAX, `the server's memory grew by ${(growth / MIB).toFixed(1)} MiB`);
      await isServed();
      client.endInput();
      assertEquals(await client.end(), 0);
      if (Deno.env.has("EPOLLET_ECHO_BYTES")) {
        console.log(`kept ${kept}, grew by ${(growth / MIB).toFixed(1)} MiB`);
      }
      program.kill("SIGTERM");
      assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
    });
  }
}
