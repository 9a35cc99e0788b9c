/**
 * A server of a site for both versions of HTTP. It prints where it listens. Its argument is JSON: the root, the poller, and the
 * certificate, if any.
 * @module
 */
import { type PollerName, serve, staticHandler, type TlsCertificate } from "../../mod.ts";

/** What the server is told. */
export interface VersionsArguments {
  readonly root: string;
  readonly poller: PollerName;
  readonly tls: TlsCertificate | null;
}

if (import.meta.main) {
  const { root, poller, tls } = JSON.parse(Deno.args[0]!) as VersionsArguments;
  const handler = staticHandler({
    root,
    browse: true,
    compress: true,
    compressLevel: 6,
    cors: ["*"],
    cacheFileSize: 16 * 1024,
  });
  const options = { handler, hostname: "127.0.0.1", port: 0, poller, http2: true };
  const server = serve(tls === null ? options : { ...options, tls });
  Deno.addSignalListener("SIGTERM", async () => {
    await server.shutdown();
    Deno.exit(0);
  });
}
