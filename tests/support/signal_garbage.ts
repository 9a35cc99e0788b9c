/**
 * A program, to be run with `--v8-flags=--expose-gc`. It collects garbage while clients wait for streams whose
 * handlers kept nothing but a listener on `request.signal`. Then the clients leave, and it prints how many listeners
 * were called.
 * @module
 */
import { fromFetch, serve } from "../../mod.ts";
import { sleep } from "./sleep.ts";

const CLIENTS = 10;
const { gc } = globalThis as unknown as { gc(): void };
let aborted = 0;
const server = serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: () => {},
  handler: fromFetch((request) => {
    request.signal.addEventListener("abort", () => aborted++);
    return new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(5)) }));
  }),
});
const clients = await Promise.all(
  Array.from({ length: CLIENTS }, () => Deno.connect({ port: server.addr.port, hostname: "127.0.0.1" })),
);
for (const client of clients) {
  await client.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  await client.read(new Uint8Array(1000));
}
for (let i = 0; i < 5; i++) {
  gc();
  await sleep(20);
}
for (const client of clients) client.close();
for (let i = 0; i < 200 && aborted < CLIENTS; i++) await sleep(20);
console.log(`${aborted} of ${CLIENTS}`);
await server.shutdown();
