/**
 * What a connection may rely on, for every transport: the socket's, a scripted one, one that does what is allowed but
 * inconvenient, and a toy with records of its own.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN, EINTR } from "../../ffi/libc/errno.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { hasKernelTls } from "../../ffi/socket/kernel_tls.ts";
import { accept, close, listenTcp, localAddress } from "../../ffi/socket/socket.ts";
import { concat } from "../../server/http/bytes.ts";
import { Interest } from "../../server/loop/poller.ts";
import { socketTransport } from "../../server/transport/socket.ts";
import type { Transport } from "../../server/transport/transport.ts";
import { ContraryTransport } from "../support/contrary_transport.ts";
import { noise, Random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { encode, rot13, rot13States, rot13Transport } from "../support/rot13_transport.ts";
import { ScriptedSocket } from "../support/scripted.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { TlsClient } from "../support/tls_client.ts";
import { readCertificates } from "../../server/tls_options.ts";
import { Certificates } from "../../server/transport/certificates.ts";
import { Handshakes } from "../../server/transport/handshakes.ts";
import { TicketKeys } from "../../server/transport/ticket_keys.ts";
import { Tls } from "../../server/transport/tls.ts";
import { TLS_KERNEL_AFTER_BYTES } from "../../server/tls_limits.ts";
import { Site } from "../support/site.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** One end of a connection on a transport, and what the other end does. */
interface Pair extends Disposable {
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
function decode(records: Bytes): Bytes {
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
async function sockets(
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
  return {
    transport,
    fd,
    client,
    arrive: (bytes) => assertEquals(client.trySend(encoded(bytes)), encoded(bytes).length),
    end: () => client.endInput(),
    reset: () => client.reset(),
    taken: () => decoded(inbox.taken()),
    hasSeenEnd: () => inbox.hasEnded(),
    [Symbol.dispose]: () => {
      transport.forget(fd);
      close(fd);
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
    taken: () => new Uint8Array(socket.sent),
    hasSeenEnd: () => socket.isShutDown,
    [Symbol.dispose]() {},
  };
}

const TRANSPORTS: readonly { readonly name: string; readonly pair: () => Pair | Promise<Pair> }[] = [
  { name: "socket", pair: () => sockets(socketTransport) },
  { name: "scripted", pair: () => scripted() },
  { name: "contrary", pair: () => scripted((socket) => new ContraryTransport(socket, new Random())) },
  {
    name: "contrary, over a socket",
    pair: () => sockets(new ContraryTransport(socketTransport, new Random())),
  },
  { name: "TLS", pair: secured },
  ...(hasKernelTls() ? [{ name: "TLS by the kernel", pair: securedByKernel }] : []),
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
async function securedByKernel(): Promise<Pair> {
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

/** Calls until the result is not −EAGAIN; then the poller would have reported something by now. */
async function persist(call: () => number): Promise<number> {
  return await until(() => {
    const status = call();
    return status === -EAGAIN || status === -EINTR ? null : status;
  }, "EAGAIN ends");
}

/** Sends all of `bytes`, and what is held back then. */
async function sendAll({ transport, fd }: Pair, bytes: Bytes): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const rest = bytes.slice(at);
    const sent = await persist(() => transport.send(fd, rest, rest.length, false));
    assert(sent > 0 && sent <= rest.length, `send returned ${sent}`);
    at += sent;
  }
  assertEquals(await persist(() => transport.flush(fd)), 0);
  assertEquals(transport.wants(fd) & Interest.WRITABLE, 0, "it holds nothing, and wants to write nothing");
}

for (const { name, pair } of TRANSPORTS) {
  Deno.test(`${name}: recv gives what has arrived, in order, then EAGAIN; 0 once the client has ended`, async () => {
    using end = await pair();
    const { transport, fd } = end;
    const buffer = new Uint8Array(4096);
    assertEquals([transport.recv(fd, buffer), transport.recv(fd, buffer)], [-EAGAIN, -EAGAIN]);
    const bytes = noise(10_000, 1);
    end.arrive(bytes);
    end.end();
    const received: Bytes[] = [];
    for (;;) {
      const count = await persist(() => transport.recv(fd, buffer));
      if (count === 0) break;
      assert(count > 0 && count <= buffer.length);
      received.push(buffer.slice(0, count));
    }
    assertEquals(concat(received), bytes);
    assertEquals(await persist(() => transport.recv(fd, buffer)), 0, "the end stays the end");
  });

  Deno.test(`${name}: once isDrained is true, nothing is left until more arrives`, async () => {
    for (let round = 0; round < 20; round++) {
      using end = await pair();
      const { transport, fd } = end;
      end.arrive(noise(3000, round));
      await sleep(2); // all of it is there
      const buffer = new Uint8Array(1024 << (round % 3));
      let total = 0;
      for (let isDrained = false; !isDrained;) {
        const count = transport.recv(fd, buffer);
        if (count === -EAGAIN && transport.wants(fd) === Interest.NONE) break;
        if (count === -EAGAIN) continue; // it waits for the other direction, which is ready
        total += count;
        isDrained = transport.isDrained(fd, count, buffer.length);
      }
      assertEquals(total, 3000);
    }
  });

  Deno.test(`${name}: send takes some bytes or none, and all of them arrive in order`, async () => {
    using end = await pair();
    const bytes = noise(200_000, 2);
    await sendAll(end, bytes);
    await eventually(() => end.taken().length === bytes.length, "it arrives");
    assertEquals(end.taken(), bytes);
  });

  Deno.test(`${name}: a part of a file is sent as its bytes`, async () => {
    using site = new Site({ "a.txt": "0123456789".repeat(10) });
    using end = await pair();
    const { transport, fd } = end;
    const root = openDirectory(site.root);
    const file = openBeneathByWalking(root, cString("a.txt"));
    for (let at = 5; at < 25;) at += await persist(() => transport.sendfile(fd, file, at, 25 - at));
    assertEquals(await persist(() => transport.flush(fd)), 0);
    await eventually(() => end.taken().length >= 20, "it arrives");
    assertEquals(new TextDecoder().decode(end.taken()), "56789012345678901234");
    close(file);
    close(root);
  });

  Deno.test(`${name}: the end of the writing half comes after all bytes`, async () => {
    using end = await pair();
    const { transport, fd } = end;
    await sendAll(end, noise(1000, 3));
    assertEquals(end.hasSeenEnd(), false);
    assertEquals(transport.shutdownWrite(fd), 0);
    await eventually(() => end.hasSeenEnd(), "it arrives");
    assertEquals(end.taken(), noise(1000, 3));
  });

  Deno.test(`${name}: peek leaves what it shows, and every query works before and after`, async () => {
    using end = await pair();
    const { transport, fd } = end;
    const buffer = new Uint8Array(100);
    assertEquals(transport.isReset(fd), false);
    assert(transport.unacknowledged(fd) >= 0);
    assert(transport.recvUrgent(fd) < 0, "there is no urgent byte");
    assert(transport.liftUnsentLimit(fd) <= 0);
    end.arrive(noise(50, 4));
    await sleep(2);
    const shown = transport.peek(fd, buffer);
    assert(shown > 0 || shown === -EAGAIN, "a transport may not be able to");
    let total = 0;
    while (total < 50) total += await persist(() => transport.recv(fd, buffer));
    assertEquals(total, 50);
    assert(transport.resetOnClose(fd) <= 0);
    transport.forget(fd);
    transport.forget(fd); // also one that it does not know
    assertEquals(transport.wants(fd), Interest.NONE);
  });

  Deno.test(`${name}: a reset is noticed even while input is unread`, async () => {
    using end = await pair();
    const { transport, fd, reset } = end;
    if (reset === null) return;
    end.arrive(noise(50, 5));
    reset();
    await eventually(() => transport.isReset(fd), "it arrives");
  });
}

Deno.test("ROT13: bytes that do not fit in the socket wait, and count as not acknowledged", async () => {
  using end = await sockets(rot13Transport, encode, decode);
  const { transport, fd } = end;
  const bytes = new Uint8Array(60_000).fill(0x61);
  let sent = 0;
  for (let status = 0; (status = transport.send(fd, bytes, bytes.length, false)) >= 0;) sent += status;
  assertEquals(transport.wants(fd), Interest.WRITABLE);
  assert(transport.unacknowledged(fd) > 0);
  await eventually(() => end.taken().length > 0 && transport.flush(fd) === 0, "it is sent");
  await eventually(
    () => end.taken().length === sent,
    "it arrives",
  );
  transport.forget(fd);
  assertEquals(rot13States.has(fd), false);
});
