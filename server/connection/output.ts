/**
 * What a connection still has to send, in order: bytes, and parts of files.
 * @module
 */
import { EAGAIN, EINTR, EIO } from "../../ffi/libc/errno.ts";
import { bodyMemory } from "../http/body_memory.ts";
import { encodeUtf8 } from "../http/characters.ts";
import { CLOSE_AND_BLANK_LINE } from "../http/persistence.ts";
import { FileBody } from "../http/file_body.ts";
import { HttpResponse } from "../http/response.ts";
import { SEND_BYTES_PER_TURN_MAX } from "../limits.ts";
import type { Transport } from "../transport/transport.ts";
import type { Buffers } from "./buffers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const CHUNKED = encodeUtf8("Transfer-Encoding: chunked\r\n");

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

/** Frees the memory of `bytes` if they are such a copy: the garbage collector would wait until far more has come. */
function free({ buffer }: Bytes): void {
  if (buffer.byteLength >= FREED_BYTES_MIN && copies.delete(buffer)) buffer.transfer(0);
}

/** A file on its way. */
interface FileSegment {
  readonly body: FileBody;
  offset: number;
  remaining: number;
  /** It takes more than a turn: the file may change meanwhile. */
  isGuarded: boolean;
}

/** How {@linkcode Output.flush} ended, if not with −errno. */
export const Flushed = {
  /** Nothing is left. */
  ALL: 0,
  /** The socket takes no more at present. */
  BLOCKED: 1,
  /** The turn's budget is used up; the socket would take more. */
  BUDGET: 2,
  /** The memory of a body is gone. No error number: there are 4,095 of them. */
  GONE: -4096,
} as const;

/** The output of one connection. Short responses wait in the buffers's gather buffer, ahead of the queue. */
export class Output {
  #queue: (Bytes | FileSegment)[] = [];
  /** How many of them are counted as held in memory: those that had to wait for a turn. */
  #heldCount = 0;
  /** Bytes that were appended, and */
  appendedBytes = 0;
  /** bytes of them that {@linkcode flush} has sent. */
  sentBytes = 0;

  /** True when nothing waits in the queue. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Appends a copy of `bytes[start, end)`: gathered while nothing is queued before it. */
  append(buffers: Buffers, bytes: Bytes, start: number, end: number): void {
    const { gather, gatherLength } = buffers;
    if (end === start) return; // in the queue, what has no bytes is what has lost them
    if (end > bytes.length) throw new RangeError("There are fewer bytes than are to be sent"); // the rest would be another's
    this.appendedBytes += end - start;
    if (this.#queue.length === 0 && end - start <= gather.length - gatherLength) {
      gather.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), gatherLength);
      buffers.gatherLength += end - start;
    } else {
      this.#ungather(buffers);
      this.#queue.push(copyOf(bytes, start, end));
    }
  }

  /** Appends a copy of `bytes` outside of this connection's turn: bytes that wait in memory now. */
  enqueue(bytes: Uint8Array): number {
    this.appendedBytes += bytes.length;
    if (bytes.length > 0) this.#queue.push(new Uint8Array(bytes));
    return this.queuedBytes;
  }

  /** Bytes in memory that wait to be sent. */
  get queuedBytes(): number {
    return this.#queue.reduce((sum, part) => part instanceof Uint8Array ? sum + part.length : sum, 0);
  }

  /** Appends bytes that must not change until they are sent, without copying them. Their view has a fixed length. */
  appendShared(buffers: Buffers, bytes: Bytes): void {
    if (bytes.length <= buffers.gather.length >> 2) return this.append(buffers, bytes, 0, bytes.length);
    this.appendedBytes += bytes.length;
    this.#ungather(buffers);
    this.#queue.push(bytes);
  }

  /** Sends a response's bytes as they are, when nothing else waits: how many of them went (0, too), or −errno. */
  sendAlone(transport: Transport, fd: number, buffers: Buffers, response: HttpResponse): number {
    if (buffers.gatherLength > 0 || this.#queue.length > 0) return 0;
    if (HttpResponse.sentTail(response) !== null) return 0;
    const bytes = HttpResponse.sentBytes(response);
    const sent = transport.send(fd, bytes, bytes.length, false);
    return sent === -EAGAIN || sent === -EINTR ? 0 : sent;
  }

  /** Appends a response's head from byte `from` on, which is everybody's, and its date will change: it is copied. */
  appendHead(
    buffers: Buffers,
    response: HttpResponse,
    closes: boolean,
    isChunked: boolean,
    from = 0,
  ): void {
    const { headLength, fieldsLength } = response;
    const bytes = HttpResponse.sentBytes(response);
    if (!closes && !isChunked) {
      if (from < headLength) this.append(buffers, bytes, from, headLength);
      return;
    }
    this.append(buffers, bytes, 0, fieldsLength);
    if (isChunked) this.append(buffers, CHUNKED, 0, CHUNKED.length);
    if (closes) this.append(buffers, CLOSE_AND_BLANK_LINE, 0, CLOSE_AND_BLANK_LINE.length);
    else this.append(buffers, bytes, fieldsLength, headLength);
  }

  /** Appends what follows the head, from byte `from` of the response on. A stream is not for the queue. */
  appendBody(buffers: Buffers, response: HttpResponse, from: number): void {
    const { headLength } = response;
    const bytes = HttpResponse.sentBytes(response);
    const tail = HttpResponse.sentTail(response);
    const bodyFrom = Math.max(from, headLength);
    if (bodyFrom < bytes.length) this.appendShared(buffers, bytes.subarray(bodyFrom));
    if (tail instanceof Uint8Array) this.appendShared(buffers, tail);
    else if (tail instanceof FileBody) this.appendFile(buffers, tail);
  }

  /** Appends a part of a file; its `close` is called when it was sent, or by {@linkcode discard}. */
  appendFile(buffers: Buffers, body: FileBody): void {
    if (body.length === 0) return body.close(); // a head that waited for more to come would wait in vain
    this.appendedBytes += body.length;
    this.#ungather(buffers);
    const isGuarded = body.length > SEND_BYTES_PER_TURN_MAX; // what is shorter most often needs no turn but this
    this.#queue.push({ body, offset: body.offset, remaining: body.length, isGuarded });
  }

  /** The gather buffer belongs to all connections: what stands in it moves into the queue when more follows. */
  #ungather(buffers: Buffers): void {
    if (buffers.gatherLength === 0) return;
    this.#queue.push(copyOf(buffers.gather, 0, buffers.gatherLength));
    buffers.gatherLength = 0;
  }

  /**
   * Sends until nothing is left, the socket is full or the budget used up: {@linkcode Flushed}, or −errno (−EIO when
   * a file has fewer bytes than were announced, or others). The gather buffer is empty afterwards. `bytesMax` is the budget.
   */
  flush(
    transport: Transport,
    fd: number,
    buffers: Buffers,
    bytesMax: number = SEND_BYTES_PER_TURN_MAX,
  ): number {
    if (buffers.gatherLength > 0) {
      const length = buffers.gatherLength;
      buffers.gatherLength = 0;
      const sent = transport.send(fd, buffers.gather, length, false);
      if (sent > 0) this.sentBytes += sent;
      if (sent === length) return Flushed.ALL;
      if (sent < 0 && sent !== -EAGAIN && sent !== -EINTR) return sent;
      this.#queue.unshift(copyOf(buffers.gather, Math.max(sent, 0), length));
    }
    let budget = bytesMax;
    while (this.#queue.length > 0) {
      if (budget <= 0) return this.#wait(Flushed.BUDGET);
      const first = this.#queue[0]!;
      const sent = first instanceof Uint8Array
        ? this.#sendBytes(transport, fd, first, budget)
        : this.#sendFile(transport, fd, first, budget);
      if (sent === -EAGAIN) return this.#wait(Flushed.BLOCKED);
      if (sent === -EINTR) return this.#wait(Flushed.BUDGET); // others first: a signal may come each time
      if (sent < 0) return sent;
      this.sentBytes += sent;
      budget -= sent;
    }
    return Flushed.ALL;
  }

  /** What is left waits. */
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
    if (sent === 0 && segment.remaining > 0) return -EIO; // it was truncated meanwhile
    segment.offset += sent;
    segment.remaining -= sent;
    if (segment.remaining === 0) {
      this.#shift();
      segment.body.close();
    }
    return sent;
  }

  /** Drops everything and closes the files. */
  discard(): void {
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
      } catch (error) { // the others are to be closed all the same
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
