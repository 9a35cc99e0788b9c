/**
 * The receiving side of a connection: turns what has arrived into requests, one after the other.
 * @module
 */
import { EINTR } from "../ffi/errno.ts";
import { BodyReader } from "./http/body.ts";
import { parseRequest } from "./http/parser.ts";
import { HttpRequest } from "./http/request.ts";
import { Input } from "./input.ts";
import { Readiness } from "./poller.ts";
import type { Slot, Workspace } from "./workspace.ts";

/** What {@linkcode RequestReader.read} found, if not a negated status. */
export const Read = {
  /** More has to arrive first. */
  INCOMPLETE: 0,
  /** A whole request. */
  REQUEST: 1,
  /** A head, whose body is to be read next. */
  HEAD: 2,
} as const;

const NO_HEAD = new Uint8Array(0);

/** See the module's comment. Bodies are read to their end and dropped: a handler gets its request after that. */
export class RequestReader {
  readonly input = new Input();
  /** recv may have something to say other than EAGAIN. */
  isReadable = false;
  /** The client ended its half: those requests that came are answered. */
  isEnded = false;
  /** The poller told of a hang-up: a short read does not mean that nothing follows. */
  #isHungUp = false;
  /** The head of the request whose body is being read. */
  #head: Uint8Array<ArrayBuffer> = NO_HEAD;
  #body: BodyReader | null = null;

  /** A head was read, and its body is not whole yet. */
  get isInBody(): boolean {
    return this.#head.length > 0;
  }

  /**
   * Goes on with what has arrived: one of {@linkcode Read}, or the negated status of what is no request. The request
   * is in `workspace.request`, which serves other connections as soon as this one's turn is over.
   */
  read(workspace: Workspace): number {
    return this.isInBody ? this.#readBody(workspace) : this.#readHead(workspace);
  }

  /** Forgets everything. */
  clear(): void {
    this.input.clear();
    this.#head = NO_HEAD;
    this.isReadable = this.isEnded = this.#isHungUp = false;
  }

  /** Takes a hint of the poller's. */
  note(readiness: Readiness): void {
    if (readiness & ~Readiness.WRITABLE) this.isReadable = true;
    if (readiness & (Readiness.HANGUP | Readiness.ERROR)) this.#isHungUp = true;
  }

  /** Takes what recv gave for `slot`, the one taken last: bytes, 0 at the client's end, or −errno. Returns it. */
  take(workspace: Workspace, slot: Slot, count: number): number {
    if (count > 0) {
      this.isReadable = count === slot.bytes.length || this.#isHungUp;
      this.input.take(slot, count);
      return count;
    }
    workspace.returnSlot();
    if (count !== -EINTR) this.isReadable = false;
    if (count === 0) this.isEnded = true;
    return count;
  }

  /** Makes `workspace.request` this connection's again, as far as it has come, after others have used it. */
  restore(workspace: Workspace): void {
    workspace.request = workspace.scratch;
    if (this.isInBody) parseRequest(this.#head, 0, this.#head.length, workspace.scratch);
    else workspace.scratch.method = "";
  }

  /** The request is to outlive this turn: its bytes move out of the slot, and the parser gets another object. */
  release(workspace: Workspace, request: HttpRequest): void {
    if (request.isShared) return;
    workspace.scratch = new HttpRequest();
    if (request.bytes === this.input.bytes) request.bytes = this.input.own();
  }

  #readHead(workspace: Workspace): number {
    const { input } = this;
    const { heads } = workspace;
    if (input.scanned === 0) input.skipEmptyLines();
    if (input.isEmpty || (input.scanned > 0 && !input.hasNews())) return Read.INCOMPLETE;
    const { view, start, end } = input;
    if (view !== null) {
      const known = heads.find(view, start, end - start);
      if (known !== null) {
        workspace.request = known;
        input.start += known.headLength;
        return Read.REQUEST;
      }
    }
    const request = workspace.request = workspace.scratch;
    const taken = parseRequest(input.bytes, start, end, request);
    if (taken < 0) return taken;
    if (taken === 0) {
      input.scanned = end - start;
      return Read.INCOMPLETE;
    }
    input.scanned = 0;
    input.start += taken;
    if (!request.hasBody) {
      if (view !== null) heads.learn(request, view, start, taken);
      return Read.REQUEST;
    }
    this.#body ??= new BodyReader();
    const status = this.#body.begin(request);
    if (status < 0) return status;
    this.#head = input.bytes.slice(start, input.start);
    return Read.HEAD;
  }

  #readBody(workspace: Workspace): number {
    const { input } = this;
    const taken = this.#body!.read(input.bytes, input.start, input.end);
    if (taken < 0) {
      this.restore(workspace); // was it HEAD?
      return taken;
    }
    input.start += taken;
    if (!this.#body!.isDone) return Read.INCOMPLETE;
    this.restore(workspace);
    this.#head = NO_HEAD;
    return Read.REQUEST;
  }
}
