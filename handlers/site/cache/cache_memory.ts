/**
 * The memory that caches share: sites with the same root have the bytes of each file once, and one bound.
 * @module
 */
import { FileContents } from "./file_contents.ts";
import type { Resource } from "./resource.ts";
import { Sieve } from "./sieve.ts";

/** The memory of one or more caches with the same root, and its bound. */
export class CacheMemory {
  readonly bytesMax: number;
  readonly contents: FileContents = new FileContents();
  /** All resources in the caches. */
  readonly queue: Sieve<Resource> = new Sieve();
  /** Bytes of the resources, without the contents of files. */
  ownBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.ownBytes + this.contents.bytes;
  }

  /** Evicts resources until the rest is within the bound. */
  makeRoom(nowSeconds: number): void {
    while (this.bytes > this.bytesMax) {
      const victim = this.queue.victim();
      if (victim === null) return;
      victim.keeper.evict(victim, nowSeconds);
    }
  }
}
