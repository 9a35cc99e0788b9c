/**
 * The parts of a request that a log line shows, as offsets into the bytes of its head.
 * @module
 */
import { basicCredentials } from "../http/fields/credentials.ts";
import { encodeUtf8 } from "../http/characters.ts";
import { type HttpRequest, isName } from "../http/request.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NOTHING: Bytes = encodeUtf8("");
const SP = 0x20;
/** The length of ` HTTP/1.1` at the end of a request line. */
export const VERSION_BYTES = 9;
const VERSION = encodeUtf8(" HTTP/");

/**
 * The parts of a request that a log line shows. Each value is `bytes[…Start, …End)`, empty if there is none. One object
 * serves all requests.
 */
export class LoggedHead {
  bytes: Uint8Array = NOTHING;
  /** The user name of Basic credentials, whether or not they are correct. */
  user: Bytes = NOTHING;
  /** The request line, or the invalid bytes in its place. */
  lineStart = 0;
  lineEnd = 0;
  hostStart = 0;
  hostEnd = 0;
  refererStart = 0;
  refererEnd = 0;
  agentStart = 0;
  agentEnd = 0;

  /** Finds the parts of `request`. Of an invalid request only the first line is known, or a part of it. */
  read(request: HttpRequest): void {
    const { buffer, fields, fieldCount, lineStart, lineEnd } = request;
    this.bytes = buffer;
    this.user = NOTHING;
    this.lineStart = lineStart;
    this.lineEnd = Math.max(lineEnd, lineStart);
    this.hostStart =
      this.hostEnd =
      this.refererStart =
      this.refererEnd =
      this.agentStart =
      this.agentEnd =
        0;
    for (let i = fieldCount * 4 - 4; i >= 0; i -= 4) { // the first of several fields counts
      const at = fields[i]!;
      switch (fields[i + 1]! - at) {
        case 4:
          if (!isName(buffer, at, "host")) break;
          this.hostStart = fields[i + 2]!;
          this.hostEnd = fields[i + 3]!;
          break;
        case 7:
          if (!isName(buffer, at, "referer")) break;
          this.refererStart = fields[i + 2]!;
          this.refererEnd = fields[i + 3]!;
          break;
        case 10:
          if (!isName(buffer, at, "user-agent")) break;
          this.agentStart = fields[i + 2]!;
          this.agentEnd = fields[i + 3]!;
          break;
        case 13:
          if (isName(buffer, at, "authorization")) this.user = userOf(request);
      }
    }
  }
}

/** Returns the offset of the end of the method in a request line, or its start if the line is not valid. */
export function methodEndOf({ bytes, lineStart, lineEnd }: LoggedHead): number {
  const version = lineEnd - VERSION_BYTES;
  for (let i = 0; i < VERSION.length; i++) {
    if (bytes[version + i] !== VERSION[i]) return lineStart;
  }
  for (let i = lineStart; i < version; i++) {
    if (bytes[i] === SP) return i;
  }
  return lineStart;
}

function userOf(request: HttpRequest): Bytes {
  const credentials = basicCredentials(request.header("authorization"));
  return credentials === null ? NOTHING : encodeUtf8(credentials.user);
}
