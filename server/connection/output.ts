/**
 * The send queue of a connection: bytes and parts of files, in order.
 * @module
 */
import { EAGAIN, EINTR, EIO } from "../../ffi/libc/errno.ts";
import { bodyMemory } from "../http/body_memory.ts";
import type { FileBody } from "../http/file_body.ts";
import { SEND_BYTES_PER_TURN_MAX } from "../limits.ts";
import type { Transport } from "../transport/transport.ts";
import type { Buffers } from "./buffers.ts";
import { Backlog } from "./pending_bytes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes. Freeing smaller copies at once saves too little memory. */
const FREED_BYTES_MIN = 16 * 1024;
/** Buffers of copies that only this module has. */
const copies = new WeakSet<ArrayBufferLike>();

/** Returns a copy of `bytes[start, end)` for a queue. */
function copyOf(bytes: Bytes, start: number, end: number): Bytes {
  const copy = bytes.slice(start, end);
  if (copy.length >= FREED_BYTES_MIN) copies.add(copy.buffer);
  return copy;
}

/**
 * Frees the memory of `bytes` if they are such a copy: the garbage collector would free it only after far more was
 * allocated.
 */
function free({ buffer }: Bytes): void {
  if (buffer.byteLength >= FREED_BYTES_MIN && copies.delete(buffer)) buffer.transfer(0);
}

/** That of an output which has none: most have none ever. */
const NO_BACKLOG = new Backlog();

/** A part of a file that is being sent. */
interface FileSegment {
  readonly body: FileBody;
  offset: number;
  remaining: number;
  /** True when sending takes more than a turn, so that the file may change meanwhile. */
  isGuarded: boolean;
}

/** The results of {@linkcode Output.flush} other than −errno. */
export const Flushed = {
  /** Everything was sent. */
  ALL: 0,
  /** The socket accepts no more at present. */
  BLOCKED: 1,
  /** The budget of this turn is used up, or a signal has interrupted the call. The socket may accept more. */
  BUDGET: 2,
  /** The memory of a body is gone. Smaller than every −errno, because error numbers end at 4,095. */
  GONE: -4096,
} as const;

/** Describes {@linkcode Flushed.GONE}. */
export const BODY_GONE =
  "A body's buffer was transferred, or became smaller, while it was sent: the connection ends";

/** The output of one connection. Short responses are collected in the shared gather buffer, ahead of the queue. */
export class Output {
  #queue: (Bytes | FileSegment)[] = [];
  /** Bytes behind the queue that {@linkcode enqueue} has added. */
  #later = NO_BACKLOG;
  /** How many elements, from the first on, are counted as held in memory, because they waited for a later turn. */
  #heldCount = 0;
  /** Bytes that were appended since the connection began. */
  appendedBytes = 0;
  /** How many of these bytes {@linkcode flush} has sent. */
  sentBytes = 0;

  /** True when the queue is empty. The gather buffer may hold bytes all the same. */
  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#later.length === 0;
  }

  /** True when bytes of this output are in the gather buffer. */
  hasGathered({ gatherLength, gatheredBy }: Buffers): boolean {
    return gatherLength > 0 && gatheredBy === this;
  }

  /** Appends a copy of `bytes[start, end)`, in the gather buffer if the queue is empty and there is room. */
  append(buffers: Buffers, bytes: Bytes, start: number, end: number): void {
    const { gather, gatherLength } = buffers;
    if (end === start) return; // an empty element would mean that its memory is gone
    if (end > bytes.length) throw new RangeError("There are fewer bytes than are to be sent"); // the rest would be memory of another client
    this.appendedBytes += end - start;
    const isGatherOurs = gatherLength === 0 || buffers.gatheredBy === this;
    if (isGatherOurs && this.isEmpty && end - start <= gather.length - gatherLength) {
      buffers.gatheredBy = this;
      gather.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), gatherLength);
      buffers.gatherLength += end - start;
    } else {
      this.#ungather(buffers);
      this.#queue.push(copyOf(bytes, start, end));
    }
  }

  /** Appends a copy of `bytes` outside of this connection's turn. */
  enqueue(bytes: Uint8Array): void {
    this.appendedBytes += bytes.length;
    if (this.#later === NO_BACKLOG) this.#later = new Backlog();
    this.#later.add(bytes);
  }

  /** The number of bytes in memory that wait to be sent. */
  get queuedBytes(): number {
    const queued = (sum: number, part: Bytes | FileSegment) =>
      part instanceof Uint8Array ? sum + part.length : sum;
    return this.#queue.reduce(queued, this.#later.length);
  }

  /**
   * Appends `bytes`, without a copy if they are longer than a quarter of the gather buffer. They must not change until
   * they are sent, and their view must have a fixed length.
   */
  appendShared(buffers: Buffers, bytes: Bytes): void {
    if (bytes.length <= buffers.gather.length >> 2) return this.append(buffers, bytes, 0, bytes.length);
    this.appendedBytes += bytes.length;
    this.#ungather(buffers);
    this.#queue.push(bytes);
  }

  /** Sends the first `length` bytes directly if nothing else waits. Returns how many were sent, possibly 0, or −errno. */
  sendAlone(transport: Transport, fd: number, buffers: Buffers, bytes: Bytes, length: number): number {
    if (!this.isEmpty || this.hasGathered(buffers)) return 0;
    const sent = transport.send(fd, bytes, length, false);
    return sent === -EAGAIN || sent === -EINTR ? 0 : sent;
  }

  /** Appends a part of a file. It is closed when it is sent, or by {@linkcode discard}. */
  appendFile(buffers: Buffers, body: FileBody): void {
    if (body.length === 0) return body.close(); // sending the head with MSG_MORE would delay it in vain
    this.appendedBytes += body.length;
    this.#ungather(buffers);
    const isGuarded = body.length > SEND_BYTES_PER_TURN_MAX; // a shorter one is usually sent in this turn
    this.#queue.push({ body, offset: body.offset, remaining: body.length, isGuarded });
  }

  /** Moves everything into the queue, because more follows that does not fit. */
  #ungather(buffers: Buffers): void {
    if (this.hasGathered(buffers)) {
      this.#queue.push(copyOf(buffers.gather, 0, buffers.gatherLength));
      buffers.gatherLength = 0;
    }
    this.#collect();
  }

  #collect(): void {
    if (this.#later.length > 0) this.#queue.push(this.#later.take());
  }

  /**
   * Sends until nothing is left, the socket is full, or `bytesMax` bytes are sent. Returns one of {@linkcode Flushed} or
   * −errno; −EIO when a file has become shorter or has changed. The gather buffer is empty afterwards.
   */
  flush(
    transport: Transport,
    fd: number,
    buffers: Buffers,
    bytesMax: number = SEND_BYTES_PER_TURN_MAX,
  ): number {
    if (this.hasGathered(buffers)) {
      const length = buffers.gatherLength;
      buffers.gatherLength = 0;
      const sent = transport.send(fd, buffers.gather, length, false);
      if (sent > 0) this.sentBytes += sent;
      if (sent === length) return this.#release(transport, fd);
      if (sent < 0 && sent !== -EAGAIN && sent !== -EINTR) return sent;
      this.#queue.unshift(copyOf(buffers.gather, Math.max(sent, 0), length));
      if (sent === -EAGAIN) {
        this.#collect();
        return this.#wait(Flushed.BLOCKED);
      }
    }
    this.#collect();
    let budget = bytesMax;
    while (this.#queue.length > 0) {
      if (budget <= 0) return this.#wait(Flushed.BUDGET);
      const first = this.#queue[0]!;
      const sent = first instanceof Uint8Array
        ? this.#sendBytes(transport, fd, first, budget)
        : this.#sendFile(transport, fd, first, budget);
      if (sent === -EAGAIN) return this.#wait(Flushed.BLOCKED);
      if (sent === -EINTR) return this.#wait(Flushed.BUDGET); // after other connections, because a signal may interrupt each call
      if (sent < 0) return sent;
      this.sentBytes += sent;
      budget -= sent;
    }
    return this.#release(transport, fd);
  }

  /** Sends what the transport holds back. */
  #release(transport: Transport, fd: number): number {
    const status = transport.flush(fd);
    return status === -EAGAIN ? Flushed.BLOCKED : status === -EINTR ? Flushed.BUDGET : status;
  }

  /** Counts what is left as held in memory, and guards its files. Returns `flushed`, or −EIO for a file that has changed. */
  #wait(flushed: number): number {
    const queue = this.#queue;
    for (; this.#heldCount < queue.length; this.#heldCount++) {
      const part = queue[this.#heldCount]!;
      if (part instanceof Uint8Array) {
        bodyMemory.hold(part);
      } else {
        part.isGuarded = true;
        if (!part.body.isIntact) return -EIO;
      }
    }
    return flushed;
  }

  #shift(): void {
    const part = this.#queue.shift();
    const isHeld = this.#heldCount > 0;
    if (isHeld) this.#heldCount--;
    if (!(part instanceof Uint8Array)) return;
    if (isHeld) bodyMemory.release(part);
    free(part);
  }

  #sendBytes(transport: Transport, fd: number, bytes: Bytes, bytesMax: number): number {
    if (bytes.length === 0) return Flushed.GONE;
    const length = Math.min(bytes.length, bytesMax);
    const sent = transport.send(fd, bytes, length, length < bytes.length || this.#queue.length > 1);
    if (sent === bytes.length) this.#shift();
    else if (sent > 0) this.#queue[0] = bytes.subarray(sent);
    return sent;
  }

  #sendFile(transport: Transport, fd: number, segment: FileSegment, bytesMax: number): number {
    if (segment.isGuarded && !segment.body.isIntact) return -EIO;
    const sent = segment.remaining === 0 ? 0 : transport.sendfile(
      fd,
      segment.body.fd,
      segment.offset,
      Math.min(segment.remaining, bytesMax),
    );
    if (sent < 0) return sent;
    if (sent === 0 && segment.remaining > 0) return -EIO; // the file was truncated meanwhile
    segment.offset += sent;
    segment.remaining -= sent;
    if (segment.remaining === 0) {
      this.#shift();
      segment.body.close();
    }
    return sent;
  }

  /** Drops everything, and closes the files. */
  discard(buffers: Buffers): void {
    if (this.hasGathered(buffers)) buffers.gatherLength = 0;
    this.#collect();
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    for (const part of queue.slice(0, this.#heldCount)) {
      if (part instanceof Uint8Array) bodyMemory.release(part);
    }
    this.#heldCount = 0;
    this.#queue = [];
    const errors: unknown[] = [];
    for (const segment of queue) {
      try {
        if (segment instanceof Uint8Array) free(segment);
        else segment.body.close();
      } catch (error) { // the other files are closed all the same
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
