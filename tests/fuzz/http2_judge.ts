/**
 * Compares the bytes that a server of HTTP/2 has sent with a model of the connection.
 * @module
 */
import { shown } from "./fuzz_target.ts";
import type { Http2Model } from "./reference_http2.ts";
import { framesOf, isActive, numberOf, type PlainFrame, type StreamModel } from "./reference_http2_parts.ts";
import { type Field, ReferenceTable } from "./reference_hpack.ts";

/** The window of a connection is widened once at its beginning, by this at most. */
const WIDENED_MAX = 2 ** 20;
/** No error page is larger. */
const PAGE_BYTES_MAX = 4000;
const CANCEL = 8;
/** Half of a stream's window, which a client always has left. */
const STREAM_HALF = 32_768;
/** The settings of `http2_program.ts`: 100 streams of 65,535 bytes, heads of 16 KiB, no priorities of RFC 7540. */
const OWN_SETTINGS = "\0\x03\0\0\0\x64\0\x04\0\0\xff\xff\0\x06\0\0\x40\0\0\x09\0\0\0\x01";

/** What came on one stream. */
class HeardStream {
  readonly heads: Field[][] = [];
  readonly resets: number[] = [];
  data = "";
  widened = 0;
  hasEnded = false;
}

/** What a client has received. */
class Heard {
  readonly streams = new Map<number, HeardStream>();
  readonly pongs: string[] = [];
  /** The last stream and the code of each GOAWAY. */
  readonly ends: [last: number, code: number][] = [];
  acknowledgements = 0;
  widened = 0;
  readonly #table = new ReferenceTable();
  #settings = 0;
  #needsSize = false;

  constructor(frames: readonly PlainFrame[], shrinks: readonly boolean[]) {
    for (const frame of frames) this.#take(frame, shrinks);
  }

  #of(id: number): HeardStream {
    let stream = this.streams.get(id);
    if (stream === undefined) this.streams.set(id, stream = new HeardStream());
    return stream;
  }

  #take({ type, flags, stream: id, text }: PlainFrame, shrinks: readonly boolean[]): void {
    requireAlways(type === 4 || this.#settings === 1, `a frame of type ${type} came before the settings`);
    requireAlways(text.length <= 16_384, "a frame is too large");
    switch (type) {
      case 0:
        requireAlways(!this.#of(id).hasEnded, "DATA after the end");
        this.#of(id).data += text;
        this.#of(id).hasEnded = (flags & 1) === 1;
        return;
      case 1: {
        const stream = this.#of(id);
        requireAlways((flags & 4) !== 0 && !stream.hasEnded, "HEADERS after the end, or in parts");
        requireAlways(
          !this.#needsSize || (text.charCodeAt(0) & 0xe0) === 0x20,
          "the smaller table is not acknowledged",
        );
        this.#needsSize = false;
        const fields = this.#table.decode(Array.from(text, (c) => c.charCodeAt(0)));
        requireAlways(fields !== null, "a block cannot be decoded");
        stream.heads.push(fields!);
        stream.hasEnded = (flags & 1) === 1;
        return;
      }
      case 3:
        this.#of(id).resets.push(numberOf(text));
        return;
      case 4:
        if (flags & 1) this.#needsSize = shrinks[this.acknowledgements++] === true || this.#needsSize;
        else requireAlways(++this.#settings === 1 && text === OWN_SETTINGS, `settings came: ${shown(text)}`);
        return;
      case 6:
        requireAlways((flags & 1) === 1, "a PING of the server's");
        this.pongs.push(text);
        return;
      case 7:
        this.ends.push([numberOf(text.slice(0, 4)), numberOf(text.slice(4, 8))]);
        return;
      case 8:
        requireAlways(numberOf(text) > 0, "WINDOW_UPDATE by 0");
        if (id === 0) this.widened += numberOf(text);
        else this.#of(id).widened += numberOf(text);
        return;
    }
    throw new Error(`a frame of type ${type} came`);
  }
}

/** Something that nothing which follows can mend. */
export class Wrong extends Error {}

function requireAlways(holds: boolean, message: string): void {
  if (!holds) throw new Wrong(message);
}

/** Checks what may still come true. */
function require(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

/**
 * Checks what a client has received. `hasEnded` tells that the server has ended the connection.
 * @throws {Wrong} when something wrong has come
 * @throws {Error} when something is missing so far
 */
export function judge(model: Http2Model, text: string, hasEnded: boolean): void {
  const { frames, rest } = framesOf(text);
  const heard = new Heard(frames, model.acknowledgements);
  require(!hasEnded || rest === "", `a frame is cut off: ${shown(rest)}`);
  const { end, isUnclear, pongs, acknowledgements } = model;
  const hasPongs = isUnclear
    ? pongs.every((pong, i) => heard.pongs[i] === pong)
    : heard.pongs.join() === pongs.join();
  require(hasPongs, `PING was answered by ${shown(heard.pongs.join())} and not ${shown(pongs.join())}`);
  const missing = acknowledgements.length - heard.acknowledgements;
  require(isUnclear ? missing <= 0 : missing === 0, `${heard.acknowledgements} settings are acknowledged`);
  requireAlways(
    heard.widened <= WIDENED_MAX + (isUnclear ? Infinity : model.received),
    "the window is too wide",
  );
  const all = [...model.streams.values()];
  const isTight = all.reduce((sum, stream) => sum + stream.sentMost, 0) > model.credit;
  for (const [id, stream] of model.streams) {
    const given = heard.streams.get(id) ?? new HeardStream();
    if (!isUnclear) judgeStream(id, stream, given, isTight || end !== null, model.hasHalfClosed);
    else if (stream.isWhole) {
      require(given.data === stream.request!.body || stream.length === 0, `stream ${id} is incomplete`);
    }
  }
  if (isUnclear) return;
  for (const id of heard.streams.keys()) {
    requireAlways(model.streams.has(id), `something came on stream ${id}`);
  }
  const { ends } = heard;
  const [last, code] = ends[0] ?? [];
  const isRight = end === null
    ? ends.length === 0 && hasEnded === model.hasHalfClosed
    : hasEnded && ends.length === 1 && last === model.last && end.includes(code!);
  require(
    isRight,
    `the connection has ended: ${hasEnded}, by ${shown(ends.join())}, not ${end}, ${model.last}`,
  );
}

/** Returns the least and the most of the body that must have come. */
function boundsOf(stream: StreamModel, isCut: boolean): [least: number, most: number] {
  const { state, isWhole, credit, length, sentMost } = stream;
  if (isWhole) return [length, length];
  return [state !== "half" || isCut || !stream.hasHead ? 0 : Math.max(Math.min(credit, length), 0), sentMost];
}

function judgeStream(
  id: number,
  stream: StreamModel,
  given: HeardStream,
  isCut: boolean,
  isCancelled: boolean,
): void {
  const name = `stream ${id}`;
  const { request, hasHead, reset, state } = stream;
  const isPage = hasHead && request!.body === null;
  const { heads } = given;
  if (request?.isContinued) {
    require(JSON.stringify(heads.shift()) === '[[":status","100"]]', `100 did not come on ${name}`);
  }
  requireAlways(heads.length <= (hasHead ? 1 : 0), `${heads.length} heads came on ${name}`);
  require(heads.length === (hasHead ? 1 : 0), `${heads.length} heads came on ${name}`);
  const widenedLeast = state === "open" && !hasHead && !isCancelled ? stream.returnedMost - STREAM_HALF : 0;
  require(
    given.widened <= stream.returnedMost && given.widened >= widenedLeast,
    `${name} is widened by ${given.widened} for ${stream.returnedMost}`,
  );
  const isOver = given.hasEnded || !isCancelled || !isActive(stream);
  const wanted = stream.mayBeCutShort && given.hasEnded ? 0 : isOver ? reset : CANCEL;
  require(given.resets.join() === `${wanted ?? ""}`, `${name} is reset by ${given.resets}, not ${wanted}`);
  if (!hasHead) return require(given.data === "", `${name} has data`);
  const fields = new Map(heads[0]);
  requireAlways(
    fields.get(":status") === String(request!.status),
    `the status of ${name} is ${fields.get(":status")}`,
  );
  if (isPage) {
    const mustEnd = (state === "half" || stream.mayBeCutShort && isActive(stream)) && !isCut &&
      stream.credit >= PAGE_BYTES_MAX;
    return require(!mustEnd || given.hasEnded, `${name} has no end`);
  }
  const body = request!.body!;
  requireAlways(
    fields.get("content-length") === String(body.length),
    `${name} is of ${fields.get("content-length")} bytes`,
  );
  const { data } = given;
  const [least, most] = boundsOf(stream, isCut);
  const isPart = body.startsWith(data) && data.length <= most;
  (isPart ? require : requireAlways)(
    isPart && data.length >= least,
    `${name} has ${data.length} bytes (${shown(data)}), and not ${least} to ${most} of ${shown(body)}`,
  );
  const isAll = data.length === stream.length;
  require(
    given.hasEnded ? isAll : !isAll || (isCut && !stream.isWhole) || state !== "half",
    `${name} ends at ${data.length}`,
  );
}
