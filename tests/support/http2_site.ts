/**
 * A program that serves a directory by HTTP/2 over TLS. Arguments: directory, and the files of certificate and key.
 * @module
 */
import { serve, staticHandler } from "../../mod.ts";

const [root, cert, key] = Deno.args as [string, string, string];

serve({
  hostname: "127.0.0.1",
  port: 0,
  http2: true,
  tls: { cert: Deno.readTextFileSync(cert), key: Deno.readTextFileSync(key) },
  handler: staticHandler({ root }),
  onListen: ({ port }) => console.log(`port ${port}`),
});
