/**
 * The bytes of one state of a file: once in memory, however many URLs lead to the file.
 * @module
 */
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import type { HttpResponse } from "../../../server/http/response.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The bytes of one state of a file, or a form compressed from them. */
export class FileContent {
  /** The state that was read; for a compressed form, the state of its original. */
  readonly status: FileStatus;
  /** A text that is the same for all contents of this state. */
  readonly identity: string;
  /** In bytes. */
  readonly size: number;
  /** The entity tag of the bytes; null when responses have none. */
  readonly tag: string | null;
  /** True when the file's last change was so long before it was read that any later change shows in its times. */
  readonly isSettled: boolean;
  /** True for a file that grows all the time: it gets no tag and no compressed form, and is read anew soon. */
  readonly isProvisional: boolean;
  /** Compressed forms, or promises of them; null for a coding that makes the bytes no smaller, or failed. */
  readonly made: Map<Coding, FileContent | Promise<FileContent | null> | null> = new Map();
  /** True for a compressed form that no stronger compression will replace. */
  isFinal = false;
  /** True once a response has the bytes behind its head; others send them from there. */
  isShared = false;
  /** True once the content left the cache: its bytes are about to be freed, so no further response may use them. */
  hasLeft = false;
  /** Bytes of the compressed forms in memory. */
  madeBytes = 0;
  /** Null once the bytes stand behind the head of `#response`. */
  #bytes: Bytes | null;
  #response: HttpResponse | null = null;

  constructor(
    bytes: Bytes,
    status: FileStatus,
    identity: string,
    { tag = null, isSettled = false, isProvisional = false }: Partial<
      Pick<FileContent, "tag" | "isSettled" | "isProvisional">
    >,
  ) {
    this.#bytes = bytes;
    this.size = bytes.length;
    this.status = status;
    this.identity = identity;
    this.tag = tag;
    this.isSettled = isSettled;
    this.isProvisional = isProvisional;
  }

  get bytes(): Bytes {
    // Read from the response each time, since a response may move its bytes.
    return this.#bytes ?? this.#response!.bytes.subarray(this.#response!.headLength);
  }

  /** Uses the copy of the bytes behind the head of `response` from now on, and frees its own. */
  moveInto(response: HttpResponse): void {
    const before = this.bytes;
    this.#bytes = null;
    this.#response = response;
    bodyMemory.move(before, response.bytes);
    if (before.buffer === response.bytes.buffer) return;
    bodyMemory.reclaimer.free(before.buffer); // the first response that is made of it: no other reader has it
  }
}
