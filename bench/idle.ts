/**
 * Idle connections: each has had one response. Measures the memory that such a connection costs.
 * @module
 */
import { concat } from "../server/http/bytes.ts";
import { anonymousBytes } from "./measure.ts";

const AT_ONCE = 500;
/** The share of connections that is opened and closed beforehand, so that one-time allocations are not counted. */
const WARM_SHARE = 0.1;
/** Long enough for the garbage collector to have run. */
export const SETTLE_MS = 3000;

/** The memory of one idle connection, in bytes. */
export interface IdleBytes {
  /** The server's own memory. */
  readonly own: number;
  /** The kernel's objects for both ends of the connection; null when the kernel does not show them. */
  readonly kernel: number | null;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A request of the server's protocol that gets a short response. */
export interface Message {
  readonly request: Uint8Array<ArrayBuffer>;
  /** Returns true when `bytes`, all that was received since the request, contain the whole response. */
  isAnswered(bytes: Uint8Array): boolean;
}

/** Returns a message whose response comes in one piece. */
export function shortMessage(text: string): Message {
  const request = new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
  return { request, isAnswered: () => true };
}

/** The clients' ends. */
export class IdleConnections {
  readonly #port: number;
  readonly #message: Message;
  #connections: Deno.Conn[] = [];

  constructor(port: number, message: Message) {
    this.#port = port;
    this.#message = message;
  }

  get count(): number {
    return this.#connections.length;
  }

  /** Opens connections until there are `count`. Each gets one response, so it has been accepted. */
  async grow(count: number): Promise<void> {
    while (this.count < count) {
      const missing = Math.min(AT_ONCE, count - this.count);
      await Promise.all(Array.from({ length: missing }, async () => {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
        this.#connections.push(connection);
        await this.#speak(connection);
      }));
    }
  }

  /** Sends one more request on each connection, so that none reaches its idle timeout. */
  async speak(): Promise<void> {
    for (let start = 0; start < this.count; start += AT_ONCE) {
      const some = this.#connections.slice(start, start + AT_ONCE);
      await Promise.all(some.map((connection) => this.#speak(connection)));
    }
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
    this.#connections = [];
  }

  async #speak(connection: Deno.Conn): Promise<void> {
    const { request } = this.#message;
    await connection.write(request);
    let received = new Uint8Array(0);
    const piece = new Uint8Array(4096);
    do {
      const count = await connection.read(piece);
      if (count === null) throw new Error("the server closed a connection that was to stay open");
      received = concat([received, piece.subarray(0, count)]);
    } while (!this.#message.isAnswered(received));
  }
}

/**
 * Measures the memory of each of `count` idle connections. Kernel objects of connections in TIME_WAIT or SYN_RECV are
 * not counted. `settleMs` is the time that the server needs after opening and closing connections.
 */
export async function idleBytesOf(
  pid: number,
  port: number,
  message: Message,
  count: number,
  settleMs: number = SETTLE_MS,
): Promise<IdleBytes> {
  const connections = new IdleConnections(port, message);
  try {
    await connections.grow(Math.ceil(count * WARM_SHARE));
    connections.close();
    await pause(settleMs);
    const own = anonymousBytes(pid);
    const kernel = kernelBytes();
    await connections.grow(count);
    await pause(settleMs);
    const kernelAfter = kernelBytes();
    return {
      own: (anonymousBytes(pid) - own) / count,
      kernel: kernel === null || kernelAfter === null ? null : (kernelAfter - kernel) / count,
    };
  } finally {
    connections.close();
  }
}

/**
 * Returns the bytes of all slab objects, kernel stacks and page tables in use on this machine, or null when they cannot
 * be read (proc_slabinfo(5), proc_meminfo(5)).
 */
function kernelBytes(): number | null {
  let text: string;
  try {
    text = Deno.readTextFileSync("/proc/slabinfo");
  } catch {
    return null; // only root may read the file
  }
  const slabs = text.split("\n").slice(2).reduce((sum, line) => {
    const [name, active, , size] = line.split(/\s+/) as [string, string, string, string];
    return size === undefined || /^(tw|request)_sock_/.test(name) ? sum : sum + Number(active) * Number(size);
  }, 0);
  const others = Deno.readTextFileSync("/proc/meminfo").matchAll(/^(?:KernelStack|PageTables):\s+(\d+)/gm);
  return slabs + Array.from(others).reduce((sum, [, kib]) => sum + Number(kib) * 1024, 0);
}
