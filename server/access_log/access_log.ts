/**
 * The access log: one line for each response.
 *
 * Most parts of a line are stored and reused: the client with the connection, the time with the second, and the parts
 * of a request with its known head (see `http/heads/head_cache.ts`). So writing a line is a few copies of bytes, and
 * formatting a number.
 * @module
 */
import { describeErrno } from "../../ffi/libc/errno.ts";
import type { HttpClock } from "../http/date.ts";
import { KnownRequest } from "../http/heads/known_request.ts";
import type { HttpRequest } from "../http/request.ts";
import { LOG_FLUSH_MS, LOG_LINE_BYTES_MAX, PRINT_PATIENCE_MS } from "../limits.ts";
import type { Reactor } from "../loop/reactor.ts";
import type { ClientAddresses } from "../clients/client_addresses.ts";
import { Timer } from "../loop/timer.ts";
import { logFormat, type LogFormatName } from "./format.ts";
import type { LogFormat } from "./line_format.ts";
import { LogFile } from "./log_file.ts";
import { LoggedHead } from "./logged_head.ts";
import { copy } from "./numbers.ts";
import { LogWriter } from "./writer.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NOTHING: Bytes = new Uint8Array(0);
const loggedHead = new LoggedHead();
const scratch: Bytes = new Uint8Array(LOG_LINE_BYTES_MAX);

/** The access log of a server. */
export interface AccessLogOptions {
  /** The format of a line. */
  readonly format: Exclude<LogFormatName, "none">;
  /**
   * The destination: a path, an open descriptor (such as a pipe), or a {@linkcode LogFile} that the caller opens and
   * closes.
   */
  readonly file: string | number | LogFile;
}

/** The parts of a log line for a request that is known, or whose line is written later. */
export class LoggedRequest {
  /** The start of the line, if a proxy names the client of the request; otherwise null. */
  lead: Bytes | null = null;
  readonly user: Bytes;
  readonly before: Bytes;
  readonly after: Bytes;
  /** The part for the request and its last response. */
  middle: Bytes = NOTHING;
  status = -1;
  bytes = -1;

  constructor(format: LogFormat, request: HttpRequest) {
    loggedHead.read(request);
    this.user = scratch.slice(0, format.user(loggedHead, scratch, 0));
    this.before = scratch.slice(0, format.before(loggedHead, scratch, 0));
    this.after = scratch.slice(0, format.after(loggedHead, scratch, 0));
  }
}

/** Writes a line for each response. It is a source whose deadline writes lines that have waited long enough. */
export class AccessLog {
  readonly #format: LogFormat;
  readonly #file: LogFile;
  readonly #isOwn: boolean;
  readonly #flushTimer = new Timer(() => this.#onFlushDue());
  readonly #writer: LogWriter;
  readonly #reactor: Reactor;
  readonly #clock: HttpClock;
  readonly #clientAddresses: ClientAddresses;
  readonly #onError: (message: string) => void;
  /** By descriptor: the start of its lines. */
  readonly #leads: (Bytes | null)[] = [];
  #date = NOTHING;
  #dateSeconds = -1;

  /** @throws {SystemError} `Cannot open logs/access.log: …` */
  constructor(
    { format, file }: AccessLogOptions,
    reactor: Reactor,
    clock: HttpClock,
    clientAddresses: ClientAddresses,
    onError: (message: string) => void,
  ) {
    this.#isOwn = !(file instanceof LogFile);
    this.#file = file instanceof LogFile ? file : new LogFile(file);
    if (this.#isOwn) this.#file.open();
    this.#format = logFormat(format, this.#file.takesColours);
    this.#writer = new LogWriter(this.#file);
    this.#reactor = reactor;
    this.#clock = clock;
    this.#clientAddresses = clientAddresses;
    this.#onError = onError;
  }

  /** Looks up the client at `fd` while it is connected. */
  lookUpClient(fd: number): void {
    this.#lead(fd);
  }

  /** Forgets the client of `fd`, because the descriptor will be reused. */
  forget(fd: number): void {
    if (fd < this.#leads.length) this.#leads[fd] = null;
  }

  /** Returns the parts of a line for `request`, which is written later. */
  remember(fd: number, request: HttpRequest): LoggedRequest {
    const known = request instanceof KnownRequest
      ? KnownRequest.loggedOf(request) as LoggedRequest | null
      : null;
    const client = this.#clientAddresses.forwardedFor(fd, request);
    if (known !== null && (client === null) === (known.lead === null)) return known;
    const logged = new LoggedRequest(this.#format, request);
    if (client !== null) logged.lead = this.#format.lead(client);
    if (request instanceof KnownRequest) KnownRequest.setLogged(request, logged);
    return logged;
  }

  /**
   * Writes a line for `request`. `bytes` bytes of the response's body were sent to the client at `fd`, in `seconds`
   * seconds.
   */
  write(fd: number, request: HttpRequest, status: number, bytes: number, seconds: number): void {
    if (request.isShared) return this.writeLater(fd, this.remember(fd, request), status, bytes, seconds);
    if (!this.#begin()) return;
    const format = this.#format;
    const writer = this.#writer;
    const out = writer.bytes;
    loggedHead.read(request);
    const client = this.#clientAddresses.forwardedFor(fd, request);
    let at = copy(client === null ? this.#lead(fd) : format.lead(client), out, writer.at);
    at = format.user(loggedHead, out, at);
    at = copy(this.#date, out, at);
    at = format.answer(status, bytes, out, format.before(loggedHead, out, at));
    writer.at = copy(format.end, out, format.duration(seconds, out, format.after(loggedHead, out, at)));
  }

  /** Does the same as {@linkcode write} for the parts of {@linkcode remember}. */
  writeLater(fd: number, logged: LoggedRequest, status: number, bytes: number, seconds: number): void {
    if (!this.#begin()) return;
    if (logged.status !== status || logged.bytes !== bytes) this.#compose(logged, status, bytes);
    const writer = this.#writer;
    const out = writer.bytes;
    let at = copy(logged.lead ?? this.#lead(fd), out, writer.at);
    at = copy(logged.user, out, at);
    at = copy(this.#date, out, at);
    out.set(logged.middle, at);
    at = this.#format.duration(seconds, out, at + logged.middle.length);
    writer.at = copy(this.#format.end, out, at);
  }

  /** Makes room for a line. Returns false if there is none, and the line is lost. */
  #begin(): boolean {
    const writer = this.#writer;
    if (!writer.makeRoom()) return false;
    if (writer.at === 0) this.#reactor.expireAt(this.#flushTimer, this.#reactor.now + LOG_FLUSH_MS);
    if (this.#dateSeconds !== this.#clock.seconds) {
      this.#dateSeconds = this.#clock.seconds;
      this.#date = this.#format.date(this.#dateSeconds);
    }
    return true;
  }

  /** Writes waiting lines, as far as that is possible without waiting. */
  flush(): void {
    this.#writer.flush();
    this.#reportLost();
  }

  #reportLost(): void {
    const lost = this.#writer.takeLost();
    if (lost === null) return;
    const why = lost.status < 0 ? describeErrno(-lost.status) : "its reader does not keep up";
    this.#onError(`The access log lost ${lost.lines} line${lost.lines === 1 ? "" : "s"}: ${why}`);
  }

  /** Continues in the file that has the log's name now. */
  reopen(): void {
    this.#writer.flush();
    const failure = this.#file.reopen();
    if (failure !== null) this.#onError(failure);
  }

  /** Writes waiting lines, for at most PRINT_PATIENCE_MS, and closes the file unless it is the caller's. */
  close(): void {
    const endMs = performance.now() + PRINT_PATIENCE_MS;
    do this.flush(); while (this.#writer.at > 0 && this.#file.waitUntil(endMs));
    this.#writer.giveUp();
    this.#reportLost();
    if (this.#isOwn) this.#file.close();
  }

  #onFlushDue(): void {
    this.flush();
    if (this.#writer.at > 0) this.#reactor.expireAt(this.#flushTimer, this.#reactor.now + LOG_FLUSH_MS);
  }

  #lead(fd: number): Bytes {
    const known = fd < this.#leads.length ? this.#leads[fd]! : null;
    if (known !== null) return known;
    const lead = this.#format.lead(this.#clientAddresses.address(fd)?.address ?? "-");
    while (this.#leads.length <= fd) this.#leads.push(null);
    return this.#leads[fd] = lead;
  }

  #compose(logged: LoggedRequest, status: number, bytes: number): void {
    const { before, after } = logged;
    const at = this.#format.answer(status, bytes, scratch, copy(before, scratch, 0));
    logged.middle = scratch.slice(0, copy(after, scratch, at));
    logged.status = status;
    logged.bytes = bytes;
  }
}
