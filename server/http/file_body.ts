/**
 * A part of an open file as the body of a response.
 * @module
 */
import { describeKind } from "../../ffi/libc/bytes.ts";
import { reportRejection } from "../embedder/rejections.ts";

/** What a {@linkcode FileBody} is made of. */
export interface FileBodyInit {
  /** An open descriptor of the file. */
  readonly fd: number;
  /** Where the part begins, in bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** Called once, when the part was sent, or is not wanted: gives the descriptor back. */
  readonly close: () => void;
  /**
   * Whether the file still is what was announced. Asked before each part is sent, of a body that takes more than a
   * turn: false ends the connection instead. Without it a file is taken to stay as it is.
   */
  readonly isIntact?: () => boolean;
}

/**
 * A part of an open file, for one response: its descriptor may stand for another file as soon as that is sent. A class and
 * no shape, so that what a client sends as JSON cannot become one; and not to be extended, since another `take` could let
 * it be sent twice.
 */
export class FileBody {
  /** The descriptor. */
  readonly fd: number;
  /** Where the part begins, in bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  readonly #close: () => void;
  readonly #isIntact: (() => boolean) | null;
  #state: "fresh" | "taken" | "closed" = "fresh";

  /** A part of an open file; see {@linkcode FileBodyInit}. @throws {TypeError | RangeError} when a part of `init` is not what it must be */
  constructor(init: FileBodyInit) {
    if (new.target !== FileBody) throw new TypeError("FileBody cannot be extended");
    const { fd, offset, length, close, isIntact = null } = init;
    if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fff_ffff) {
      throw new RangeError(`The descriptor of a file must be a whole number from 0 on, not ${String(fd)}`);
    }
    for (const [name, value] of [["offset", offset], ["length", length]] as const) {
      if (Number.isSafeInteger(value) && value >= 0) continue;
      throw new RangeError(`The ${name} of a file must be a whole number from 0 on, not ${String(value)}`);
    }
    if (typeof close !== "function") {
      throw new TypeError(`The close of a file must be a function, not ${describeKind(close)}`);
    }
    if (isIntact !== null && typeof isIntact !== "function") {
      throw new TypeError(`The isIntact of a file must be a function, not ${describeKind(isIntact)}`);
    }
    this.fd = fd;
    this.offset = offset;
    this.length = length;
    this.#close = close;
    this.#isIntact = isIntact;
    Object.freeze(this);
  }

  static {
    Object.freeze(FileBody.prototype);
  }

  /** False once a response was sent with it, or it was closed. */
  get isFresh(): boolean {
    return this.#state === "fresh";
  }

  /** False once the file is known to be no longer what was announced. */
  get isIntact(): boolean {
    return this.#isIntact === null || this.#isIntact();
  }

  /** Begins to send it. @throws {TypeError} for a second time */
  take(): void {
    if (this.#state !== "fresh") throw new TypeError("A response with a file can be sent once only");
    this.#state = "taken";
  }

  /** Gives the descriptor back, once. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    reportRejection(this.#close(), () => {}); // whatever its owner thinks of that
  }
}
