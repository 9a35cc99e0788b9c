/**
 * HTTP servers in the test's own process, on ports that the kernel chooses, and the clients of such tests.
 * @module
 */
import { libc, loadLibc } from "../../ffi/libc/libc.ts";
import { type FetchHandler, fromFetch } from "../../handlers/from_fetch.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { serve, type ServerHandle } from "../../server/serve.ts";
import type { ServerSettings } from "../../server/server_options.ts";
import { Wire } from "./wire.ts";

loadLibc(); // outside of any test, because the library stays open

const SOL_SOCKET = 1;
const SO_LINGER = 13;

/** A server without output; `await using` ends it. Its errors are logged to `errors`. */
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

/** Makes the client's next close(2) a reset. */
export function resetOnClose(fd: number): void {
  libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer), 8);
}

/** Returns what arrives until `isEnough` returns true, or until the end, a character for each byte. */
export async function readUntil(wire: Wire, isEnough: (text: string) => boolean): Promise<string> {
  let text = "";
  while (!isEnough(text)) {
    const bytes = await wire.some();
    if (bytes === null) break;
    for (const byte of bytes) text += String.fromCharCode(byte);
  }
  return text;
}

/** Returns all bytes until the end of the connection, a character for each. */
export async function wholeText(port: number, request: string | Uint8Array): Promise<string> {
  using wire = await Wire.connect(port);
  await wire.send(request);
  return await readUntil(wire, () => false);
}
