/**
 * Two figures that a load does not show: the memory of an idle connection, and the time from start to first response.
 * @module
 */
import { firstRequest, hasResponse } from "./h2_load.ts";
import { idleBytesOf, type Message, pause, shortMessage } from "./idle.ts";
import { exchange, median } from "./measure.ts";
import { type Contestant, start, stop, waitFor } from "./process.ts";

const IDLE_CONNECTIONS = 10_000;
const STARTS = 5;

/** A figure of one server. */
export interface Figure {
  readonly name: string;
  readonly value: number;
}

/** Measures the server's own memory for each of 10,000 idle connections, in bytes, without the kernel's memory. */
export async function idleBytes(server: Contestant, isHttp2 = false): Promise<Figure> {
  const process = start(server);
  try {
    await waitFor(server.port);
    const [path, authority] = ["/small.html", `127.0.0.1:${server.port}`];
    const message: Message = isHttp2
      ? { request: firstRequest(path, authority), isAnswered: hasResponse }
      : shortMessage(`GET ${path} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    const { own } = await idleBytesOf(process.pid, server.port, message, IDLE_CONNECTIONS);
    console.log(`idle      ${server.name.padEnd(23)} ${Math.round(own)} bytes for each connection`);
    return { name: server.name, value: own };
  } finally {
    await stop(process);
  }
}

/**
 * Measures the time from the start of the process to its first response, in milliseconds: the median with warm
 * caches.
 */
export async function startMilliseconds(server: Contestant): Promise<Figure> {
  const times: number[] = [];
  for (let i = 0; i <= STARTS; i++) {
    const before = performance.now();
    const process = start(server);
    try {
      while (!await answers(server.port)) await pause(1);
      if (i > 0) times.push(performance.now() - before); // the first start warms the caches
    } finally {
      await stop(process);
    }
  }
  const value = median(times);
  console.log(`start     ${server.name.padEnd(23)} ${Math.round(value)} ms to its first answer`);
  return { name: server.name, value };
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await exchange(port, "/small.html", "")).length > 0;
  } catch {
    return false;
  }
}
