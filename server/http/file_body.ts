/**
 * A response body that is a part of an open file.
 * @module
 */
import { describeKind } from "../../ffi/libc/bytes.ts";
import { reportRejection } from "../embedder/rejections.ts";

/** The arguments of {@linkcode FileBody}. */
export interface FileBodyInit {
  /** An open descriptor of the file. */
  readonly fd: number;
  /** The offset of the part in bytes. */
  readonly offset: number;
  /** The length of the part in bytes. */
  readonly length: number;
  /** Called once, after the part was sent or is no longer needed. It closes or releases the descriptor. */
  readonly close: () => void;
  /**
   * Returns whether the file is still the one that was announced. Called before each further part of a body that takes
   * more than one turn. If it returns false, the connection is closed. Without it the file is assumed not to change.
   */
  readonly isIntact?: () => boolean;
}

/**
 * A part of an open file, for one response. After the response is sent, its descriptor may refer to another file.
 *
 * It is a class, so that data from a client (such as JSON) cannot pose as one. It cannot be extended, because another
 * `take` could allow a second use.
 */
export class FileBody {
  /** The open descriptor. */
  readonly fd: number;
  /** The offset of the part in bytes. */
  readonly offset: number;
  /** The length of the part in bytes. */
  readonly length: number;
  readonly #close: () => void;
  readonly #isIntact: (() => boolean) | null;
  #state: "fresh" | "taken" | "closed" = "fresh";

  /**
   * Creates a body from its parts.
   * @throws {RangeError} when `fd`, `offset` or `length` is not an integer ≥ 0
   * @throws {TypeError} when `close` or `isIntact` is not a function, and for a subclass
   */
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

  /** False once a response has used this body, or it was closed. */
  get isFresh(): boolean {
    return this.#state === "fresh";
  }

  /** False once the file is known to differ from what was announced. */
  get isIntact(): boolean {
    return this.#isIntact === null || this.#isIntact();
  }

  /**
   * Marks the body as used by a response. The server calls this.
   * @throws {TypeError} when it is already used, or closed
   */
  take(): void {
    if (this.#state !== "fresh") throw new TypeError("A response with a file can be sent once only");
    this.#state = "taken";
  }

  /** Calls `close` of the constructor's argument, on the first call only. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    reportRejection(this.#close(), () => {}); // the outcome is the owner's concern
  }
}
