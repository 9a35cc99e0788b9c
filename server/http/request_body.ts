/**
 * The body of a request on its way to a handler. Pieces are queued as they arrive, up to a bound, until they are read.
 * @module
 */
import { bytesOf } from "../../ffi/libc/bytes.ts";
import { HELD_BODY_SMALL_BYTES_MAX, REQUEST_BODY_QUEUE_BYTES_MAX } from "../limits.ts";
import { bodyMemory, NoRoom } from "./body_memory.ts";
import { concat } from "./bytes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Pieces smaller than this are joined once there are so many in a row. */
const SMALL_PIECE_BYTES = 1024;
const SMALL_PIECES_MAX = 32;

/** The destination of a body's data. */
export interface BodySink {
  /** Takes the next piece, which is valid during the call only. */
  push(piece: Uint8Array): void;
}

/** A reader that waits for the next piece. */
interface Waiting {
  resolve(piece: Bytes | null): void;
  reject(error: Error): void;
}

/**
 * Adds a piece to `pieces`. Small ones become one once there are many in a row: an array costs some hundred bytes, and a client
 * may send a body in frames or chunks of one.
 */
function addPiece(pieces: Bytes[], piece: Bytes): void {
  pieces.push(piece);
  const first = pieces.length - SMALL_PIECES_MAX;
  if (first < 0) return;
  for (let i = pieces.length - 1; i >= first; i--) if (pieces[i]!.length >= SMALL_PIECE_BYTES) return;
  pieces.push(concat(pieces.splice(first)));
}

/** The body of a request. One reader can read it, once. */
export class RequestBody implements BodySink {
  #pieces: Bytes[] = [];
  #queuedBytes = 0;
  #isEnded = false;
  #error: Error | null = null;
  #waiting: Waiting | null = null;
  #isTaken = false;
  /** The reader does not want the rest; it is dropped. */
  #isDropped = false;
  #stream: ReadableStream<Bytes> | null = null;
  readonly #onWanted: () => void;

  /**
   * `onWanted` is called each time the reader wants more than has arrived, and when it has taken the last of a body that has
   * arrived completely; from any promise or timer.
   */
  constructor(onWanted: () => void) {
    this.#onWanted = onWanted;
  }

  /** False while so many bytes wait for the reader that no more should be received. */
  get hasRoom(): boolean {
    return this.#queuedBytes < REQUEST_BODY_QUEUE_BYTES_MAX;
  }

  /** The bytes that wait for the reader. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** True once all of it has arrived, or it has failed. */
  get isComplete(): boolean {
    return this.#isEnded || this.#error !== null;
  }

  /** True once the body is being read, or may be read at any time. */
  get isTouched(): boolean {
    return this.#isTaken || this.#stream !== null;
  }

  /** True while the reader waits for more bytes. */
  get isAwaited(): boolean {
    return this.#waiting !== null;
  }

  /** Queues a copy of a piece, or gives it to the waiting reader. */
  push(piece: Uint8Array): void {
    const bytes = bytesOf(piece, "A piece of a body");
    if (bytes.length === 0 || this.#isDropped || this.#error !== null) return;
    const copy = bytes.slice();
    if (this.#waiting !== null) return this.#wake(copy);
    addPiece(this.#pieces, copy);
    this.#queuedBytes += copy.length;
  }

  /** Marks the body as complete. */
  end(): void {
    this.#isEnded = true;
    if (this.#waiting !== null) this.#wake(null);
  }

  /** Ends the body with an error. Queued bytes are dropped, too, because a part must not be mistaken for the whole. */
  fail(error: Error): void {
    if (this.#isEnded || this.#error !== null) return;
    this.#error = error;
    this.#pieces = [];
    this.#queuedBytes = 0;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }

  /**
   * Resolves to the whole body.
   * @throws {HttpError} 400, 408 or 413 if the body is malformed, too slow or too large; 503 if bodies take too much
   * memory
   * @throws {TypeError} if the body is, or was, read
   */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#bytes();
    bytes.catch(() => {}); // a rejection that the handler ignores must not end the process
    return bytes;
  }

  async #bytes(): Promise<Bytes> {
    if (this.#stream?.locked) throw new TypeError("The body of this request is being read already");
    this.#take();
    const pieces: Bytes[] = [];
    let length = 0;
    try {
      for (let piece = await this.#next(); piece !== null; piece = await this.#next()) {
        addPiece(pieces, piece);
        length += piece.length;
        bodyMemory.add(piece.length);
        if (length > HELD_BODY_SMALL_BYTES_MAX && bodyMemory.isFull) {
          this.#drop();
          throw new NoRoom();
        }
      }
    } finally { // the result belongs to the handler, and counts no longer
      bodyMemory.add(-length);
    }
    return pieces.length === 1 ? pieces[0]! : concat(pieces);
  }

  /** Returns the body as a stream, the same one each time. A slow reader slows the client down. */
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

  /** Drops the rest of the body, so that the client need not wait for a reader. */
  #drop(): void {
    this.#isTaken = this.#isDropped = true;
    const { hasRoom, isAwaited } = this;
    const wasWaiting = this.#isEnded && this.#queuedBytes > 0;
    this.#pieces = [];
    this.#queuedBytes = 0;
    if (isAwaited) this.#wake(null);
    if (!hasRoom || isAwaited || wasWaiting) this.#onWanted();
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
      if ((!hadRoom && this.hasRoom) || (this.#isEnded && this.#queuedBytes === 0)) this.#onWanted();
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
