/**
 * The bytes that clients send on a scripted socket, for tests that make each call on that socket fail in turn.
 * @module
 */
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { Bytes } from "../../server/protocols/bytes/bytes.ts";
import type { Service } from "../../server/listen/connection_table.ts";
import { CoroutineConnection } from "../../server/coroutine/coroutine.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { FileBody } from "../../server/http/file_body.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { post, postChunked, says, Source } from "../support/exchanges.ts";
import { Site } from "../support/program.ts";
import { describe, Scripted, type Secure } from "../support/scripted.ts";
import { get, head } from "../support/wire.ts";

/** A new connection, and the resources that it has to release. */
export interface Stage {
  readonly scripted: Scripted;
  /** Returns the number of resources that are held at present. */
  held(): number;
}

/** One kind of connection, and the bytes that arrive on it. */
export interface Scenario {
  readonly name: string;
  readonly arrivals: readonly string[];
  readonly open: Open;
}

/** Opens a connection, with TLS if there is `secure`. */
export type Open = (trigger: "level" | "edge", secure?: Secure) => Stage;

const over = (handler: Handler, trigger: "level" | "edge", secure?: Secure, service: Service | null = null) =>
  new Scripted(handler, trigger, true, service, undefined, secure);

const LONG = encodeUtf8("0123456789".repeat(4000));
const EXPECTING = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";

const site = new Site({ "file.txt": "the bytes of a file, which go out by sendfile" });
globalThis.addEventListener("unload", () => site[Symbol.dispose]());

/** Serves a file by its descriptor. */
const openFile: Open = (trigger, secure) => {
  let held = 0;
  const handler: Handler = () => {
    const root = openDirectory(site.root);
    const fd = openBeneathByWalking(root, cString("file.txt"));
    close(root);
    held++;
    const give = () => {
      held--;
      close(fd);
    };
    return new HttpResponse(200, [], new FileBody({ fd, offset: 4, length: 30, close: give }));
  };
  return { scripted: over(handler, trigger, secure), held: () => held };
};

/** Answers with a stream of three chunks. */
const openStream: Open = (trigger, secure) => {
  const sources: Source[] = [];
  const handler: Handler = () => {
    const source = new Source(["first, ", "second, ", "third"]);
    sources.push(source);
    return new HttpResponse(200, [], source.stream);
  };
  // The stream is released by reading it to its end (a pull after the last chunk) or by cancelling it, and only once.
  const isHeld = ({ pulls, cancels }: Source) => (pulls > 3 ? 1 : 0) + cancels.length !== 1;
  return { scripted: over(handler, trigger, secure), held: () => sources.filter(isHeld).length };
};

/** Opens a connection whose responses hold nothing. */
export function opens(handler: Handler): Open {
  return (trigger, secure) => ({ scripted: over(handler, trigger, secure), held: () => 0 });
}

/** Opens a byte protocol or a coroutine. Its resources are the clients that have not been told of their end. */
function speaks(serviceOf: (count: (change: number) => void) => Service): Open {
  return (trigger, secure) => {
    let held = 0;
    const service = serviceOf((change) => held += change);
    return { scripted: over(describe, trigger, secure, service), held: () => held };
  };
}

const echoes = speaks((count) => (connection) => {
  new Bytes(connection, (peer) => {
    count(1);
    return { received: (bytes) => void peer.write(bytes), closed: () => count(-1) };
  }).start();
});

const echoesInCoroutine = speaks((count) => (connection) => {
  CoroutineConnection.run(
    async (socket) => {
      count(1);
      try {
        for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
          await socket.write(bytes);
        }
      } finally {
        count(-1);
      }
    },
    connection,
  );
});

/** All scenarios. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "a small response", arrivals: [get("/a")], open: opens(describe) },
  {
    name: "a request in two pieces",
    arrivals: ["GET /a HT", "TP/1.1\r\nHost: x\r\n\r\n"],
    open: opens(describe),
  },
  {
    name: "pipelined requests",
    arrivals: [get("/1") + get("/2"), get("/3") + head("/4")],
    open: opens(describe),
  },
  {
    name: "a body in memory",
    arrivals: [get("/") + get("/")],
    open: opens(() => new HttpResponse(200, [], LONG)),
  },
  { name: "a file", arrivals: [get("/") + get("/"), head("/")], open: openFile },
  { name: "a stream", arrivals: [get("/"), get("/")], open: openStream },
  { name: "HEAD", arrivals: [head("/a")], open: opens(describe) },
  {
    name: "a response that closes",
    arrivals: [get("/", "Connection: close") + "rest"],
    open: opens(describe),
  },
  { name: "100 (Continue)", arrivals: [EXPECTING, "ok", get("/")], open: opens(describe) },
  {
    name: "an error response, and what comes after it",
    arrivals: ["nonsense\r\n\r\n", "more of it"],
    open: opens(describe),
  },
  {
    name: "a promised answer",
    arrivals: [get("/p"), get("/q")],
    open: opens(({ path }) => Promise.resolve(says(path))),
  },
  {
    name: "bodies that are read",
    arrivals: [post("hello"), postChunked(["in ", "chunks"])],
    open: opens(async (request) => says(await request.text())),
  },
  { name: "a byte protocol", arrivals: ["one", "two"], open: echoes },
  { name: "a coroutine", arrivals: ["one", "two"], open: echoesInCoroutine },
];
