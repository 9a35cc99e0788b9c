/**
 * Clients of HTTP/2 that send requests all the time while something is done to the server, and must not notice it.
 * @module
 */
import {
  Flag,
  FrameType,
  INT31_MAX,
  readUint31,
  readUint32,
} from "../../server/protocols/http2/frames/frame.ts";
import { frame, getFields, headers, Http2Wire, update } from "./http2_wire.ts";
import { sleep } from "./sleep.ts";
import { awaited, PATIENCE_MS } from "./waiting.ts";

const { DATA, HEADERS, SETTINGS, PING, GOAWAY, RST_STREAM } = FrameType;

/** A load that begins at once. {@linkcode Http2Load.end} ends it. */
export class Http2Load {
  readonly #connect: () => Promise<Http2Wire>;
  readonly #path: string;
  readonly #streams: number;
  readonly #clients: Promise<void>[];
  #isEnding = false;
  /** Complete responses with status 200. */
  answered = 0;
  /** Connections that were ended by two GOAWAYs. */
  drained = 0;
  /** Everything else that clients saw. */
  readonly failures: string[] = [];

  /** Each of `clients` has `streams` requests on their way at any time, on one connection after the other. */
  constructor(connect: () => Promise<Http2Wire>, clients: number, streams: number, path = "/") {
    this.#connect = connect;
    this.#streams = streams;
    this.#path = path;
    this.#clients = Array.from({ length: clients }, () => this.#ask());
  }

  async #ask(): Promise<void> {
    while (!this.#isEnding && this.failures.length === 0) {
      try {
        using wire = await this.#connect();
        await this.#talk(wire);
      } catch (error) {
        this.failures.push((error as Error).message);
      }
    }
  }

  /** Sends requests until the server says that it stops, and takes all that is promised. */
  async #talk(wire: Http2Wire): Promise<void> {
    const open = new Set<number>();
    let next = 1;
    let last = -1;
    let goAways = 0;
    for (;;) {
      while (last < 0 && !this.#isEnding && open.size < this.#streams) {
        await wire.send(headers(next, getFields(this.#path)));
        open.add(next);
        next += 2;
      }
      if (open.size === 0 && this.#isEnding) return;
      const one = await wire.next();
      if (one === null) break;
      const { type, flags, stream, payload } = one;
      if (type === SETTINGS && (flags & Flag.ACK) === 0) await wire.send(frame(SETTINGS, Flag.ACK, 0));
      if (type === PING && (flags & Flag.ACK) === 0) await wire.send(frame(PING, Flag.ACK, 0, payload));
      if (type === HEADERS && wire.decode(payload)[":status"] !== "200") throw new Error("another status");
      if (type === RST_STREAM) throw new Error(`stream ${stream} was reset`);
      if (type === DATA && payload.length > 0) {
        await wire.send(update(0, payload.length));
        if ((flags & Flag.END_STREAM) === 0) await wire.send(update(stream, payload.length));
      }
      if ((type === DATA || type === HEADERS) && (flags & Flag.END_STREAM) !== 0) {
        if (!open.delete(stream)) throw new Error(`a second end of stream ${stream}`);
        this.answered++;
      }
      if (type !== GOAWAY) continue;
      if (readUint32(payload, 4) !== 0) throw new Error(`GOAWAY ${readUint32(payload, 4)}`);
      goAways++;
      last = readUint31(payload, 0);
      if (last === INT31_MAX) continue;
      for (const id of open) if (id > last) open.delete(id); // it is sent again on the next connection
    }
    if (wire.failure !== null) throw wire.failure;
    if (open.size > 0) throw new Error(`${open.size} requests were not answered (GOAWAY ${last})`);
    if (goAways === 2) this.drained++;
    else throw new Error(`${goAways} GOAWAYs`);
  }

  /** Waits until `requests` more requests are answered. */
  async more(requests: number): Promise<void> {
    const wanted = this.answered + requests;
    const endMs = Date.now() + PATIENCE_MS;
    while (this.answered < wanted && this.failures.length === 0 && Date.now() < endMs) await sleep(5);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await awaited(Promise.all(this.#clients), "the last answers under load");
  }
}
