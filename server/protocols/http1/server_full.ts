/**
 * What those are told for whom there is no room: one response, in one breath.
 * @module
 */
import type { ConnectionHost } from "../../connection/context.ts";
import { errorResponse } from "../../exchange/error_response.ts";
import { LOG_UNKNOWN_LINE_BYTES_MAX, RECEIVE_BYTES_MAX, REFUSED_RETRY_SECONDS } from "../../limits.ts";
import { Output } from "../../connection/output.ts";

/** Where that goes which nobody reads. */
const UNREAD = new Uint8Array(RECEIVE_BYTES_MAX);

/** See the module's comment. */
export class Refusal {
  readonly #host: ConnectionHost;
  readonly #output = new Output();
  readonly #response = errorResponse(503, [["Retry-After", String(REFUSED_RETRY_SECONDS)]], true);

  constructor(host: ConnectionHost) {
    this.#host = host;
  }

  /**
   * Says it to the client at `fd`, which is to be closed then. What it has sent is received first, or closing would make
   * the kernel send a reset that overtakes the answer; what it sends later may do so.
   */
  say(fd: number): void {
    const { transport, workspace, clock, ledger, reactor } = this.#host;
    const response = this.#response;
    const output = this.#output;
    response.stamp(clock);
    workspace.gatherLength = 0;
    const received = Math.max(transport.recv(fd, UNREAD), 0); // no slot: all may be in use in such a turn
    ledger.counters.receive(received);
    const request = workspace.scratch;
    request.method = "";
    request.setUnknown(UNREAD, 0, received, LOG_UNKNOWN_LINE_BYTES_MAX);
    output.sentBytes = 0;
    output.appendHead(workspace, response, true, false);
    const headBytes = workspace.gatherLength;
    output.appendBody(workspace, response, 0);
    output.flush(transport, fd, workspace);
    output.discard();
    const sent = output.sentBytes;
    ledger.sent(fd, request, response.status, sent, Math.min(headBytes, sent), reactor.turnMs);
    transport.shutdownWrite(fd);
    transport.recv(fd, UNREAD);
  }
}
