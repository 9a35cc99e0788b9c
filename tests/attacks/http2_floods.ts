/**
 * Floods of HTTP/2: frames that cost the client little and the server much. Each is sent over and over on one connection.
 * @module
 */
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { Flag, FrameType, INT31_MAX, PREFACE, Setting } from "../../server/protocols/http2/frames/frame.ts";
import { HpackEncoder } from "../../server/protocols/http2/hpack/encoder.ts";
import { concat } from "../../server/http/bytes.ts";
import { settingsPayload } from "../../server/protocols/http2/frames/settings.ts";
import {
  blockOf,
  frame,
  getFields,
  headers,
  post,
  priorityUpdate,
  reset,
  setting,
  update,
} from "../support/http2_wire.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const { DATA, HEADERS, PRIORITY, SETTINGS, PING, CONTINUATION, GOAWAY } = FrameType;
const { ENHANCE_YOUR_CALM, COMPRESSION_ERROR, PROTOCOL_ERROR, STREAM_CLOSED } = ErrorCode;

/** A flood. */
export interface Http2Flood {
  readonly name: string;
  /** The first frames, behind SETTINGS. */
  readonly first?: readonly Bytes[];
  /** The frames of round `i`. `stream` is a number that no round before has used. */
  readonly round: (i: number, stream: number) => readonly Bytes[];
  /** The codes of GOAWAY by which the attacker is sent away. Empty: its requests are valid, and limits hold. */
  readonly codes: readonly number[];
  /** True if the client reads what it is sent. */
  readonly reads: boolean;
  /** True if each round has a request that is ended before it is answered. */
  readonly abandons?: boolean;
}

/** A file that is too large for the first windows. */
export const LARGE_PATH = "/big";
/** What a handler works on for ever. A static server has no such file. */
export const ENDLESS_PATH = "/never";

const zeros = (count: number): Bytes => new Uint8Array(count);
const get = (stream: number, path: string) => headers(stream, getFields(path));
const begun = (stream: number) => post(stream, ENDLESS_PATH);
const calm = { codes: [ENHANCE_YOUR_CALM], reads: true };
const resets = { ...calm, abandons: true };

/** The request of a head that ends with `more`. */
function bomb(stream: number, more: Uint8Array, flags: number = Flag.END_STREAM): Bytes {
  return frame(HEADERS, flags | Flag.END_HEADERS, stream, concat([blockOf(getFields("/")), more]));
}

/** A literal that is added to the dynamic table: a name of one byte, and a value of `bytes` bytes. */
function added(name: string, bytes: number): Uint8Array {
  const encoder = new HpackEncoder();
  encoder.add(name, new Uint8Array(bytes).fill(0x7e)); // Huffman's code for it is longer
  const block = encoder.toBytes();
  block[0] = 0x40;
  return block;
}

/** An entry that almost fills the table, and how often one frame names it. */
const ENTRY_BYTES = 4000;
const NEWEST = 0x80 | 62;
const TIMES = 4000;
const named = new Uint8Array(TIMES).fill(NEWEST);
/** New entries, each with the name of the one before it, and no value. */
const renamed = Uint8Array.from({ length: TIMES }, (_, i) => i % 2 === 0 ? 0x40 | 62 : 0);

/** As many streams as a client may have. */
const many = Array.from({ length: 100 }, (_, i) => 2 * i + 1);
/** Initial windows, as many as a frame has room for: 0 and 1 in turn, and at last 0. */
const windows = settingsPayload(
  Array.from({ length: 2730 }, (_, i) => [Setting.INITIAL_WINDOW_SIZE, (i + 1) % 2] as const),
);

/** Ways to have the server reset a stream (CVE-2025-8671). */
const MADE_YOU_RESET: Readonly<Record<string, (stream: number) => readonly Bytes[]>> = {
  "WINDOW_UPDATE by 0": (stream) => [begun(stream), update(stream, 0)],
  "a window of more than 2³¹−1": (stream) => [begun(stream), update(stream, INT31_MAX)],
  "DATA behind the end": (stream) => [get(stream, ENDLESS_PATH), frame(DATA, 0, stream, zeros(1))],
  "HEADERS behind the end": (stream) => [get(stream, ENDLESS_PATH), get(stream, ENDLESS_PATH)],
  "PRIORITY of another length": (stream) => [begun(stream), frame(PRIORITY, 0, stream, zeros(4))],
  "more than Content-Length": (stream) => [
    post(stream, ENDLESS_PATH, ["content-length", "1"]),
    frame(DATA, 0, stream, zeros(2)),
  ],
  "less than Content-Length": (stream) => [
    post(stream, ENDLESS_PATH, ["content-length", "3"]),
    frame(DATA, Flag.END_STREAM, stream, zeros(2)),
  ],
  "trailers with a pseudo-field": (stream) => [begun(stream), headers(stream, [[":path", "/"]])],
};

/** Floods that end their connection. */
const ENDED: readonly Http2Flood[] = [
  ...Object.entries(MADE_YOU_RESET).map(([name, frames]): Http2Flood => ({
    name: `made-you-reset by ${name}`,
    round: (_, stream) => frames(stream),
    ...resets,
    codes: [ENHANCE_YOUR_CALM, STREAM_CLOSED],
  })),
  { name: "rapid reset of a long work", round: (_, id) => [get(id, ENDLESS_PATH), reset(id)], ...resets },
  { name: "rapid reset of a large file", round: (_, id) => [get(id, LARGE_PATH), reset(id)], ...calm },
  { name: "rapid reset of a body", round: (_, id) => [begun(id), reset(id)], ...resets },
  { name: "malformed heads", round: (_, id) => [headers(id, getFields("/", ["X", "y"]))], ...calm },
  { name: "more streams than allowed", round: (_, id) => [begun(id)], ...calm },
  { name: "PING", round: () => [frame(PING, 0, 0, zeros(8))], ...calm },
  { name: "PING, unread", round: () => [frame(PING, 0, 0, zeros(8))], ...calm, reads: false },
  { name: "PING acknowledgements", round: () => [frame(PING, Flag.ACK, 0, zeros(8))], ...calm },
  { name: "SETTINGS", round: () => [frame(SETTINGS, 0, 0)], ...calm },
  { name: "SETTINGS, unread", round: () => [frame(SETTINGS, 0, 0)], ...calm, reads: false },
  { name: "SETTINGS acknowledgements", round: () => [frame(SETTINGS, Flag.ACK, 0)], ...calm },
  { name: "table sizes in SETTINGS", round: (i) => [setting(Setting.HEADER_TABLE_SIZE, i % 2)], ...calm },
  { name: "PRIORITY", round: () => [frame(PRIORITY, 0, 1, [0, 0, 0, 3, 1])], ...calm },
  {
    name: "PRIORITY_UPDATE",
    round: () => [priorityUpdate(1, "u=1")],
    first: [begun(1)],
    ...calm,
  },
  {
    name: "PRIORITY_UPDATE of streams that are not open",
    round: (i) => [priorityUpdate(2 * i + 1, "u=1")],
    ...calm,
    codes: [ENHANCE_YOUR_CALM, PROTOCOL_ERROR],
  },
  {
    name: "PRIORITY_UPDATE as long as a frame",
    first: [begun(1)],
    round: () => [priorityUpdate(1, "a=(1;b=?1 2),".repeat(1200) + "u=1")],
    ...calm,
  },
  { name: "unknown frames", round: () => [frame(0xee, 0, 0)], ...calm },
  { name: "empty DATA", first: [begun(1)], round: () => [frame(DATA, 0, 1)], ...calm },
  {
    name: "DATA of padding only",
    first: [begun(1)],
    round: () => [frame(DATA, Flag.PADDED, 1, [2, 0, 0])],
    ...calm,
  },
  {
    name: "empty CONTINUATION",
    first: [frame(HEADERS, 0, 1, blockOf(getFields("/")))],
    round: () => [frame(CONTINUATION, 0, 1)],
    ...calm,
  },
  {
    name: "CONTINUATION without an end",
    first: [frame(HEADERS, 0, 1, blockOf(getFields("/")))],
    round: () => [frame(CONTINUATION, 0, 1, new Uint8Array(TIMES).fill(0x82))],
    ...calm,
  },
  {
    name: "a window dribble of a stream",
    first: [setting(Setting.INITIAL_WINDOW_SIZE, 0), get(1, LARGE_PATH)],
    round: () => [update(1, 1)],
    ...calm,
  },
  {
    name: "a window dribble of the connection",
    first: [setting(Setting.INITIAL_WINDOW_SIZE, INT31_MAX), get(1, LARGE_PATH)],
    round: () => [update(0, 1)],
    ...calm,
  },
  {
    name: "a window dribble by SETTINGS",
    first: [setting(Setting.INITIAL_WINDOW_SIZE, 0), get(1, LARGE_PATH)],
    round: (i) => [setting(Setting.INITIAL_WINDOW_SIZE, i + 1)],
    ...calm,
  },
  {
    name: "a window dribble of many streams",
    first: [setting(Setting.INITIAL_WINDOW_SIZE, 0), ...many.map((stream) => get(stream, LARGE_PATH))],
    round: (i) => [update(many[i % many.length]!, 1)],
    ...calm,
  },
  {
    name: "initial windows, thousands in a frame, of many streams",
    first: [setting(Setting.INITIAL_WINDOW_SIZE, 0), ...many.map((stream) => get(stream, LARGE_PATH))],
    round: () => [frame(SETTINGS, 0, 0, windows)],
    ...calm,
  },
  { name: "GOAWAY", round: () => [frame(GOAWAY, 0, 0, zeros(8))], ...calm },
  { name: "WINDOW_UPDATE for nothing", round: () => [update(0, 1)], ...calm },
  { name: "WINDOW_UPDATE of an ended stream", first: [get(1, "/")], round: () => [update(1, 1)], ...calm },
  {
    name: "an indexed-field bomb of a refused field",
    first: [bomb(1, added("X", ENTRY_BYTES))],
    round: (_, stream) => [bomb(stream, named)],
    ...calm,
  },
  {
    name: "new entries of a long name",
    first: [bomb(1, concat([added("y".repeat(ENTRY_BYTES), 0)]))],
    round: (_, stream) => [bomb(stream, renamed)],
    reads: true,
    codes: [COMPRESSION_ERROR],
  },
];

/** Floods of valid requests. */
const VALID: readonly Http2Flood[] = [
  {
    name: "an indexed-field bomb",
    first: [bomb(1, added("x", ENTRY_BYTES))],
    round: (_, stream) => [bomb(stream, named)],
    codes: [],
    reads: true,
  },
  {
    name: "an indexed-field bomb in trailers",
    first: [bomb(1, added("x", ENTRY_BYTES))],
    round: (_, stream) => [post(stream, "/"), frame(HEADERS, 5, stream, named)],
    codes: [],
    reads: true,
  },
  {
    name: "table size updates",
    round: (_, stream) => {
      const sizes = Uint8Array.from({ length: 3000 }, (_, i) => [0x20, 0x3f, 0xe1, 0x1f][i % 4]!);
      return [frame(HEADERS, 5, stream, concat([sizes, blockOf(getFields("/"))]))];
    },
    codes: [],
    reads: true,
  },
  {
    name: "cookie crumbs",
    round: (_, stream) => [bomb(stream, new Uint8Array(TIMES).fill(0x80 | 32))],
    codes: [],
    reads: true,
  },
  {
    name: "small entries of the table",
    round: (_, stream) => [
      bomb(stream, Uint8Array.from({ length: 15_000 }, (_, i) => [0x40, 1, 0x61 + i % 26, 1, 0x62][i % 5]!)),
    ],
    codes: [],
    reads: true,
  },
  {
    name: "bodies byte by byte",
    round: (_, stream) => [
      post(stream, "/"),
      concat(Array.from({ length: 200 }, (_, i) => frame(DATA, i === 199 ? 1 : 0, stream, zeros(1)))),
    ],
    codes: [],
    reads: true,
  },
  {
    name: "bodies that wait for 100 (Continue), and their trailers",
    round: (_, stream) => [
      post(stream, "/", ["expect", "100-continue"]),
      frame(DATA, 0, stream, zeros(1)),
      headers(stream, [["x", "y"]]),
    ],
    codes: [],
    reads: true,
  },
  {
    name: "requests behind a GOAWAY",
    first: [get(1, "/"), frame(GOAWAY, 0, 0, zeros(8))],
    round: (_, stream) => [get(stream, "/")],
    codes: [],
    reads: true,
  },
  {
    name: "priorities as long as a head",
    round: (_, stream) => [
      headers(stream, getFields("/", ["priority", "a=(1;b=?1 2),".repeat(900) + `u=1;x=${stream}`])),
    ],
    codes: [],
    reads: true,
  },
  {
    name: "heads whose responses are not read",
    round: (_, stream) => [headers(stream, [[":method", "HEAD"], ...getFields("/").slice(1)])],
    codes: [],
    reads: false,
  },
  { name: "small files that are not read", round: (_, id) => [get(id, "/")], codes: [], reads: false },
  { name: "what is missing", round: (_, id) => [get(id, `/missing${id}`)], codes: [], reads: true },
  { name: "small files", round: (_, id) => [get(id, "/")], codes: [], reads: true },
];

/** All floods. */
export const HTTP2_FLOODS: readonly Http2Flood[] = [...ENDED, ...VALID];

/** Returns the bytes of `rounds` rounds of a flood, with the preface. */
export function floodBytes(
  { first = [], round }: Pick<Http2Flood, "first" | "round">,
  rounds: number,
): Bytes {
  const parts: Uint8Array[] = [new TextEncoder().encode(PREFACE), frame(SETTINGS, 0, 0), ...first];
  const used = first.length > 0 ? 1 : 0;
  for (let i = 0; i < rounds; i++) parts.push(...round(i, 2 * (i + used) + 1));
  return concat(parts);
}
