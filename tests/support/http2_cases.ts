/**
 * What a client may send by RFC 9113, and what it may not, case by case, in the order of the sections.
 * @module
 */
import type { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { Flag, FrameType } from "../../server/protocols/http2/frames/frame.ts";
import { settingsPayload } from "../../server/protocols/http2/frames/settings.ts";
import { blockOf, frame, getFields, headers, post, reset, setting, update } from "./http2_wire.ts";

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION } = FrameType;
const { END_STREAM, END_HEADERS, PADDED } = Flag;

type Bytes = Uint8Array<ArrayBuffer>;
type Code = keyof typeof ErrorCode;
type Lines = Parameters<typeof blockOf>[0];

const zeros = (count: number) => new Uint8Array(count);
const get = (id: number, ...more: Lines) => headers(id, getFields("/", ...more));
const head = (id: number, flags: number, ...bytes: (number | Uint8Array)[]): Bytes =>
  frame(HEADERS, flags, id, bytes.flatMap((part) => typeof part === "number" ? [part] : [...part]));
const GET = blockOf(getFields("/"));
const POST = blockOf([[":method", "POST"], ...getFields("/").slice(1)]);
const without = (name: string) => getFields("/").filter(([other]) => other !== name);
const data = (id: number, count: number, flags: number = END_STREAM) => frame(DATA, flags, id, zeros(count));
const priority = (id: number, parent: number, weight = 15, exclusive = 0) =>
  frame(PRIORITY, 0, id, [exclusive, 0, 0, parent, weight]);
const more = (id: number, flags: number, part: Uint8Array) => frame(CONTINUATION, flags, id, part);
const settings = (...pairs: [number, number][]) => frame(SETTINGS, 0, 0, settingsPayload(pairs));

/** The streams that get a response of status 200, while nothing is an error. */
export const RIGHT: readonly [section: string, streams: readonly number[], ...frames: Bytes[]][] = [
  ["3.4: settings without any, and several requests", [1, 3], settings(), get(1), get(3)],
  [
    "4.1: a frame of an unknown type, with any flags, on any stream",
    [1],
    frame(0x16, 0xff, 7, zeros(8)),
    get(1),
  ],
  ["4.1: flags that are not defined", [1], frame(PING, 0x16, 0, zeros(8)), get(1)],
  [
    "4.1: the reserved bit of a stream's number",
    [1],
    (() => {
      const bytes = get(1);
      bytes[5]! |= 0x80;
      return bytes;
    })(),
  ],
  ["4.2: a frame of 16,384 bytes", [1], post(1, "/"), data(1, 16_384)],
  ["5.1: PRIORITY on an idle stream", [1], priority(1, 0), get(1)],
  ["5.1: PRIORITY on a later stream than the next", [1], priority(9, 0), get(1)],
  ["5.1: PRIORITY and WINDOW_UPDATE on a half-closed stream", [1], get(1), priority(1, 0), update(1, 100)],
  [
    "5.1: PRIORITY, WINDOW_UPDATE and RST_STREAM on a closed stream",
    [3],
    get(1),
    reset(1),
    priority(1, 0),
    update(1, 1),
    reset(1),
    get(3),
  ],
  ["5.1.1: numbers that are left out", [1, 9, 101], get(1), get(9), get(101)],
  [
    "5.5: unknown frames between those of a stream",
    [1],
    post(1, "/"),
    frame(0x20, 0, 1, zeros(3)),
    data(1, 1),
  ],
  ["6.1: DATA in parts, one of them empty", [1], post(1, "/"), data(1, 3, 0), data(1, 0, 0), data(1, 2)],
  [
    "6.1: DATA of padding only, and with the most padding",
    [1],
    post(1, "/"),
    frame(DATA, PADDED, 1, [4, 0, 0, 0, 0]),
    frame(DATA, PADDED | END_STREAM, 1, [255, ...zeros(256)]),
  ],
  ["6.2: HEADERS with padding", [1], head(1, END_STREAM | END_HEADERS | PADDED, 4, GET, zeros(4))],
  [
    "6.2: HEADERS with a priority",
    [1],
    head(1, END_STREAM | END_HEADERS | Flag.PRIORITY, 0x80, 0, 0, 0, 255, GET),
  ],
  [
    "6.2: HEADERS with both",
    [1],
    head(1, END_STREAM | END_HEADERS | PADDED | Flag.PRIORITY, 2, 0, 0, 0, 9, 0, GET, 0, 0),
  ],
  ["6.2: HEADERS with an empty part of a head", [1], head(1, END_STREAM), more(1, END_HEADERS, GET)],
  [
    "6.3: PRIORITY of every kind",
    [1, 3],
    priority(1, 0, 0),
    priority(1, 0, 255),
    get(1),
    priority(3, 1, 15, 0x80),
    priority(5, 7),
    get(3),
  ],
  ["6.4: RST_STREAM with an unknown code", [3], get(1), reset(1, 0xff), get(3)],
  ["6.5: an acknowledgement of settings", [1], frame(SETTINGS, Flag.ACK, 0), get(1)],
  [
    "6.5.2: every setting at its bounds",
    [1],
    settings([1, 0], [2, 0], [3, 0], [4, 0], [5, 16_384], [6, 0], [9, 1]),
    settings([1, 0xffff_ffff], [2, 1], [3, 0xffff_ffff], [4, 0x7fff_ffff], [5, 0xff_ffff], [6, 0xffff_ffff]),
    setting(4, 65_535),
    get(1),
  ],
  ["6.5.2: settings that are not known", [1], settings([0, 1], [0xffff, 0xffff_ffff]), get(1)],
  ["6.7: an acknowledgement of no PING", [1], frame(PING, Flag.ACK, 0, zeros(8)), get(1)],
  [
    "6.9: the largest increment of a stream's window",
    [1],
    post(1, "/"),
    update(1, 0x7fff_ffff - 65_535),
    data(1, 0),
  ],
  ["6.9: an increment whose reserved bit is set", [1], update(0, 0x8000_0001), get(1)],
  [
    "6.9.2: an initial window that is changed in one frame",
    [1],
    post(1, "/"),
    settings([4, 0], [4, 0x7fff_ffff], [4, 100]),
    data(1, 0),
  ],
  ["6.10: CONTINUATION", [1], head(1, END_STREAM, GET.slice(0, 5)), more(1, END_HEADERS, GET.slice(5))],
  [
    "6.10: several, an empty one among them",
    [1],
    head(1, END_STREAM, GET.slice(0, 1)),
    more(1, 0, GET.slice(1, 2)),
    more(1, 0, zeros(0)),
    more(1, END_HEADERS, GET.slice(2)),
  ],
  [
    "8.1: a body, and trailers in parts",
    [1],
    post(1, "/"),
    data(1, 5, 0),
    head(1, END_STREAM),
    more(1, END_HEADERS, blockOf([["x-sum", "1"]])),
  ],
  ["8.1: trailers without any field", [1], post(1, "/"), data(1, 5, 0), head(1, END_STREAM | END_HEADERS)],
  [
    "8.1.1: as many bytes as announced, with padding",
    [1],
    post(1, "/", ["content-length", "2"]),
    frame(DATA, PADDED | END_STREAM, 1, [3, 1, 2, 0, 0, 0]),
  ],
  ["8.2.2: TE: trailers", [1], get(1, ["te", "trailers"])],
  ["8.2.3: cookies in several fields", [1], get(1, ["cookie", "a=1"], ["cookie", "b=2"])],
  ["8.3.1: no authority, but Host", [1], headers(1, [...without(":authority"), ["host", "a.test"]])],
  [
    "8.3.1: a scheme that is not http",
    [1],
    headers(1, [...without(":scheme").slice(0, 1), [":scheme", "x-own.1+2"], ...without(":scheme").slice(1)]),
  ],
];

/** The connection ends with a code. */
export const CONNECTION_ERRORS: readonly [section: string, code: Code, ...frames: Bytes[]][] = [
  ["4.2: HEADERS that are too large", "FRAME_SIZE_ERROR", head(1, 5, GET, zeros(16_384))],
  ["4.2: a priority that is cut", "FRAME_SIZE_ERROR", head(1, 5 | Flag.PRIORITY, 0, 0, 0, 3)],
  ["4.2: HEADERS with padding, but without its length", "FRAME_SIZE_ERROR", head(1, 5 | PADDED)],
  [
    "4.2: DATA with padding, but without its length",
    "FRAME_SIZE_ERROR",
    post(1, "/"),
    frame(DATA, PADDED, 1),
  ],
  [
    "4.3: PRIORITY within a head",
    "PROTOCOL_ERROR",
    head(1, END_STREAM, GET),
    priority(1, 0),
    more(1, END_HEADERS, zeros(0)),
  ],
  ["4.3: DATA within a head", "PROTOCOL_ERROR", head(1, 0, POST), data(1, 1), more(1, END_HEADERS, zeros(0))],
  ["4.3: trailers that cannot be decoded", "COMPRESSION_ERROR", post(1, "/"), head(1, 5, 0x80)],
  ["5.1.1: a stream that was left out", "PROTOCOL_ERROR", get(9), get(3)],
  ["5.1.1: a stream of an even number", "PROTOCOL_ERROR", get(1), get(4)],
  ["5.1: DATA on a stream of the server's", "PROTOCOL_ERROR", get(5), data(2, 1)],
  ["5.3.1: PRIORITY on itself, on an idle stream", "PROTOCOL_ERROR", priority(1, 1)],
  [
    "5.5: an unknown frame within a head",
    "PROTOCOL_ERROR",
    head(1, END_STREAM, GET),
    frame(0x16, 0, 0, zeros(8)),
  ],
  ["6.1: padding as long as the frame", "PROTOCOL_ERROR", post(1, "/"), frame(DATA, PADDED, 1, [3, 0, 0])],
  ["6.2: padding over the priority", "PROTOCOL_ERROR", head(1, 5 | PADDED | Flag.PRIORITY, 1, 0, 0, 0, 0, 0)],
  ["6.3: PRIORITY of another length on an idle stream", "FRAME_SIZE_ERROR", frame(PRIORITY, 0, 1, zeros(4))],
  [
    "6.4: RST_STREAM of another length on a closed stream",
    "FRAME_SIZE_ERROR",
    get(1),
    frame(RST_STREAM, 0, 1, zeros(5)),
  ],
  [
    "6.5.2: a setting that is wrong behind others that are right",
    "PROTOCOL_ERROR",
    settings([1, 0], [4, 1], [2, 3]),
  ],
  ["6.5.2: the largest of all windows", "FLOW_CONTROL_ERROR", setting(4, 0xffff_ffff)],
  ["6.8: GOAWAY that is too short", "FRAME_SIZE_ERROR", frame(GOAWAY, 0, 0, zeros(7))],
  [
    "6.9: WINDOW_UPDATE of another length on a stream",
    "FRAME_SIZE_ERROR",
    post(1, "/"),
    frame(FrameType.WINDOW_UPDATE, 0, 1, zeros(5)),
  ],
  ["6.9: an increment of 0 but for the reserved bit", "PROTOCOL_ERROR", update(0, 0x8000_0000)],
  [
    "6.9.2: settings that widen a stream past 2³¹−1, and take it back",
    "FLOW_CONTROL_ERROR",
    post(1, "/"),
    update(1, 0x7fff_ffff - 65_535),
    settings([4, 65_536], [4, 0]),
  ],
  ["6.10: CONTINUATION behind a whole head", "PROTOCOL_ERROR", get(1), more(1, END_HEADERS, GET)],
  [
    "6.10: CONTINUATION behind the last one",
    "PROTOCOL_ERROR",
    head(1, END_STREAM, GET.slice(0, 2)),
    more(1, END_HEADERS, GET.slice(2)),
    more(1, END_HEADERS, GET),
  ],
  [
    "6.10: CONTINUATION behind DATA",
    "PROTOCOL_ERROR",
    post(1, "/"),
    data(1, 1, 0),
    more(1, END_HEADERS, GET),
  ],
  [
    "6.10: CONTINUATION on stream 0",
    "PROTOCOL_ERROR",
    head(1, END_STREAM, GET.slice(0, 2)),
    more(0, END_HEADERS, GET.slice(2)),
  ],
];

/** Stream 1 ends with a code, and the connection goes on. */
export const STREAM_ERRORS: readonly [section: string, code: Code, ...frames: Bytes[]][] = [
  ["5.1: DATA on a stream that the client has ended", "STREAM_CLOSED", get(1), data(1, 1)],
  ["5.1: DATA on a stream whose body has ended", "STREAM_CLOSED", post(1, "/"), data(1, 1), data(1, 1)],
  ["5.1: DATA on a stream that the client has reset", "STREAM_CLOSED", post(1, "/"), reset(1), data(1, 1)],
  ["5.1: HEADERS on a stream that the client has reset", "STREAM_CLOSED", post(1, "/"), reset(1), get(1)],
  ["5.1.1: DATA on a stream that was left out", "STREAM_CLOSED", get(9), data(1, 1)],
  [
    "5.3.1: HEADERS of a stream that depends on itself",
    "PROTOCOL_ERROR",
    head(1, 5 | Flag.PRIORITY, 0, 0, 0, 1, 15, GET),
  ],
  ["5.3.1: PRIORITY on itself", "PROTOCOL_ERROR", post(1, "/"), priority(1, 1)],
  ["6.9: an increment of 0 on a closed stream", "PROTOCOL_ERROR", post(1, "/"), reset(1), update(1, 0)],
  [
    "8.1: trailers that do not end the stream",
    "PROTOCOL_ERROR",
    post(1, "/"),
    data(1, 1, 0),
    headers(1, [["x", "y"]], 0),
    data(1, 1),
  ],
  ["8.1: trailers with an upper-case name", "PROTOCOL_ERROR", post(1, "/"), headers(1, [["X-Sum", "1"]])],
  [
    "8.1: trailers with a field of a connection",
    "PROTOCOL_ERROR",
    post(1, "/"),
    headers(1, [["connection", "x"]]),
  ],
  [
    "8.1.1: less data than Content-Length, in two frames",
    "PROTOCOL_ERROR",
    post(1, "/", ["content-length", "4"]),
    data(1, 1, 0),
    data(1, 2),
  ],
  ["8.1.1: Content-Length, and no body", "PROTOCOL_ERROR", get(1, ["content-length", "1"])],
  [
    "8.1.1: no body before trailers",
    "PROTOCOL_ERROR",
    post(1, "/", ["content-length", "1"]),
    headers(1, [["x", "y"]]),
  ],
  ["8.2.1: a name with a space", "PROTOCOL_ERROR", get(1, ["a b", "x"])],
  ["8.2.1: a value with a line end", "PROTOCOL_ERROR", get(1, ["a", "x\r\ny: z"])],
  ["8.2.1: a value that begins with a space", "PROTOCOL_ERROR", get(1, ["a", " x"])],
  ["8.2.2: TE other than trailers", "PROTOCOL_ERROR", get(1, ["te", "trailers, deflate"])],
  ["8.2.2: Transfer-Encoding", "PROTOCOL_ERROR", get(1, ["transfer-encoding", "chunked"])],
  ["8.3: a pseudo-field of responses", "PROTOCOL_ERROR", get(1, [":status", "200"])],
  ["8.3: a pseudo-field behind other fields", "PROTOCOL_ERROR", headers(1, [["x", "y"], ...getFields("/")])],
  ["8.3: a pseudo-field in upper case", "PROTOCOL_ERROR", headers(1, [...without(":path"), [":pATH", "/"]])],
  ["8.3: a pseudo-field without a name", "PROTOCOL_ERROR", get(1, [":", "x"])],
  ["8.3.1: an empty path", "PROTOCOL_ERROR", headers(1, [...without(":path"), [":path", ""]])],
  [
    "8.3.1: a path that is none",
    "PROTOCOL_ERROR",
    headers(1, [...without(":path"), [":path", "http://a.test/"]]),
  ],
  ["8.3.1: no scheme", "PROTOCOL_ERROR", headers(1, without(":scheme"))],
  [
    "8.3.1: a scheme that is none",
    "PROTOCOL_ERROR",
    headers(1, [[":scheme", "1 http"], ...without(":scheme")]),
  ],
  ["8.3.1: two methods", "PROTOCOL_ERROR", headers(1, [[":method", "GET"], ...getFields("/")])],
  ["8.3.1: two schemes", "PROTOCOL_ERROR", headers(1, [[":scheme", "http"], ...getFields("/")])],
  ["8.3.1: two paths", "PROTOCOL_ERROR", headers(1, [[":path", "/"], ...getFields("/")])],
  ["8.3.1: two authorities", "PROTOCOL_ERROR", headers(1, [[":authority", "localhost"], ...getFields("/")])],
  [
    "8.5: CONNECT with a path",
    "PROTOCOL_ERROR",
    headers(1, [[":method", "CONNECT"], ...getFields("/").slice(1)]),
  ],
  ["8.5: CONNECT without an authority", "PROTOCOL_ERROR", headers(1, [[":method", "CONNECT"]])],
];
