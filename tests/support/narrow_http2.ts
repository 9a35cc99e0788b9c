/**
 * Clients of HTTP/2 with little room for what they have not read, so that it stays at the server.
 * @module
 */
import { assertEquals } from "@std/assert";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { Setting } from "../../server/protocols/http2/frames/frame.ts";
import { Http2Wire, setting } from "./http2_wire.ts";
import { RawClient } from "./raw_client.ts";
import { sleep } from "./sleep.ts";
import { TlsClient } from "./tls_client.ts";

/** Connects. `receiveBytes` is the size of the receive buffer; undefined for the system's. */
export async function connectNarrowly(
  port: number,
  { isSecure, receiveBytes, window }: { isSecure: boolean; receiveBytes: number | undefined; window: number },
): Promise<Http2Wire> {
  const plain = await RawClient.connect(port, receiveBytes);
  const secure = TlsClient.on(plain, { alpn: ["h2"] });
  if (isSecure) assertEquals(await secure.untilReady(() => secure.handshake()), 0);
  const raw = isSecure ? secure : plain;
  return await Http2Wire.over({
    async read(buffer) {
      for (;;) {
        const count = raw.tryReceive(buffer as Uint8Array<ArrayBuffer>);
        if (count !== -EAGAIN) return count > 0 ? count : null;
        await sleep(1);
      }
    },
    async write(bytes) {
      await raw.send(bytes as Uint8Array<ArrayBuffer>);
      return bytes.length;
    },
    close: () => secure[Symbol.dispose](),
  }, setting(Setting.INITIAL_WINDOW_SIZE, window));
}
