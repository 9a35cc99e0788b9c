/**
 * A server of HTTP/2 that answers with what it has read of the head, with nothing, much, or never. It prints where it
 * listens. Its argument is the poller.
 * @module
 */
import { HttpResponse, type PollerName, serve } from "../../mod.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { LARGE_BYTES } from "./reference_http2_head.ts";

function answer(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
  const { method, path, query, authority } = request;
  if (path === "/never") return new Promise<HttpResponse>(() => {});
  if (path === "/empty") return HttpResponse.text("");
  if (path === "/large") return HttpResponse.text("0123456789".repeat(LARGE_BYTES / 10));
  const text = [
    method,
    path + query,
    authority ?? "",
    request.header("x-own") ?? "-",
    request.header("cookie") ?? "-",
  ]
    .join(" ");
  return HttpResponse.bytes(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

const server = serve({
  hostname: "127.0.0.1",
  port: 0,
  poller: Deno.args[0] as PollerName,
  http2: true,
  handler: Object.assign(answer, { ignoresBodies: true }), // called once a body has come
});
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit(0);
});
