/**
 * Output in blocks that all clients share. A send is tried at once; what the socket does not take leaves the blocks, so
 * a client that does not read holds none of them.
 * @module
 */
import { IOVEC, MSGHDR } from "../../ffi/libc/structs.ts";
import { concat } from "../../server/http/bytes.ts";
import { BLOCK_BYTES, type Blocks } from "./blocks.ts";
import type { Operations } from "./operations.ts";
import type { OwnBytes } from "./own_bytes.ts";

/** The numbers of a piece: its block, its first byte in the memory of all blocks, and its length. */
const PIECE = 3;
/** A list of pieces (struct msghdr, and an iovec for each) has to fit into a block. */
const PIECES_TRIED_MAX = Math.floor((BLOCK_BYTES - MSGHDR.size) / IOVEC.size);

/** The pieces of output of one client. */
export class OutgoingBlocks {
  readonly #blocks: Blocks;
  readonly #pieces: number[] = [];
  /** The pieces at the front that an operation refers to. */
  #tried = 0;
  /** The block with the list of the pieces that are tried, or −1. */
  #list = -1;

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Appends the bytes: those of block `received` as they are, others copied. False if there is no block for them. */
  add(bytes: Uint8Array, received: number): boolean {
    const blocks = this.#blocks;
    const offset = bytes.byteOffset - received * BLOCK_BYTES;
    const isReceived = received >= 0 && bytes.buffer === blocks.bytes.buffer && offset >= 0 &&
      offset + bytes.length <= BLOCK_BYTES;
    if (isReceived) {
      blocks.use(received);
      this.#pieces.push(received, bytes.byteOffset, bytes.length);
      return true;
    }
    const block = bytes.length <= BLOCK_BYTES ? blocks.take() : -1;
    if (block < 0) return false;
    blocks.bytes.set(bytes, block * BLOCK_BYTES);
    this.#pieces.push(block, block * BLOCK_BYTES, bytes.length);
    return true;
  }

  /** Prepares a send of the pieces. Returns false if there are none, or they are being sent already. */
  trySend(operations: Operations, fd: number, slot: number): boolean {
    const pieces = this.#pieces;
    if (pieces.length === 0 || this.#tried > 0) return false;
    const { address } = this.#blocks;
    if (pieces.length > PIECE) this.#list = this.#blocks.take();
    if (this.#list < 0) {
      this.#tried = 1;
      operations.trySend(fd, slot, address + pieces[1]!, pieces[2]!);
      return true;
    }
    this.#tried = Math.min(pieces.length / PIECE, PIECES_TRIED_MAX);
    this.#writeList();
    operations.trySendPieces(fd, slot, address + this.#list * BLOCK_BYTES);
    return true;
  }

  #writeList(): void {
    const { address, bytes } = this.#blocks;
    const start = this.#list * BLOCK_BYTES;
    const view = new DataView(bytes.buffer, start, BLOCK_BYTES);
    bytes.fill(0, start, start + MSGHDR.size);
    view.setBigUint64(MSGHDR.iov, BigInt(address + start + MSGHDR.size), true);
    view.setBigUint64(MSGHDR.iovlen, BigInt(this.#tried), true);
    for (let i = 0; i < this.#tried; i++) {
      const at = MSGHDR.size + i * IOVEC.size;
      view.setBigUint64(at + IOVEC.base, BigInt(address + this.#pieces[PIECE * i + 1]!), true);
      view.setBigUint64(at + IOVEC.len, BigInt(this.#pieces[PIECE * i + 2]!), true);
    }
  }

  /**
   * Handles the completion of a send of `count` bytes. If these are not all bytes that were tried, the rest moves to
   * the front of `own`, with all that follows.
   */
  sent(count: number, own: OwnBytes): void {
    const pieces = this.#pieces;
    let tried = this.#tried;
    let rest = count;
    let done = 0;
    while (tried > 0 && rest >= pieces[PIECE * done + 2]!) {
      rest -= pieces[PIECE * done + 2]!;
      this.#blocks.release(pieces[PIECE * done]!);
      done++;
      tried--;
    }
    if (done * PIECE === pieces.length) pieces.length = 0;
    else pieces.splice(0, done * PIECE);
    this.#tried = 0;
    if (this.#list >= 0) this.#blocks.release(this.#list);
    this.#list = -1;
    if (tried === 0) return;
    pieces[1]! += rest;
    pieces[2]! -= rest;
    const left: Uint8Array[] = [];
    for (let i = 0; i < pieces.length; i += PIECE) {
      left.push(this.#blocks.bytes.subarray(pieces[i + 1]!, pieces[i + 1]! + pieces[i + 2]!));
    }
    own.prepend(concat(left));
    this.drop();
  }

  /** Gives up the pieces that no operation refers to. */
  drop(): void {
    const pieces = this.#pieces;
    for (let i = PIECE * this.#tried; i < pieces.length; i += PIECE) this.#blocks.release(pieces[i]!);
    pieces.length = PIECE * this.#tried;
  }
}
