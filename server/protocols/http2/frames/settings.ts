/**
 * SETTINGS of HTTP/2. Source: RFC 9113 §6.5, RFC 9218 §2.1.
 * @module
 */
import { STREAM_WINDOW_BYTES } from "../../../http2_limits.ts";
import type { ServerLimits } from "../../../server_limits.ts";
import { ErrorCode } from "./errors.ts";
import {
  DEFAULT_WINDOW_BYTES,
  FRAME_BYTES_MAX,
  INT31_MAX,
  readUint32,
  Setting,
  writeUint32,
} from "./frame.ts";
import { DEFAULT_TABLE_BYTES } from "../hpack/dynamic_table.ts";

/** The length of one setting. */
export const SETTING_BYTES = 6;
/** The largest frame that a side may allow (§6.5.2). */
const FRAME_BYTES_LIMIT = 0xff_ffff;

/** What the client has set. */
export class PeerSettings {
  /** The window that its streams begin with. */
  initialWindowBytes: number = DEFAULT_WINDOW_BYTES;
  /** The largest payload that it accepts. */
  frameBytesMax: number = FRAME_BYTES_MAX;
  /** The size of its decoder's table. Smaller ones have to be acknowledged in the next block (RFC 7541 §4.2). */
  tableBytesMax: number = DEFAULT_TABLE_BYTES;
  /** True once it has set a smaller table than before. */
  hasShrunkTable = false;

  /**
   * Takes the settings in `bytes[start, end)`, a multiple of {@linkcode SETTING_BYTES}, in their order (§6.5.3). A new
   * initial window also changes the windows of all `streams` (§6.9.2): once, however often the frame has it. Returns the
   * code of the first error: a window too large comes before what is wrong behind it.
   */
  take(
    bytes: Uint8Array,
    start: number,
    end: number,
    streams: { widenAll(bytes: number, mostBytes: number): boolean },
  ): ErrorCode {
    let windowBytes = this.initialWindowBytes;
    let windowBytesMost = windowBytes;
    let error: ErrorCode = ErrorCode.NO_ERROR;
    for (let at = start; at < end && error === ErrorCode.NO_ERROR; at += SETTING_BYTES) {
      const value = readUint32(bytes, at + 2);
      switch ((bytes[at]! << 8) | bytes[at + 1]!) {
        case Setting.HEADER_TABLE_SIZE:
          this.hasShrunkTable ||= value < this.tableBytesMax;
          this.tableBytesMax = value;
          break;
        case Setting.ENABLE_PUSH:
        case Setting.NO_RFC7540_PRIORITIES:
          if (value > 1) error = ErrorCode.PROTOCOL_ERROR;
          break;
        case Setting.INITIAL_WINDOW_SIZE:
          if (value > INT31_MAX) return ErrorCode.FLOW_CONTROL_ERROR; // the same, whichever of the two is first
          windowBytes = value;
          windowBytesMost = Math.max(windowBytesMost, value);
          break;
        case Setting.MAX_FRAME_SIZE:
          if (value < FRAME_BYTES_MAX || value > FRAME_BYTES_LIMIT) error = ErrorCode.PROTOCOL_ERROR;
          this.frameBytesMax = value;
          break;
      }
    }
    const before = this.initialWindowBytes;
    this.initialWindowBytes = windowBytes;
    const isChanged = windowBytesMost > before || windowBytes < before;
    return !isChanged || streams.widenAll(windowBytes - before, windowBytesMost - before)
      ? error
      : ErrorCode.FLOW_CONTROL_ERROR;
  }
}

/** Returns the payload of a SETTINGS frame. */
export function settingsPayload(
  settings: readonly (readonly [id: number, value: number])[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(settings.length * SETTING_BYTES);
  settings.forEach(([id, value], i) => {
    bytes[i * SETTING_BYTES] = id >>> 8;
    bytes[i * SETTING_BYTES + 1] = id;
    writeUint32(bytes, i * SETTING_BYTES + 2, value);
  });
  return bytes;
}

const ownSettings = new WeakMap<ServerLimits, Uint8Array<ArrayBuffer>>();

/** Returns the settings of this side. */
export function settingsFor(limits: ServerLimits): Uint8Array<ArrayBuffer> {
  let payload = ownSettings.get(limits);
  if (payload === undefined) {
    payload = settingsPayload([
      [Setting.MAX_CONCURRENT_STREAMS, limits.streamsMax],
      [Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES],
      [Setting.MAX_HEADER_LIST_SIZE, limits.headBytesMax],
      [Setting.NO_RFC7540_PRIORITIES, 1],
    ]);
    ownSettings.set(limits, payload);
  }
  return payload;
}
