/**
 * A server whose handlers answer late, read bodies in every way or not at all, and send streams. It prints where it
 * listens. Its argument is the poller.
 * @module
 */
import { HttpError, HttpResponse, type PollerName, serve } from "../../mod.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { sleep } from "../support/sleep.ts";

/** Returns a response with the handler's name, the request's properties at this time, and the data. */
function respond(name: string, request: HttpRequest, data: Uint8Array): HttpResponse {
  const text = `${name}${request.query}${request.header("x-id") ?? ""}:`;
  const head = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const whole = new Uint8Array(head.length + data.length);
  whole.set(head);
  whole.set(data, head.length);
  return HttpResponse.bytes(whole);
}

async function echo(request: HttpRequest): Promise<HttpResponse> {
  const data = await request.bytes();
  return respond("echo", request, data);
}

/** Reads the body later, mostly after the whole request has arrived. */
async function late(request: HttpRequest): Promise<HttpResponse> {
  await sleep(1);
  const data = await request.bytes();
  return respond("late", request, data);
}

/** Answers without reading, while the body is on its way. */
async function unread(): Promise<HttpResponse> {
  await sleep(1);
  return HttpResponse.text("unread:");
}

async function refused(): Promise<HttpResponse> {
  await Promise.resolve();
  throw new HttpError(409, "as it should be");
}

function stream(request: HttpRequest): HttpResponse {
  return new HttpResponse(200, [], request.body ?? new Blob([]).stream());
}

const server = serve({
  hostname: "127.0.0.1",
  port: 0,
  poller: Deno.args[0] as PollerName,
  handler: (request) => {
    switch (request.path) {
      case "/echo":
        return echo(request);
      case "/late":
        return late(request);
      case "/now":
        return HttpResponse.text("now:");
      case "/unread":
        return unread();
      case "/refused":
        return refused();
      case "/stream":
        return stream(request);
    }
    throw new HttpError(404, request.path);
  },
});
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit(0);
});
