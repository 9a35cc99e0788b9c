/**
 * Many clients on few objects: idle clients have none, and no client finds data of another.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN, ECONNRESET } from "../../ffi/libc/errno.ts";
import { loadLibc } from "../../ffi/libc/libc.ts";
import { eventfdCreate } from "../../ffi/libc/multiplexers.ts";
import { Connection } from "../../server/connection/connection.ts";
import { Connections } from "../../server/listen/connection_table.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { EXPIRATIONS_PER_TURN_MAX, KEEP_ALIVE_TIMEOUT_MS } from "../../server/limits.ts";
import { Interest, Readiness } from "../../server/loop/poller.ts";
import { Reactor } from "../../server/loop/reactor.ts";
import { Buffers } from "../../server/connection/buffers.ts";
import { groupContext } from "../support/group_context.ts";
import { repeat } from "../support/random.ts";
import { answer, ScriptedPoller, ScriptedSocket, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

loadLibc();

/** The inside of a server with any number of scripted clients. */
class Crowd {
  readonly poller: ScriptedPoller;
  readonly reactor: Reactor;
  readonly sockets = new Map<number, ScriptedSocket>();
  readonly connections: Connections;
  readonly refused: number[] = [];

  constructor(trigger: "level" | "edge") {
    this.poller = new ScriptedPoller(trigger);
    const reactor = this.reactor = new Reactor(this.poller, (error) => {
      throw error;
    });
    const socket = (fd: number) => this.sockets.get(fd)!;
    const host = groupContext({
      reactor,
      transport: {
        recv: (fd: number, buffer: Uint8Array<ArrayBuffer>) => socket(fd).recv(fd, buffer),
        send: (fd: number, bytes: Uint8Array<ArrayBuffer>, length: number) =>
          socket(fd).send(fd, bytes, length),
        isDrained: (_fd: number, count: number, capacity: number) => count < capacity,
        wants: () => Interest.NONE,
        isReset: () => false,
        peek: () => -EAGAIN,
        recvUrgent: () => -EAGAIN,
        sendfile: () => -EAGAIN,
        unacknowledged: () => 0,
        limitUnsent: () => 0,
        resetOnClose: () => 0,
        shutdownWrite: (fd: number) => socket(fd).shutdownWrite(),
        flush: () => 0,
        announceEnd() {},
        isSecure: () => false,
        forget() {},
      },
      buffers: new Buffers(64),
      handler: (request: { path: string }) => new HttpResponse(200, [], encodeUtf8(request.path)),
      onFull: () => {},
      onRefused: (status: number) => void this.refused.push(status),
    }, (error) => {
      throw error;
    });
    this.connections = new Connections(host, null, () => {});
  }

  /** Returns a client that has sent `first` before it is accepted. */
  client(...first: string[]): { fd: number; socket: ScriptedSocket } {
    const fd = eventfdCreate();
    const socket = new ScriptedSocket();
    socket.incoming.push(...first.map((text) => encodeUtf8(text)));
    this.sockets.set(fd, socket);
    this.connections.accept(fd);
    return { fd, socket };
  }

  turn(...events: [fd: number, readiness: Readiness][]): void {
    this.poller.next.push(...events);
    for (let turns = 0; this.reactor.turn(0) > 0; turns++) assert(turns < 1000, "it never comes to rest");
  }

  /** The number of objects in use. */
  get objects(): number {
    return [...this.reactor.sources()].filter((source) => source instanceof Connection).length;
  }

  [Symbol.dispose](): void {
    this.reactor.close();
    this.connections.close();
  }
}

function onEach(name: string, test: (crowd: Crowd, trigger: "level" | "edge") => void): void {
  for (const trigger of ["level", "edge"] as const) {
    Deno.test(`${name} (${trigger})`, () => {
      using crowd = new Crowd(trigger);
      test(crowd, trigger);
    });
  }
}

onEach("a client whose request has arrived already is answered before the poller watches it", (crowd) => {
  const { fd, socket } = crowd.client(get("/a"));
  assertEquals(crowd.poller.interests.has(fd), false);
  crowd.turn();
  assertEquals(withoutDate(socket.text), answer("/a"));
  assertEquals([crowd.poller.interests.has(fd), crowd.objects, crowd.connections.count], [true, 0, 1]);
  const closing = crowd.client(get("/b", "Connection: close"));
  crowd.turn();
  assertEquals(withoutDate(closing.socket.text), answer("/b", "close"));
  assertEquals([crowd.poller.interests.has(closing.fd), crowd.connections.count], [false, 1]);
});

onEach("an idle client has no object, and is served when it sends a request, in any order", (crowd) => {
  const clients = Array.from({ length: 60 }, () => crowd.client());
  assertEquals([crowd.objects, crowd.connections.count], [0, 60]);
  repeat(200, (random) => {
    const senders = clients.filter(() => random.oneIn(4));
    for (const { fd, socket } of senders) {
      socket.sent = [];
      socket.incoming.push(encodeUtf8(get(`/${fd}`)));
    }
    crowd.turn(...senders.map(({ fd }) => [fd, Readiness.READABLE] as [number, Readiness]));
    for (const { fd, socket } of senders) assertEquals(withoutDate(socket.text), answer(`/${fd}`));
    assertEquals(crowd.objects, 0);
  });
});

onEach("an unfinished request, or the end of one client, does not affect the next", (crowd) => {
  const [half, body, reset, ended, blocked] = Array.from({ length: 5 }, () => crowd.client());
  half!.socket.incoming.push(encodeUtf8("GET /half HTTP/1.1\r\nHo"));
  body!.socket.incoming.push(encodeUtf8("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"));
  blocked!.socket.sends = [3];
  blocked!.socket.capacity = 0;
  blocked!.socket.incoming.push(encodeUtf8(get("/blocked")));
  crowd.turn(...[half!, body!, blocked!].map(({ fd }) => [fd, Readiness.READABLE] as [number, Readiness]));
  assertEquals(crowd.objects, 3);
  half!.socket.incoming.push(-ECONNRESET);
  body!.socket.incoming.push("end");
  blocked!.socket.sends = [-ECONNRESET];
  reset!.socket.incoming.push(-ECONNRESET);
  ended!.socket.incoming.push("end");
  crowd.turn(
    ...[half!, body!, reset!, ended!].map(({ fd }) =>
      [fd, Readiness.READABLE | Readiness.HANGUP] as [number, Readiness]
    ),
    [blocked!.fd, Readiness.WRITABLE],
  );
  assertEquals([crowd.objects, crowd.connections.count], [0, 0]);
  for (let i = 0; i < 20; i++) {
    const next = crowd.client(get(`/${i}`));
    crowd.turn();
    assertEquals(withoutDate(next.socket.text), answer(`/${i}`));
    next.socket.incoming.push(encodeUtf8(get("/again")));
    crowd.turn([next.fd, Readiness.READABLE]);
    assertEquals(withoutDate(next.socket.text), answer(`/${i}`) + answer("/again"));
  }
});

onEach(
  "clients that are idle too long are closed, however often the poller reports false readiness",
  (crowd) => {
    const { reactor } = crowd;
    const count = EXPIRATIONS_PER_TURN_MAX + 100;
    const clients = Array.from({ length: count }, () => crowd.client());
    const realNow = performance.now;
    try {
      const start = performance.now();
      const at = (ms: number) => performance.now = () => start + ms;
      at(KEEP_ALIVE_TIMEOUT_MS - 1000);
      clients[0]!.socket.incoming.push(encodeUtf8(get("/alive")));
      crowd.turn(
        [clients[0]!.fd, Readiness.READABLE],
        ...clients.slice(1, 60).map(({ fd }) => [fd, Readiness.READABLE] as [number, Readiness]),
      );
      assertEquals([crowd.connections.count, crowd.objects], [count, 0]);
      at(KEEP_ALIVE_TIMEOUT_MS + 100);
      for (let i = 0; i < 5; i++) {
        reactor.turn(0);
        at(KEEP_ALIVE_TIMEOUT_MS + 100 + i * 10);
      }
      assertEquals(crowd.connections.count, 1, "only the one that spoke is left");
      at(KEEP_ALIVE_TIMEOUT_MS * 2);
      for (let i = 0; i < 3; i++) reactor.turn(0);
      assertEquals(crowd.connections.count, 0);
    } finally {
      performance.now = realNow;
    }
  },
);

onEach("an error on one idle connection does not end the others", (crowd) => {
  const clients = [crowd.client(), crowd.client()];
  const { connections } = crowd;
  const { onReady } = connections;
  connections.onReady = () => {
    throw new Error("out of luck");
  };
  let caught = "";
  try {
    crowd.turn([clients[0]!.fd, Readiness.READABLE]);
  } catch (error) {
    caught = String(error);
  }
  assertEquals([caught, connections.retired], ["Error: out of luck", false]);
  connections.onReady = onReady;
  clients[1]!.socket.incoming.push(encodeUtf8(get("/b")));
  crowd.turn([clients[1]!.fd, Readiness.READABLE]);
  assertEquals(withoutDate(clients[1]!.socket.text), answer("/b"));
});

onEach("a client that the poller refuses is closed, and the others are not affected", (crowd) => {
  const { fd, socket } = crowd.client(get("/a"));
  crowd.poller.add = () => -28;
  crowd.turn();
  assertEquals(withoutDate(socket.text), answer("/a"), "it had its answer");
  const silent = crowd.client();
  assertEquals(crowd.refused, [-28, -28]);
  crowd.turn();
  assertEquals(crowd.connections.count, 0);
  assert(fd !== silent.fd || crowd.objects === 0);
});
