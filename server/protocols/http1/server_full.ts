/**
 * The 503 response for clients over the connection limit, sent in one call.
 * @module
 */
import type { ConnectionContext } from "../../connection/context.ts";
import { errorResponse } from "../../exchange/error_response.ts";
import { LOG_UNKNOWN_LINE_BYTES_MAX, RECEIVE_BYTES_MAX, REFUSED_RETRY_SECONDS } from "../../limits.ts";
import { CLOSE_AND_BLANK_LINE } from "../../http/persistence.ts";
import { type Fields, HttpResponse } from "../../http/response.ts";
import { Http2Rejection, isHttp2 } from "../http2/responses/rejection.ts";
import { Output } from "../../connection/output.ts";

/** The buffer for input that is received and dropped. */
const UNREAD = new Uint8Array(RECEIVE_BYTES_MAX);

const RETRY: Fields = [["Retry-After", String(REFUSED_RETRY_SECONDS)]];

/** Rejects clients over the connection limit. */
export class ServerFull {
  readonly #context: ConnectionContext;
  readonly #output = new Output();
  readonly #form = HttpResponse.http1(errorResponse(503, RETRY, true));
  readonly #http2 = new Http2Rejection(503, RETRY);

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  /**
   * Sends the 503 response to the client at `fd`, which the caller then closes. Input is received first: closing with
   * unread input would make the kernel send a reset, which could overtake the response. Input that arrives later may
   * still cause a reset.
   */
  reject(fd: number): void {
    const { transport, buffers, clock, accounting, reactor, http2 } = this.#context;
    const output = this.#output;
    const { bytes, fieldsLength, headLength } = this.#form;
    this.#form.stamp(clock);
    const received = Math.max(transport.recv(fd, UNREAD), 0); // not into a slot, because all may be in use in such a turn
    accounting.counters.receive(received);
    const request = buffers.scratch;
    request.method = "";
    request.setUnknown(UNREAD, 0, received, LOG_UNKNOWN_LINE_BYTES_MAX);
    output.appendedBytes = output.sentBytes = 0;
    const isOverHttp2 = http2 && isHttp2(UNREAD, 0, received);
    if (isOverHttp2) {
      const frames = this.#http2.answerTo(UNREAD, received, clock);
      output.append(buffers, frames, 0, frames.length);
      accounting.counters.http2.respond(503);
    } else {
      output.append(buffers, bytes, 0, fieldsLength);
      output.append(buffers, CLOSE_AND_BLANK_LINE, 0, CLOSE_AND_BLANK_LINE.length);
    }
    const headBytes = output.appendedBytes;
    if (!isOverHttp2) output.append(buffers, bytes, headLength, bytes.length);
    output.flush(transport, fd, buffers);
    output.discard(buffers);
    const sent = output.sentBytes;
    accounting.sent(fd, request, 503, sent, Math.min(headBytes, sent), reactor.turnMs);
    transport.shutdownWrite(fd);
    transport.recv(fd, UNREAD);
  }
}
