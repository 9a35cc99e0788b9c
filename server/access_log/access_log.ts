/**
 * One line for each response. What can be remembered of it is: who asks with the connection, the time with the second,
 * and what is said of a request with the request where that is known by its bytes (see `http/head_cache.ts`). So a line
 * is a few copies of bytes, and a number.
 * @module
 */
import { describeErrno } from "../../ffi/errno.ts";
import type { HttpClock } from "../http/date.ts";
import type { HttpRequest } from "../http/request.ts";
import { LOG_FLUSH_MS, LOG_LINE_BYTES_MAX, PRINT_PATIENCE_MS } from "../limits.ts";
import type { Reactor } from "../reactor.ts";
import type { Remotes } from "../remotes.ts";
import { Source } from "../source.ts";
import { type LogFormat, logFormat, type LogFormatName, type Part } from "./format.ts";
import { type LogFile } from "./log_file.ts";
import { sourceOf } from "./source.ts";
import { LogWriter } from "./writer.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NOTHING: Bytes = new Uint8Array(0);
const DIGIT_0 = 0x30;
const POINT = 0x2e;
const scratch: Bytes = new Uint8Array(LOG_LINE_BYTES_MAX);

/** What a server is told of its access log. */
export interface AccessLogOptions {
  readonly format: Exclude<LogFormatName, "none">;
  readonly file: LogFile;
}

/** What lines show of one request. */
export class LoggedRequest {
  readonly user: Bytes;
  readonly before: Bytes;
  readonly after: Bytes;
  /** The part for the request and its response, as it was last. */
  middle: Bytes = NOTHING;
  status = -1;
  bytes = -1;

  constructor(format: LogFormat, request: HttpRequest) {
    const source = sourceOf(request);
    const part = (write: Part) => scratch.slice(0, write(source, scratch, 0));
    this.user = part(format.user);
    this.before = part(format.before);
    this.after = part(format.after);
  }
}

/** See the module's comment. It is the source whose deadline writes out what has waited long enough. */
export class AccessLog extends Source {
  readonly #format: LogFormat;
  readonly #file: LogFile;
  readonly #writer: LogWriter;
  readonly #reactor: Reactor;
  readonly #clock: HttpClock;
  readonly #remotes: Remotes;
  readonly #onError: (message: string) => void;
  /** By descriptor: the begin of its lines. */
  readonly #leads: (Bytes | null)[] = [];
  #date = NOTHING;
  #dateSeconds = -1;

  constructor(
    { format, file }: AccessLogOptions,
    reactor: Reactor,
    clock: HttpClock,
    remotes: Remotes,
    onError: (message: string) => void,
  ) {
    super(-1);
    this.#format = logFormat(format);
    this.#file = file;
    this.#writer = new LogWriter(file);
    this.#reactor = reactor;
    this.#clock = clock;
    this.#remotes = remotes;
    this.#onError = onError;
  }

  /** Learns who is at `fd` while that can be asked. */
  meet(fd: number): void {
    if (fd >= this.#leads.length || this.#leads[fd] === null) this.#lead(fd);
  }

  /** The descriptor is, or will be, another's. */
  forget(fd: number): void {
    if (fd < this.#leads.length) this.#leads[fd] = null;
  }

  /** What is shown of a request, for a line to come. */
  remember(request: HttpRequest): LoggedRequest {
    if (!request.isShared) return new LoggedRequest(this.#format, request);
    return (request.logged ??= new LoggedRequest(this.#format, request)) as LoggedRequest;
  }

  /** One line; `bytes` of the response's body were sent, to the client at `fd`. */
  write(fd: number, logged: LoggedRequest, status: number, bytes: number, seconds: number): void {
    const writer = this.#writer;
    if (!writer.makeRoom()) return;
    if (writer.at === 0) this.#reactor.expireAt(this, this.#reactor.now + LOG_FLUSH_MS);
    if (logged.status !== status || logged.bytes !== bytes) this.#compose(logged, status, bytes);
    if (this.#dateSeconds !== this.#clock.seconds) {
      this.#dateSeconds = this.#clock.seconds;
      this.#date = this.#format.date(this.#dateSeconds);
    }
    const out = writer.bytes;
    const lead = (fd < this.#leads.length ? this.#leads[fd] : null) ?? this.#lead(fd);
    let at = put(lead, out, writer.at);
    at = put(logged.user, out, at);
    at = put(this.#date, out, at);
    out.set(logged.middle, at);
    at = putSeconds(seconds, out, at + logged.middle.length);
    writer.at = put(this.#format.end, out, at);
  }

  /** Writes out what waits, as far as that can be done at once. */
  flush(): void {
    this.#writer.flush();
    this.#tellLost();
  }

  #tellLost(): void {
    const lost = this.#writer.takeLost();
    if (lost === null) return;
    const why = lost.status < 0 ? describeErrno(-lost.status) : "nobody reads it";
    this.#onError(`The access log lost ${lost.lines} line${lost.lines === 1 ? "" : "s"}: ${why}`);
  }

  /** Goes on in the file that has the log's name now. */
  reopen(): void {
    this.#writer.flush();
    const failure = this.#file.reopen();
    if (failure !== null) this.#onError(failure);
  }

  /** Writes out what waits, and waits for that a little. */
  close(): void {
    const endMs = performance.now() + PRINT_PATIENCE_MS;
    do this.flush(); while (this.#writer.at > 0 && this.#file.waitUntil(endMs));
    this.#writer.giveUp();
    this.#tellLost();
  }

  override onReady(): void {}

  override onDeadline(): void {
    this.flush();
    if (this.#writer.at > 0) this.#reactor.expireAt(this, this.#reactor.now + LOG_FLUSH_MS);
  }

  #lead(fd: number): Bytes {
    const lead = this.#format.lead(this.#remotes.address(fd)?.address ?? "-");
    while (this.#leads.length <= fd) this.#leads.push(null);
    return this.#leads[fd] = lead;
  }

  #compose(logged: LoggedRequest, status: number, bytes: number): void {
    const { before, after } = logged;
    const { between } = this.#format;
    let at = putNumber(status, scratch, put(before, scratch, 0));
    at = putNumber(bytes, scratch, put(between, scratch, at));
    logged.middle = scratch.slice(0, put(after, scratch, at));
    logged.status = status;
    logged.bytes = bytes;
  }
}

/** Copies a few bytes, for which a call would take longer. */
function put(bytes: Bytes, out: Bytes, at: number): number {
  for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i];
  return at + bytes.length;
}

function putNumber(value: number, out: Bytes, at: number): number {
  let digits = 1;
  for (let power = 10; power <= value; power *= 10) digits++;
  for (let i = at + digits - 1; i >= at; i--) {
    const rest = Math.floor(value / 10);
    out[i] = DIGIT_0 + value - rest * 10;
    value = rest;
  }
  return at + digits;
}

/** With six decimals. */
function putSeconds(seconds: number, out: Bytes, at: number): number {
  const whole = Math.floor(seconds);
  let micros = Math.floor((seconds - whole) * 1e6);
  at = putNumber(whole, out, at);
  out[at] = POINT;
  for (let i = at + 6; i > at; i--) {
    const rest = (micros / 10) | 0;
    out[i] = DIGIT_0 + micros - rest * 10;
    micros = rest;
  }
  return at + 7;
}
