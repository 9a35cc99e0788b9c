/**
 * A handler for attacks by HTTP/2.
 * @module
 */
import { type HandlerContext, type HttpRequest, HttpResponse } from "../../mod.ts";

/** The body of `/big`. */
export const LARGE: Uint8Array<ArrayBuffer> = new Uint8Array(1_000_000).fill(0x61);

/** Requests whose handler is at work. */
export const working: { begun: number; now: number } = { begun: 0, now: 0 };
/** Answers at once; large, with the length of the body, or never. */
export function handler(request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
  const { path } = request;
  if (path === "/big") return HttpResponse.bytes(LARGE);
  if (path === "/body") return request.bytes().then(({ length }) => HttpResponse.text(`${length}`));
  if (path !== "/never") return HttpResponse.text(`hello ${path}`);
  const { signal } = context;
  working.begun++;
  working.now++;
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      working.now--;
      reject(signal.reason);
    });
  });
}

/** Returns a body as text. */
export const textOf = (body: Uint8Array | undefined): string => new TextDecoder().decode(body);
