/**
 * The client of a scripted connection with TLS, and the line between both. The poller reports as epoll does: what it
 * watches is reported while it lasts (level), or once when it begins or is asked for (edge).
 * @module
 */
import { assert } from "@std/assert";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { concat } from "../../server/http/bytes.ts";
import { Interest, Readiness } from "../../server/loop/poller.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { readCertificates } from "../../server/tls_options.ts";
import { Certificates } from "../../server/transport/certificates.ts";
import { Handshakes } from "../../server/transport/handshakes.ts";
import { socketTransport } from "../../server/transport/socket.ts";
import { TicketKeys } from "../../server/transport/ticket_keys.ts";
import { Tls } from "../../server/transport/tls.ts";
import { calm } from "../support/exchanges.ts";
import type { Scripted, ScriptedSocket } from "../support/scripted.ts";
import { TlsPeer } from "../support/tls_peer.ts";
import { local } from "../support/tls_serving.ts";
import type { Open, Stage } from "./scenarios.ts";
import { type CallCounter, tamper } from "./walk.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Call = (...args: unknown[]) => unknown;

const ROUNDS_MAX = 200_000;
/** The calls of the transport below TLS. */
const CALLS = [
  "recv",
  "peek",
  "recvUrgent",
  "send",
  "shutdownWrite",
  "isReset",
  "unacknowledged",
  "limitUnsent",
  "resetOnClose",
] as const;

/** TLS for all lines, one after the other: what one connection leaves behind would disturb the next one. */
const clock: { reactor: Reactor | null; readonly now: number } = {
  reactor: null,
  get now() {
    return this.reactor?.now ?? 0;
  },
};
const handshakes = new Handshakes([], new TicketKeys(), (error) => assert(false, String(error)));
const [certificate] = readCertificates([local]);
handshakes.use(new Certificates("intermediate", [certificate!]));
certificate!.free();
const tls = new Tls(clock, handshakes);

const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(libc.__errno_location()!, 4));

/** What is done to a connection. */
export interface Fault {
  readonly when: number;
  readonly errno: number;
  /** The bytes that one call on the socket takes; by default all. */
  readonly capacity?: number;
  /** True to have the client's bytes arrive one by one. */
  readonly isBytewise?: boolean;
}

/** Joins what has arrived and was not received yet, as the kernel does. */
function join({ incoming }: ScriptedSocket): void {
  const isBytes = (item: unknown) => item instanceof Uint8Array;
  const end = incoming.findIndex((item) => !isBytes(item));
  const parts = incoming.splice(0, end < 0 ? incoming.length : end) as Bytes[];
  if (parts.length > 0) incoming.unshift(concat(parts));
}

/** A client, the line, and the connection; `using` ends all. */
export class SecureLine {
  readonly peer: TlsPeer;
  readonly stage: Stage;
  readonly counter: CallCounter;
  /** What the client got, a character for each byte. */
  text = "";
  readonly #fault: Fault;
  readonly #restore: (() => void)[] = [];
  /** The number of sent bytes that the client has. */
  #delivered = 0;
  /** For an edge: input has arrived, output has become possible, or the poller was just asked for it. */
  #isReadable = false;
  #isWritable = false;

  constructor(open: Open, trigger: "level" | "edge", version: number, fault: Fault) {
    this.#fault = fault;
    this.peer = new TlsPeer({ version });
    this.stage = open(trigger, (reactor, socket) => this.#secure(reactor, socket));
    const { scripted } = this.stage;
    scripted.host.clock.update(0); // its date is in all responses
    scripted.socket.capacity = fault.capacity ?? Infinity;
    this.counter = tamper(scripted.socket, fault.when, fault.errno);
    this.#interpose();
    const { poller } = scripted;
    for (const call of ["add", "modify"] as const) {
      const real = poller[call].bind(poller);
      poller[call] = (fd, interest) => {
        if (interest & Interest.WRITABLE) this.#isWritable = true;
        if (scripted.socket.incoming.length > 0) this.#isReadable = true;
        return real(fd, interest);
      };
    }
  }

  /** Returns TLS on `socket` instead of the kernel's. */
  #secure(reactor: Reactor, socket: ScriptedSocket): Tls {
    const table = socketTransport as unknown as Record<string, Call>;
    const own = socket as unknown as Record<string, Call>;
    own["peek"] = (_fd, buffer) => {
      const next = socket.incoming[0];
      if (typeof next === "number" || next === undefined) return next ?? -EAGAIN;
      if (next === "end") return 0;
      (buffer as Bytes).set(next.subarray(0, (buffer as Bytes).length));
      return Math.min(next.length, (buffer as Bytes).length);
    };
    for (const name of CALLS) {
      const real = table[name]!;
      this.#restore.push(() => table[name] = real);
      table[name] = (...args) => {
        if (name === "recv") join(socket);
        const status = own[name]!(...args) as number;
        if (name === "send" && (status === -EAGAIN || (status >= 0 && status < Number(args[2])))) {
          this.#isWritable = true; // the socket is full, so an edge follows
        }
        return status;
      };
    }
    clock.reactor = reactor;
    return tls;
  }

  /** Counts reads of files as calls, too, and makes them fail. */
  #interpose(): void {
    const table = libc as unknown as Record<string, Call>;
    const real = table["pread"]!;
    this.#restore.push(() => table["pread"] = real);
    table["pread"] = (...args) => {
      if (++this.counter.calls !== this.#fault.when) return real(...args);
      errno[0] = this.#fault.errno;
      return -1;
    };
  }

  get scripted(): Scripted {
    return this.stage.scripted;
  }

  get isClosed(): boolean {
    return this.scripted.state === "closed";
  }

  /** Makes the client say `data`, and moves bytes until both sides wait. */
  async say(data: string | Uint8Array): Promise<void> {
    if (this.peer.isOpen && this.peer.failure === "") this.peer.write(data);
    await this.exchange();
  }

  /** Moves bytes until both sides wait. */
  async exchange(): Promise<void> {
    const { peer, scripted: { socket } } = this;
    for (;;) {
      await this.#settle();
      peer.receive(Uint8Array.from(socket.sent.slice(this.#delivered)));
      this.#delivered = socket.sent.length;
      peer.advance();
      this.text += new TextDecoder("latin1").decode(peer.read());
      const bytes = peer.take();
      if (bytes.length === 0 || this.isClosed) return;
      const pieces = this.#fault.isBytewise ? Array.from(bytes, (byte) => Uint8Array.of(byte)) : [bytes];
      for (const piece of pieces) {
        socket.incoming.push(piece);
        this.#isReadable = true;
        if (this.#fault.isBytewise) await this.#settle();
      }
    }
  }

  /** Makes the client end its half. */
  async end(): Promise<void> {
    this.scripted.socket.incoming.push("end");
    this.#isReadable = true;
    await this.exchange();
  }

  /** Reports what there is to report until the connection waits. */
  async #settle(): Promise<void> {
    const { scripted } = this;
    let claims = 0;
    for (let rounds = 0; !this.isClosed;) {
      const due = this.#due();
      if (due !== Readiness.NONE) {
        assert(++rounds < ROUNDS_MAX, "the connection keeps the reactor busy for ever");
        scripted.wake(due);
        continue;
      }
      await calm(scripted);
      // After a false claim that nothing is there, or fits, it is reported again.
      if (this.#fault.errno === EAGAIN && claims++ < 2) this.#isReadable = this.#isWritable = true;
      else if (this.#due(false) === Readiness.NONE) return;
    }
  }

  /** Returns what the poller reports next. `takes` is false to only look. */
  #due(takes = true): Readiness {
    const { scripted: { interest = Interest.NONE, socket, poller: { trigger } } } = this;
    const isLevel = trigger === "level";
    let due: Readiness = Readiness.NONE;
    if (interest & Interest.READABLE && socket.incoming.length > 0 && (isLevel || this.#isReadable)) {
      due |= Readiness.READABLE;
      if (socket.incoming.at(-1) === "end") due |= Readiness.HANGUP;
    }
    const fits = socket.capacity > 0 || socket.sends.length > 0;
    if (interest & Interest.WRITABLE && fits && (isLevel || this.#isWritable)) due |= Readiness.WRITABLE;
    if (takes && due & Readiness.READABLE) this.#isReadable = false;
    if (takes && due & Readiness.WRITABLE) this.#isWritable = false;
    return due;
  }

  [Symbol.dispose](): void {
    this.scripted[Symbol.dispose]();
    for (const restore of this.#restore.reverse()) restore();
    this.peer[Symbol.dispose]();
  }
}
