/**
 * What those are told for whom there is no room: one response, in one breath.
 * @module
 */
import type { ConnectionContext } from "../../connection/context.ts";
import { errorResponse } from "../../exchange/error_response.ts";
import { LOG_UNKNOWN_LINE_BYTES_MAX, RECEIVE_BYTES_MAX, REFUSED_RETRY_SECONDS } from "../../limits.ts";
import { Output } from "../../connection/output.ts";

/** Takes bytes that are read and dropped. */
const UNREAD = new Uint8Array(RECEIVE_BYTES_MAX);

/** The response for a connection over the limit. */
export class Overload {
  readonly #host: ConnectionContext;
  readonly #output = new Output();
  readonly #response = errorResponse(503, [["Retry-After", String(REFUSED_RETRY_SECONDS)]], true);

  constructor(host: ConnectionContext) {
    this.#host = host;
  }

  /**
   * Says it to the client at `fd`, which is to be closed then. What it has sent is received first, or closing would make
   * the kernel send a reset that overtakes the answer; what it sends later may do so.
   */
  reject(fd: number): void {
    const { transport, buffers, clock, accounting, reactor } = this.#host;
    const response = this.#response;
    const output = this.#output;
    response.stamp(clock);
    buffers.gatherLength = 0;
    const received = Math.max(transport.recv(fd, UNREAD), 0); // no slot: all may be in use in such a turn
    accounting.counters.receive(received);
    const request = buffers.scratch;
    request.method = "";
    request.setUnknown(UNREAD, 0, received, LOG_UNKNOWN_LINE_BYTES_MAX);
    output.sentBytes = 0;
    output.appendHead(buffers, response, true, false);
    const headBytes = buffers.gatherLength;
    output.appendBody(buffers, response, 0);
    output.flush(transport, fd, buffers);
    output.discard();
    const sent = output.sentBytes;
    accounting.sent(fd, request, response.status, sent, Math.min(headBytes, sent), reactor.turnMs);
    transport.shutdownWrite(fd);
    transport.recv(fd, UNREAD);
  }
}
