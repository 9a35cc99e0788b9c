/**
 * Output that waits for a client in memory of its own.
 * @module
 */

/** Smaller chunks would make an operation for each short write. */
const CHUNK_BYTES = 16 * 1024;

/**
 * Bytes in chunks that never move, so that an operation may refer to the first one. What is appended comes after the
 * bytes of the operation.
 */
export class OwnBytes {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  /** The first byte in the first chunk, and the end of the bytes in the last one. */
  #start = 0;
  #end = 0;
  length = 0;

  append(bytes: Uint8Array): void {
    this.length += bytes.length;
    let rest = bytes;
    const last = this.#chunks.at(-1);
    if (last !== undefined) {
      const fitting = rest.subarray(0, last.length - this.#end);
      last.set(fitting, this.#end);
      this.#end += fitting.length;
      rest = rest.subarray(fitting.length);
    }
    if (rest.length === 0) return;
    // The array has a buffer that is allocated apart from it, which the garbage collector does not move.
    const chunk = new Uint8Array(new ArrayBuffer(Math.max(rest.length, CHUNK_BYTES)));
    chunk.set(rest);
    this.#chunks.push(chunk);
    this.#end = rest.length;
  }

  /** Puts `bytes` before all others. No operation may refer to these, and none of them may have been removed. */
  prepend(bytes: Uint8Array): void {
    const chunk = new Uint8Array(new ArrayBuffer(bytes.length));
    chunk.set(bytes);
    this.#chunks.unshift(chunk);
    if (this.#chunks.length === 1) this.#end = bytes.length;
    this.length += bytes.length;
  }

  /** The address and the length of the bytes in the first chunk. */
  get first(): { readonly address: number; readonly length: number } {
    const chunk = this.#chunks[0]!;
    const end = this.#chunks.length === 1 ? this.#end : chunk.length;
    const address = Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(chunk))) + this.#start;
    return { address, length: end - this.#start };
  }

  /** Removes the first `count` bytes, which the first chunk has. */
  remove(count: number): void {
    this.length -= count;
    this.#start += count;
    const isUsedUp = this.#start === (this.#chunks.length === 1 ? this.#end : this.#chunks[0]!.length);
    if (!isUsedUp) return;
    this.#chunks.shift();
    this.#start = 0;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#start = 0;
    this.length = 0;
  }
}
