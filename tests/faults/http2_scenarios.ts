/**
 * The frames that clients send on a scripted connection of HTTP/2, with or without TLS, and what came back by streams.
 * @module
 */
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import type { Connection } from "../../server/connection/connection.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { concat } from "../../server/http/bytes.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { FileBody } from "../../server/http/file_body.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { FRAME_HEAD_BYTES, FrameType, PREFACE, Setting } from "../../server/protocols/http2/frames/frame.ts";
import { Http2 } from "../../server/protocols/http2/http2.ts";
import { says, Source } from "../support/exchanges.ts";
import { frame, getFields, headers, post, reset, setting, update } from "../support/http2_wire.ts";
import { Site } from "../support/program.ts";
import { describe, Scripted } from "../support/scripted.ts";
import type { Open } from "./scenarios.ts";

/** One kind of connection, and the bytes that arrive on it. */
export interface Http2Scenario {
  readonly name: string;
  readonly arrivals: readonly Uint8Array[];
  readonly open: Open;
  /** True if a response is read from a file, whose error ends the stream only. */
  readonly readsFile?: boolean;
}

const { DATA, PING, RST_STREAM, SETTINGS } = FrameType;
const LONG = encodeUtf8("0123456789".repeat(4000));
const FILE_BYTES = 50_000;

const site = new Site({ "file.txt": "a byte".repeat(FILE_BYTES).slice(0, FILE_BYTES) });
globalThis.addEventListener("unload", () => site[Symbol.dispose]());

const speak = (connection: Connection): void => {
  new Http2(connection).begin();
  connection.start();
};

/** Opens a connection whose handler counts what it holds. */
function opens(handlerOf: (hold: (change: number) => void) => Handler): Open {
  return (trigger, secure) => {
    let held = 0;
    const handler = handlerOf((change) => held += change);
    return { scripted: new Scripted(handler, trigger, true, speak, undefined, secure), held: () => held };
  };
}

const answers = (handler: Handler) => opens(() => handler);

const openFile = opens((hold) => () => {
  const root = openDirectory(site.root);
  const fd = openBeneathByWalking(root, cString("file.txt"));
  close(root);
  hold(1);
  const end = () => {
    hold(-1);
    close(fd);
  };
  return new HttpResponse(200, [], new FileBody({ fd, offset: 0, length: FILE_BYTES, close: end }));
});

/** Works until its signal is aborted. */
const openEndless = opens((hold) => (request, { signal }) => {
  if (request.path !== "/never") return describe(request);
  hold(1);
  signal.addEventListener("abort", () => hold(-1));
  return new Promise(() => {});
});

const preface = (settings: Uint8Array = frame(SETTINGS, 0, 0)) =>
  concat([encodeUtf8(PREFACE), settings, frame(SETTINGS, 1, 0)]);
const get = (stream: number, path: string) => headers(stream, getFields(path));
const small = setting(Setting.INITIAL_WINDOW_SIZE, 1000);

/** All scenarios. */
export const HTTP2_SCENARIOS: readonly Http2Scenario[] = [
  { name: "a small response", arrivals: [concat([preface(), get(1, "/a")])], open: answers(describe) },
  {
    name: "a preface and a head in pieces",
    arrivals: [
      preface().subarray(0, 20),
      preface().subarray(20),
      get(1, "/a").subarray(0, 12),
      get(1, "/a").subarray(12),
    ],
    open: answers(describe),
  },
  {
    name: "several requests at once",
    arrivals: [concat([preface(), get(1, "/1"), get(3, "/2"), get(5, "/3")]), get(7, "/4")],
    open: answers(describe),
  },
  {
    name: "bodies in memory",
    arrivals: [concat([preface(), get(1, "/"), get(3, "/")]), update(0, 1_000_000)],
    open: answers(() => new HttpResponse(200, [], LONG)),
  },
  {
    name: "windows that open later",
    arrivals: [concat([preface(small), get(1, "/")]), update(1, 10_000), update(1, 100_000)],
    open: answers(() => new HttpResponse(200, [], LONG)),
  },
  { name: "a file", arrivals: [concat([preface(), get(1, "/")])], open: openFile, readsFile: true },
  {
    name: "a stream",
    arrivals: [concat([preface(), get(1, "/")])],
    open: answers(() => new HttpResponse(200, [], new Source(["first, ", "second, ", "third"]).stream)),
  },
  {
    name: "promised answers",
    arrivals: [concat([preface(), get(1, "/p"), get(3, "/q")])],
    open: answers(({ path }) => Promise.resolve(says(path))),
  },
  {
    name: "bodies that are read",
    arrivals: [
      concat([preface(), post(1, "/"), frame(DATA, 0, 1, encodeUtf8("in "))]),
      frame(DATA, 1, 1, encodeUtf8("parts")),
    ],
    open: answers(async (request) => says(await request.text())),
  },
  {
    name: "a request that is reset",
    arrivals: [concat([preface(), get(1, "/never")]), concat([reset(1), get(3, "/a")])],
    open: openEndless,
  },
  {
    name: "a client that leaves",
    arrivals: [
      concat([preface(), get(1, "/never"), get(3, "/a")]),
      concat([reset(1), frame(PING, 0, 0, new Uint8Array(8))]),
    ],
    open: openEndless,
  },
  {
    name: "an error of the connection, and what comes after it",
    arrivals: [
      concat([preface(), get(1, "/never")]),
      concat([frame(PING, 0, 0, [1]), get(3, "/a")]),
      get(5, "/b"),
    ],
    open: openEndless,
  },
];

/** What came on the streams of a connection, and on itself (0): the payloads of each type, joined. */
export type Streams = ReadonlyMap<string, string>;

/** Returns what `bytes`, a character for each, has; of the last frame as much as there is. */
export function streamsOf(bytes: string): Streams {
  const streams = new Map<string, string>();
  const at = (index: number) => bytes.charCodeAt(index);
  for (let start = 0; start + FRAME_HEAD_BYTES <= bytes.length;) {
    const end = start + FRAME_HEAD_BYTES + ((at(start) << 16) | (at(start + 1) << 8) | at(start + 2));
    const stream = (at(start + 7) << 8) | at(start + 8);
    const key = `${stream}, type ${at(start + 3)}`;
    streams.set(key, (streams.get(key) ?? "") + bytes.slice(start + FRAME_HEAD_BYTES, end));
    start = end;
  }
  return streams;
}

/** Returns why `streams` are not the beginning of the `whole` ones; null if they are. A stream may be reset instead. */
export function notBeginning(streams: Streams, whole: Streams): string | null {
  for (const [key, text] of streams) {
    const isEnd = key.endsWith(`type ${RST_STREAM}`) || key.endsWith(`type ${FrameType.GOAWAY}`);
    if (!isEnd && !whole.get(key)?.startsWith(text)) return `${key}: ${JSON.stringify(text.slice(0, 300))}`;
  }
  return null;
}
