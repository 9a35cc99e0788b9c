/**
 * A window of flow control. Source: RFC 9113 §5.2 and §6.9.
 * @module
 */
import { DEFAULT_WINDOW_BYTES, INT31_MAX } from "./frame.ts";

/** How many bytes one side may still send, on a stream or on the whole connection. It may be negative (§6.9.2). */
export class Window {
  bytes: number;

  constructor(bytes: number = DEFAULT_WINDOW_BYTES) {
    this.bytes = bytes;
  }

  /** Widens the window, or narrows it by a negative number. Returns false if it would be wider than 2³¹−1. */
  widen(bytes: number): boolean {
    if (this.bytes + bytes > INT31_MAX) return false;
    this.bytes += bytes;
    return true;
  }
}
