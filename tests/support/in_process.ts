/**
 * HTTP servers in the process of the test, on ports that the kernel chooses, and what tests say to them.
 * @module
 */
import { libc, loadLibc } from "../../ffi/libc/libc.ts";
import { type FetchHandler, fromFetch } from "../../handlers/from_fetch.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { serve, type ServerHandle } from "../../server/serve.ts";
import type { ServerSettings } from "../../server/server_options.ts";
import { Wire } from "./wire.ts";

loadLibc(); // outside of any test, since it stays open

const SOL_SOCKET = 1;
const SO_LINGER = 13;

/** A server that says nothing; `await using` ends it. What went wrong stands in `errors`. */
export interface Serving extends AsyncDisposable {
  readonly handle: ServerHandle;
  readonly port: number;
  readonly url: string;
  readonly errors: string[];
}

/** Serves `handler`. */
export function serving(handler: Handler, settings: ServerSettings = {}): Serving {
  const errors: string[] = [];
  const handle = serve({
    hostname: "127.0.0.1",
    port: 0,
    handler,
    onListen: () => {},
    onError: (message) => errors.push(message),
    ...settings,
  });
  const { port } = handle.addr;
  const url = `http://127.0.0.1:${port}`;
  return { handle, port, url, errors, [Symbol.asyncDispose]: () => handle.shutdown() };
}

/** Serves a web-standard handler. */
export function servingFetch(handler: FetchHandler, settings: ServerSettings = {}): Serving {
  return serving(fromFetch(handler), settings);
}

/** The client's next close is a reset. */
export function resetOnClose(fd: number): void {
  libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer), 8);
}

/** What arrives until `isEnough`, or the end: a character a byte. */
export async function readUntil(wire: Wire, isEnough: (text: string) => boolean): Promise<string> {
  let text = "";
  while (!isEnough(text)) {
    const bytes = await wire.some();
    if (bytes === null) break;
    for (const byte of bytes) text += String.fromCharCode(byte);
  }
  return text;
}

/** All that arrives up to the end of the connection, a character a byte. */
export async function wholeText(port: number, request: string | Uint8Array): Promise<string> {
  using wire = await Wire.connect(port);
  await wire.send(request);
  return await readUntil(wire, () => false);
}
