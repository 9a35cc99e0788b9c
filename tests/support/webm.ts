/**
 * A film for seeking, made without an encoder: each second has one colour, with much padding in between.
 * Source: RFC 8794 (EBML), RFC 9559 (Matroska), RFC 6386 (VP8).
 * @module
 */
import { concat } from "../../server/http/bytes.ts";

/** VP8 key frames of 32 × 32 pixels in one colour each. */
const FRAMES = {
  red: "EAMAnQEqIAAgAD7RYqpPqCWjoigIAQAaCWUAdgAAgKCgAP7o1x/wT1LlH//xvHoh6VtFOoJBgAA=",
  blue: "EAMAnQEqIAAgAD7RYqpPqCWjoigIAQAaCWUAv+wWpxQAAP7u09//G8f67v7d9vMRhrWtZb3BMCAAAA==",
};
const SIDE_PX = 32;
const SECOND_MS = 1000;

/** The colour of a second of a film. */
export type Colour = keyof typeof FRAMES;

const ID = {
  EBML: 0x1a45dfa3,
  DOC_TYPE: 0x4282,
  SEGMENT: 0x18538067,
  SEEK_HEAD: 0x114d9b74,
  SEEK: 0x4dbb,
  SEEK_ID: 0x53ab,
  SEEK_POSITION: 0x53ac,
  INFO: 0x1549a966,
  TIMESTAMP_SCALE: 0x2ad7b1,
  DURATION: 0x4489,
  MUXING_APP: 0x4d80,
  WRITING_APP: 0x5741,
  TRACKS: 0x1654ae6b,
  TRACK_ENTRY: 0xae,
  TRACK_NUMBER: 0xd7,
  TRACK_UID: 0x73c5,
  TRACK_TYPE: 0x83,
  CODEC_ID: 0x86,
  VIDEO: 0xe0,
  PIXEL_WIDTH: 0xb0,
  PIXEL_HEIGHT: 0xba,
  CLUSTER: 0x1f43b675,
  TIMESTAMP: 0xe7,
  SIMPLE_BLOCK: 0xa3,
  VOID: 0xec,
  CUES: 0x1c53bb6b,
  CUE_POINT: 0xbb,
  CUE_TIME: 0xb3,
  CUE_TRACK_POSITIONS: 0xb7,
  CUE_TRACK: 0xf7,
  CUE_CLUSTER_POSITION: 0xf1,
} as const;

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Returns a WebM that shows `colours`, one per second. Each second takes `secondBytes`, filled up with bytes that
 * players skip. The index of the seconds is at the end of the file.
 */
export function film(colours: readonly Colour[], secondBytes: number): Bytes {
  const info = element(
    ID.INFO,
    unsigned(ID.TIMESTAMP_SCALE, 1_000_000), // nanoseconds
    element(ID.DURATION, float(colours.length * SECOND_MS)),
    text(ID.MUXING_APP, "test"),
    text(ID.WRITING_APP, "test"),
  );
  const tracks = element(
    ID.TRACKS,
    element(
      ID.TRACK_ENTRY,
      unsigned(ID.TRACK_NUMBER, 1),
      unsigned(ID.TRACK_UID, 1),
      unsigned(ID.TRACK_TYPE, 1), // video
      text(ID.CODEC_ID, "V_VP8"),
      element(ID.VIDEO, unsigned(ID.PIXEL_WIDTH, SIDE_PX), unsigned(ID.PIXEL_HEIGHT, SIDE_PX)),
    ),
  );
  const clusters = colours.map((colour, second) =>
    element(
      ID.CLUSTER,
      unsigned(ID.TIMESTAMP, second * SECOND_MS),
      // A key frame of track 1.
      element(ID.SIMPLE_BLOCK, Uint8Array.of(0x81, 0, 0, 0x80), fromBase64(FRAMES[colour])),
      element(ID.VOID, new Uint8Array(secondBytes)),
    )
  );
  const seekHeadBytes = seekHead(0, 0, 0).length;
  const infoAt = seekHeadBytes;
  const tracksAt = infoAt + info.length;
  const firstAt = tracksAt + tracks.length;
  let at = firstAt;
  const cuePoints = clusters.map(({ length }, second) => {
    const position = at;
    at += length;
    return element(
      ID.CUE_POINT,
      unsigned(ID.CUE_TIME, second * SECOND_MS),
      element(
        ID.CUE_TRACK_POSITIONS,
        unsigned(ID.CUE_TRACK, 1),
        unsigned(ID.CUE_CLUSTER_POSITION, position),
      ),
    );
  });
  const cues = element(ID.CUES, ...cuePoints);
  return concat([
    element(ID.EBML, text(ID.DOC_TYPE, "webm")),
    element(ID.SEGMENT, seekHead(infoAt, tracksAt, at), info, tracks, ...clusters, cues),
  ]);
}

function seekHead(infoAt: number, tracksAt: number, cuesAt: number): Bytes {
  const seek = (id: number, at: number) =>
    element(ID.SEEK, element(ID.SEEK_ID, idBytes(id)), unsigned(ID.SEEK_POSITION, at));
  return element(ID.SEEK_HEAD, seek(ID.INFO, infoAt), seek(ID.TRACKS, tracksAt), seek(ID.CUES, cuesAt));
}

/** Returns an element. Its size field always has eight bytes, so that its length depends only on the content. */
function element(id: number, ...content: Bytes[]): Bytes {
  const size = new DataView(new ArrayBuffer(8));
  size.setBigUint64(0, 0x0100_0000_0000_0000n | BigInt(content.reduce((sum, part) => sum + part.length, 0)));
  return concat([idBytes(id), new Uint8Array(size.buffer), ...content]);
}

function idBytes(id: number): Bytes {
  const bytes: number[] = [];
  for (let rest = id; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.from(bytes);
}

function unsigned(id: number, value: number): Bytes {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(value));
  return element(id, new Uint8Array(view.buffer));
}

function text(id: number, value: string): Bytes {
  return element(id, Uint8Array.from(new TextEncoder().encode(value)));
}

function float(value: number): Bytes {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return new Uint8Array(view.buffer);
}

function fromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
