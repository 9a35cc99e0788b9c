/**
 * A request as it would be without the fields that choose a part or another form of a file.
 * @module
 */
import { concat } from "../../server/http/bytes.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";

/** Conditions, ranges and codings. */
const CHOOSING = /^(?:if-.*|range|accept-encoding)$/i;
const COLON = encodeUtf8(": ");
const END = encodeUtf8("\r\n");
const VERSION = encodeUtf8("HTTP/1.1");

/** Returns `request` without such fields; the same object when it has none. */
export function plainRequest(request: HttpRequest): HttpRequest {
  const { buffer, fields, fieldCount, lineStart, lineEnd, protocol } = request;
  const names = [...request.headers()].map(([name]) => name);
  if (!names.some((name) => CHOOSING.test(name))) return request;
  // The head of a request of HTTP/2 is written as one of HTTP/1, with a version that the parser does not know.
  const line = protocol === "HTTP/2"
    ? [buffer.subarray(lineStart, lineEnd - VERSION.length), VERSION]
    : [buffer.subarray(lineStart, lineEnd)];
  const parts = [...line, END];
  for (let i = 0; i < fieldCount; i++) {
    if (CHOOSING.test(names[i]!)) continue;
    const [nameStart, nameEnd, valueStart, valueEnd] = fields.subarray(i * 4, i * 4 + 4);
    parts.push(buffer.subarray(nameStart, nameEnd), COLON, buffer.subarray(valueStart, valueEnd), END);
  }
  const head = concat([...parts, END]);
  const plain = new HttpRequest();
  return parseRequest(head, 0, head.length, plain) > 0 ? plain : request;
}
