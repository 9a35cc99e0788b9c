/**
 * Pairs of a transport's end and a client, for every transport.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN, EINTR } from "../../ffi/libc/errno.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { hasKernelTls } from "../../ffi/socket/kernel_tls.ts";
import { accept, close, listenTcp, localAddress } from "../../ffi/socket/socket.ts";
import { concat } from "../../server/http/bytes.ts";
import { socketTransport } from "../../server/transport/socket.ts";
import type { Transport } from "../../server/transport/transport.ts";
import { ContraryTransport } from "./contrary_transport.ts";
import { noise, Random } from "./random.ts";
import { RawClient } from "./raw_client.ts";
import { encode, rot13, rot13Transport } from "./rot13_transport.ts";
import { ScriptedSocket } from "./scripted.ts";
import { TestCertificates } from "./test_certificates.ts";
import { TlsClient } from "./tls_client.ts";
import { readCertificates } from "../../server/tls_options.ts";
import { Certificates } from "../../server/transport/certificates.ts";
import { Handshakes } from "../../server/transport/handshakes.ts";
import { TicketKeys } from "../../server/transport/ticket_keys.ts";
import { Tls } from "../../server/transport/tls.ts";
import { TLS_KERNEL_AFTER_BYTES } from "../../server/tls_limits.ts";
import { Site } from "./site.ts";
import { eventually } from "./waiting.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** One end of a connection on a transport, and what the other end does. */
export interface Pair extends Disposable {
  readonly transport: Transport;
  readonly fd: number;
  /** The client, if there is a socket. */
  readonly client?: RawClient;
  /** Makes bytes arrive. */
  arrive(bytes: Bytes): void;
  /** Makes the client end its half. */
  end(): void;
  /** Resets the connection; null where that is impossible. */
  readonly reset: (() => void) | null;
  /** Closes this end. */
  leave(): void;
  /** Returns what the client has received by now. */
  taken(): Bytes;
  /** True once the client has seen the end of this half. */
  hasSeenEnd(): boolean;
}

/** Waits until the result is not null. */
async function until<T>(call: () => T | null, what: string): Promise<T> {
  let result: T | null = null;
  await eventually(() => (result = call()) !== null, what);
  return result!;
}

const certificates = new TestCertificates();
const CERTIFICATE = certificates.make({ names: ["localhost"] });
certificates[Symbol.dispose]();

const unchanged = (bytes: Bytes) => bytes;

/** Returns what the records of the toy transport contain. */
export function decode(records: Bytes): Bytes {
  const parts: Bytes[] = [];
  for (let at = 0; at < records.length; at += records[at]! + 1) {
    parts.push(records.slice(at + 1, at + 1 + records[at]!).map(rot13));
  }
  return concat(parts);
}

/** What a client receives. */
class Inbox {
  readonly #client: { tryReceive(buffer: Bytes): number };
  readonly #received: Bytes[] = [];
  #hasEnded = false;

  constructor(client: { tryReceive(buffer: Bytes): number }) {
    this.#client = client;
  }

  #receive(): void {
    const buffer = new Uint8Array(1 << 20);
    while (!this.#hasEnded) {
      const count = this.#client.tryReceive(buffer);
      if (count < 0) return;
      if (count === 0) this.#hasEnded = true;
      this.#received.push(buffer.slice(0, count));
    }
  }

  /** Returns everything that has arrived by now. */
  taken(): Bytes {
    this.#receive();
    return concat(this.#received);
  }

  hasEnded(): boolean {
    this.#receive();
    return this.#hasEnded;
  }
}

/** A pair of sockets. The client writes by `encoded`, and reads by `decoded`. */
export async function sockets(
  transport: Transport,
  encoded: (bytes: Bytes) => Bytes = unchanged,
  decoded: (bytes: Bytes) => Bytes = unchanged,
): Promise<Pair> {
  const listener = listenTcp("127.0.0.1", 0, 1, { deferAccept: false });
  const client = await RawClient.connect(localAddress(listener)!.port);
  const fd = await until(() => {
    const accepted = accept(listener);
    return accepted >= 0 ? accepted : null;
  }, "the client is accepted");
  close(listener);
  const inbox = new Inbox(client);
  let isOpen = true;
  const leave = () => {
    if (isOpen) {
      transport.forget(fd);
      close(fd);
    }
    isOpen = false;
  };
  return {
    transport,
    fd,
    client,
    leave,
    arrive: (bytes) => assertEquals(client.trySend(encoded(bytes)), encoded(bytes).length),
    end: () => client.endInput(),
    reset: () => client.reset(),
    taken: () => decoded(inbox.taken()),
    hasSeenEnd: () => inbox.hasEnded(),
    [Symbol.dispose]: () => {
      leave();
      client[Symbol.dispose]();
    },
  };
}

function scripted(wrap: (socket: Transport) => Transport = (socket) => socket): Pair {
  const socket = new ScriptedSocket();
  return {
    transport: wrap(socket),
    fd: 3,
    arrive: (bytes) => void socket.incoming.push(bytes),
    end: () => void socket.incoming.push("end", "end"),
    reset: null,
    leave() {},
    taken: () => new Uint8Array(socket.sent),
    hasSeenEnd: () => socket.isShutDown,
    [Symbol.dispose]() {},
  };
}

export const TRANSPORTS: readonly { readonly name: string; readonly pair: () => Pair | Promise<Pair> }[] = [
  { name: "socket", pair: () => sockets(socketTransport) },
  { name: "scripted", pair: () => scripted() },
  { name: "contrary", pair: () => scripted((socket) => new ContraryTransport(socket, new Random())) },
  {
    name: "contrary, over a socket",
    pair: () => sockets(new ContraryTransport(socketTransport, new Random())),
  },
  { name: "TLS", pair: secured },
  ...(hasKernelTls() ? [{ name: "TLS by the kernel", pair: quicklySecuredByKernel }] : []),
  { name: "ROT13", pair: () => sockets(rot13Transport, encode, decode) },
];

/** A server's TLS on one end, and a client of OpenSSL's on the other. */
async function secured(): Promise<Pair> {
  const handshakes = new Handshakes([], new TicketKeys(), (error) => console.error(error));
  const certificate = readCertificates([CERTIFICATE])[0]!;
  handshakes.use(new Certificates("intermediate", [certificate]));
  certificate.free();
  const tls = new Tls({ now: 0 }, handshakes);
  const plain = await sockets(tls);
  const client = TlsClient.on(plain.client!);
  tls.begin(plain.fd);
  await until(() => {
    tls.handshake(plain.fd);
    return client.handshake() === 0 && tls.handshake(plain.fd) === 0 ? 0 : null;
  }, "the handshake is complete");
  assertEquals(
    tls.recv(plain.fd, new Uint8Array(1)),
    -EAGAIN,
    "as after each handshake; it sends the ticket",
  );
  const inbox = new Inbox(client);
  return {
    ...plain,
    arrive: (bytes) => assertEquals(client.trySend(bytes), bytes.length),
    taken: () => inbox.taken(),
    hasSeenEnd: () => inbox.hasEnded(),
    [Symbol.dispose]: () => {
      plain[Symbol.dispose]();
      client[Symbol.dispose]();
    },
  };
}

/** The same after so much was sent that the kernel writes the records. */
export async function securedByKernel(): Promise<Pair> {
  const pair = await secured();
  const { transport, fd } = pair;
  const bytes = noise(TLS_KERNEL_AFTER_BYTES + 100_000, 9);
  using site = new Site({ "a.bin": bytes });
  const root = openDirectory(site.root);
  const file = openBeneathByWalking(root, cString("a.bin"));
  for (let at = 0; at < bytes.length;) {
    at += await persist(() => {
      pair.taken();
      return transport.sendfile(fd, file, at, bytes.length - at);
    });
  }
  assert((transport as Tls).sessionOf(fd)!.kernel !== null, "the kernel has taken over");
  await eventually(() => pair.taken().length === bytes.length, "it arrives");
  assertEquals(pair.taken(), bytes);
  assertEquals(await persist(() => transport.flush(fd)), 0);
  close(file);
  close(root);
  return { ...pair, taken: () => pair.taken().slice(bytes.length) };
}

/** The same for a client that is known to read fast. */
async function quicklySecuredByKernel(): Promise<Pair> {
  const pair = await securedByKernel();
  pair.transport.limitUnsent(pair.fd, -1);
  return pair;
}

/** Calls until the result is not −EAGAIN; then the poller would have reported something by now. */
export async function persist(call: () => number): Promise<number> {
  return await until(() => {
    const status = call();
    return status === -EAGAIN || status === -EINTR ? null : status;
  }, "EAGAIN ends");
}
