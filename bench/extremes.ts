/**
 * Two figures that no load shows: what an idle connection costs, and how soon a server answers.
 * @module
 */
import { anonymousBytes, exchange, median } from "./measure.ts";
import { type Contestant, start, stop, waitFor } from "./servers.ts";

const IDLE_CONNECTIONS = 10_000;
const AT_ONCE = 100;
const STARTS = 5;
/** Long enough for a collector of garbage to have been. */
const SETTLE_MS = 3000;

/** A figure of one server. */
export interface Figure {
  readonly name: string;
  readonly value: number;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Opens connections, each of which gets one answer and then says nothing. */
async function open(port: number, count: number): Promise<Deno.Conn[]> {
  const request = new TextEncoder().encode(`GET /small.html HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  const connections: Deno.Conn[] = [];
  while (connections.length < count) {
    const batch = await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(request);
      await connection.read(new Uint8Array(4096));
      return connection;
    }));
    connections.push(...batch);
  }
  return connections;
}

/** Bytes of the server's own memory for each of 10,000 idle connections; those of the kernel are not counted. */
export async function idleBytes(server: Contestant): Promise<Figure> {
  const process = start(server);
  let connections: Deno.Conn[] = [];
  try {
    await waitFor(server.port);
    for (const connection of await open(server.port, 1000)) connection.close(); // what is made once is there now
    await pause(SETTLE_MS);
    const before = anonymousBytes(process.pid);
    connections = await open(server.port, IDLE_CONNECTIONS);
    await pause(SETTLE_MS);
    const value = (anonymousBytes(process.pid) - before) / IDLE_CONNECTIONS;
    console.log(`idle      ${server.name.padEnd(23)} ${Math.round(value)} bytes for each connection`);
    return { name: server.name, value };
  } finally {
    for (const connection of connections) connection.close();
    await stop(process);
  }
}

/** From the start of the process to its first answer, in milliseconds: the median of some starts with warm caches. */
export async function startMilliseconds(server: Contestant): Promise<Figure> {
  const times: number[] = [];
  for (let i = 0; i <= STARTS; i++) {
    const before = performance.now();
    const process = start(server);
    try {
      while (!await answers(server.port)) await pause(1);
      if (i > 0) times.push(performance.now() - before); // the first one warms the caches
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
