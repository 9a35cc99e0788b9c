/**
 * A request's body on its way to a handler: pieces as they arrive, as many as fit until the handler takes them.
 * @module
 */
import { bytesOf } from "../../ffi/libc/bytes.ts";
import { HELD_BODY_SMALL_BYTES_MAX, REQUEST_BODY_QUEUE_BYTES_MAX } from "../limits.ts";
import { bodyMemory, NoRoom } from "./body_memory.ts";
import { concat } from "./bytes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Takes a body's data, piece by piece; a piece is valid during the call only. */
export interface BodySink {
  /** Takes the next piece. */
  push(piece: Uint8Array): void;
}

/** Somebody who waits for the next piece. */
interface Waiting {
  resolve(piece: Bytes | null): void;
  reject(error: Error): void;
}

/** One body. It is read once, by one reader. */
export class RequestBody implements BodySink {
  #pieces: Bytes[] = [];
  #queuedBytes = 0;
  #isEnded = false;
  #error: Error | null = null;
  #waiting: Waiting | null = null;
  #isTaken = false;
  /** Nobody wants the rest. */
  #isDropped = false;
  #stream: ReadableStream<Bytes> | null = null;
  readonly #onWanted: () => void;

  /** `onWanted` is called each time the reader wants more than is there: from any promise or timer. */
  constructor(onWanted: () => void) {
    this.#onWanted = onWanted;
  }

  /** False while so much waits for the reader that no more should be received. */
  get hasRoom(): boolean {
    return this.#queuedBytes < REQUEST_BODY_QUEUE_BYTES_MAX;
  }

  /** True once somebody began to read it, or may do so at any time. */
  get isTouched(): boolean {
    return this.#isTaken || this.#stream !== null;
  }

  /** True while the reader waits for more of it. */
  get isAwaited(): boolean {
    return this.#waiting !== null;
  }

  /** A piece arrived. */
  push(piece: Uint8Array): void {
    const bytes = bytesOf(piece, "A piece of a body");
    if (bytes.length === 0 || this.#isDropped) return;
    const copy = bytes.slice();
    if (this.#waiting !== null) return this.#wake(copy);
    this.#pieces.push(copy);
    this.#queuedBytes += copy.length;
  }

  /** It is whole. */
  end(): void {
    this.#isEnded = true;
    if (this.#waiting !== null) this.#wake(null);
  }

  /** No more comes of it. What has arrived is lost, too: half a body must not be taken for a whole one. */
  fail(error: Error): void {
    if (this.#isEnded || this.#error !== null) return;
    this.#error = error;
    this.#pieces = [];
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }

  /** All of it. @throws {HttpError} 400, 408 or 413 when it does not arrive as it should; 503: no room. */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#bytes();
    bytes.catch(() => {}); // a handler that stopped waiting for it must not end the process
    return bytes;
  }

  async #bytes(): Promise<Bytes> {
    if (this.#stream?.locked) throw new TypeError("The body of this request is being read already");
    this.#take();
    const pieces: Bytes[] = [];
    let length = 0;
    try {
      for (let piece = await this.#next(); piece !== null; piece = await this.#next()) {
        pieces.push(piece);
        length += piece.length;
        bodyMemory.add(piece.length);
        if (length > HELD_BODY_SMALL_BYTES_MAX && bodyMemory.isFull) {
          this.#drop();
          throw new NoRoom();
        }
      }
    } finally { // what the handler gets is the handler's
      bodyMemory.add(-length);
    }
    return pieces.length === 1 ? pieces[0]! : concat(pieces);
  }

  /** The same piece by piece: the client is not asked for more than is read. The same stream each time. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    let isReading = false;
    return this.#stream ??= new ReadableStream<Bytes>({
      pull: async (controller) => {
        if (!isReading) this.#take();
        isReading = true;
        const piece = await this.#next();
        if (piece === null) controller.close();
        else controller.enqueue(piece);
      },
      cancel: () => this.#drop(),
    }, { highWaterMark: 0 });
  }

  /** The client need not wait for a reader any more. */
  #drop(): void {
    this.#isTaken = this.#isDropped = true;
    const { hasRoom } = this;
    this.#pieces = [];
    this.#queuedBytes = 0;
    if (this.#waiting !== null) this.#wake(null);
    if (!hasRoom) this.#onWanted();
  }

  #take(): void {
    if (this.#isTaken) throw new TypeError("The body of this request has been read already");
    this.#isTaken = true;
  }

  #next(): Bytes | null | Promise<Bytes | null> {
    if (this.#error !== null) return Promise.reject(this.#error);
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      const hadRoom = this.hasRoom;
      this.#queuedBytes -= piece.length;
      if (!hadRoom && this.hasRoom) this.#onWanted();
      return piece;
    }
    if (this.#isEnded) return null;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#onWanted();
    });
  }

  #wake(piece: Bytes | null): void {
    const waiting = this.#waiting!;
    this.#waiting = null;
    waiting.resolve(piece);
  }
}
