/**
 * What is in memory of one state of a file: once, however many URLs lead to it.
 * @module
 */
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import type { HttpResponse } from "../../../server/http/response.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The bytes of one state of a file, or a compressed form that was made of them and belongs to them. */
export class FileContent {
  /** The state that was read; of what was made: that of which it was made. */
  readonly status: FileStatus;
  /** The same for all contents of this state. */
  readonly identity: string;
  /** Bytes. */
  readonly size: number;
  /** The tag of the bytes; null: none is given out. */
  readonly tag: string | null;
  /** When it was read, the file had not changed for so long that any later change shows in its times. */
  readonly isSettled: boolean;
  /** It grows so fast that nothing is made of it but answers, and it is read anew soon. */
  readonly isProvisional: boolean;
  /** What was compressed of it, or is being; null: that would be of no use. */
  readonly made: Map<Coding, FileContent | Promise<FileContent | null> | null> = new Map();
  /** A response of some URL is made of it. */
  isShared = false;
  /** It was in the cache, or would have been, and is not any longer: nothing new may be made of its bytes, which are freed. */
  hasLeft = false;
  /** Bytes in memory of what was made of it. */
  madeBytes = 0;
  /** Null: they stand behind the head of a response. */
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
    // A response may move its own.
    return this.#bytes ?? this.#response!.bytes.subarray(this.#response!.headLength);
  }

  /** A response has them behind its head: they need not be in memory twice. */
  moveInto(response: HttpResponse): void {
    const before = this.bytes;
    this.#bytes = null;
    this.#response = response;
    bodyMemory.move(before, response.bytes);
    if (before.buffer === response.bytes.buffer) return;
    bodyMemory.reclaimer.free(before.buffer); // the first response that is made of it: no other reader has it
  }
}
