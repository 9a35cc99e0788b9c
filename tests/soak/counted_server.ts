/**
 * A server that counts its memory: for each line on standard input it collects garbage, and prints what is allocated then. So
 * a leak of some bytes shows after some thousand connections. Its arguments are a certificate and a key; without them it
 * serves without TLS.
 *
 * Source: mallinfo(3).
 * @module
 */
import { HttpResponse, serve } from "../../mod.ts";
import { GREETING } from "../fuzz/tls_talk.ts";

declare const gc: () => void;

const [cert, key] = Deno.args;
const LARGE = new Uint8Array(1_000_000);
/** struct mallinfo2 has ten words; the eighth one is the number of allocated bytes. */
const WORDS = Array<"u64">(10).fill("u64");
const ALLOCATED = 7;
const { symbols: libc } = Deno.dlopen("libc.so.6", {
  mallinfo2: { parameters: [], result: { struct: WORDS } },
});

const server = serve({
  hostname: "0.0.0.0",
  port: 0,
  ...(cert === undefined || key === undefined ? {} : { tls: { cert, key } }),
  http2: true,
  handler: ({ path, body }) => {
    if (path === "/never") return new Promise<HttpResponse>(() => {});
    if (path === "/body") return Promise.resolve(new HttpResponse(200, [], body));
    return path === "/large" ? HttpResponse.bytes(LARGE) : HttpResponse.text(GREETING);
  },
  onListen: ({ port }: { port: number }) => console.log(port),
});
for await (const _ of Deno.stdin.readable) {
  for (let i = 0; i < 3; i++) gc();
  const bytes = libc.mallinfo2();
  const allocated = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(8 * ALLOCATED, true));
  console.log(JSON.stringify({ OpenSSL: allocated, JavaScript: Deno.memoryUsage().heapUsed }));
}
await server.shutdown();
