/**
 * A short soak of connections with HTTP/2: each asks for several things at once, and most leave before they have them.
 * @module
 */
import { descriptorsHeld } from "../faults/held.ts";
import { close, recv, send } from "../../ffi/socket/socket.ts";
import { concat } from "../../server/http/bytes.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { Flag, FrameType, PREFACE, Setting } from "../../server/protocols/http2/frames/frame.ts";
import { frame, getFields, headers, post, reset, setting, update } from "../support/http2_wire.ts";
import { Random } from "../support/random.ts";
import { sleep } from "../support/sleep.ts";
import { CountedServer, type Memory } from "./counted.ts";
import { connectTo, resetAtClose } from "./sockets.ts";

/** The number of connections at the same time. */
const BATCH = 50;
/** How long each connection gets for its responses. */
const TALK_MS = 15;
const scratch = new Uint8Array(new ArrayBuffer(1 << 18));

/** What a soak has left. */
export interface CountedHttp2 {
  /** Connections that have got a whole response, and those that have left in the middle of their frames. */
  readonly answered: number;
  readonly cut: number;
  /** The bytes that were left for each connection. */
  readonly bytesEach: number;
  /** The number of descriptors that were left. */
  readonly descriptors: number;
}

/** Returns the frames of a connection. */
function framesOf(random: Random): Uint8Array<ArrayBuffer> {
  const window = random.pick([0, 1, 1000, 65_535, 1 << 20]);
  const parts: Uint8Array[] = [encodeUtf8(PREFACE), setting(Setting.INITIAL_WINDOW_SIZE, window)];
  if (random.oneIn(2)) parts.push(update(0, 1 << 20));
  const count = 1 + random.below(20);
  for (let stream = 1; stream < 2 * count; stream += 2) {
    const path = random.pick(["/", "/large", "/never", "/body", "/body", "/other"]);
    const secret: [string, string] = ["x-own", "y".repeat(random.pick([1, 300, 1900]))]; // few heads, since known ones are kept
    parts.push(path === "/body" ? post(stream, path, secret) : headers(stream, getFields(path, secret)));
    if (path === "/body") {
      const length = random.below(16_000);
      parts.push(
        frame(FrameType.DATA, random.oneIn(2) ? Flag.END_STREAM : 0, stream, new Uint8Array(length)),
      );
    }
    if (random.oneIn(4)) parts.push(reset(stream));
    if (random.oneIn(8)) parts.push(update(stream, 1 + random.below(10_000)));
  }
  if (random.oneIn(10)) parts.push(frame(FrameType.PING, 0, 0, [1]));
  return concat(parts);
}

/** Makes connections up to `warmCount`, and then up to `count`. Returns what the latter have left. */
export async function countHttp2(warmCount: number, count: number): Promise<CountedHttp2> {
  await using server = await CountedServer.start([]);
  const random = new Random();
  let [done, answered, cut] = [0, 0, 0];
  const runTo = async (end: number): Promise<[Memory, number]> => {
    for (; done < end; done += BATCH) {
      const fds = Array.from(
        { length: BATCH },
        () => connectTo(random.below(256), 1 + random.below(254), server.port, 0),
      );
      await sleep(2);
      for (const fd of fds) {
        const bytes = framesOf(random);
        const length = random.oneIn(3) ? random.below(bytes.length) : bytes.length;
        if (length < bytes.length) cut++;
        send(fd, bytes, length, false);
      }
      await sleep(TALK_MS);
      for (const fd of fds) {
        if (random.oneIn(2) && recv(fd, scratch) > 100) answered++;
        if (random.oneIn(2)) resetAtClose(fd);
        close(fd);
      }
    }
    return [await server.count(), descriptorsHeld(server.pid, "/nowhere")];
  };
  await runTo(BATCH * 4); // the first collection frees what was needed for the start
  const [warm, open] = await runTo(warmCount);
  const [end, stillOpen] = await runTo(count);
  const bytesEach = (end.JavaScript - warm.JavaScript) / (count - warmCount);
  return { answered, cut, bytesEach, descriptors: stillOpen - open };
}
