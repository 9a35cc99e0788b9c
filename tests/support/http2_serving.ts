/**
 * Servers of HTTP/2 with one client, and what their tests send and answer.
 * @module
 */
import { type Fields, type Handler, HttpResponse } from "../../mod.ts";
import { FrameType } from "../../server/protocols/http2/frames/frame.ts";
import { frame, Http2Wire } from "./http2_wire.ts";
import { withServer } from "./serving.ts";

/** Serves `handler` to one client. */
export function withWire(
  handler: Handler,
  test: (wire: Http2Wire, errors: string[]) => Promise<void>,
  settings?: Uint8Array,
): Promise<void> {
  return withServer({ http2: true, handler }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port, settings);
    await test(wire, errors);
  });
}

/** Returns a response with a body of `text`, and trailers. */
export function withTrailers(text: string, trailers: () => Fields | Promise<Fields>): HttpResponse {
  const stream = ReadableStream.from(text === "" ? [] : [new TextEncoder().encode(text)]);
  return new HttpResponse(200, [["Trailer", "Server-Timing"]], { stream, length: null, trailers });
}

/** Waits until the server has seen all that was sent. */
export async function seen(wire: Http2Wire): Promise<void> {
  await wire.send(frame(FrameType.PING, 0, 0, new Uint8Array(8)));
  await wire.expect(FrameType.PING);
}
