/**
 * A request as it would be without the fields that choose a part or another form of a file.
 * @module
 */
import { concat } from "../../server/http/bytes.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";

/** Conditions, ranges and codings. */
const CHOOSING = /^(?:if-.*|range|accept-encoding)$/i;
const END = new TextEncoder().encode("\r\n");

/** Returns `request` without such fields; the same object when it has none. */
export function plainRequest(request: HttpRequest): HttpRequest {
  const { buffer, fields, fieldCount, lineStart, lineEnd } = request;
  const names = [...request.headers()].map(([name]) => name);
  if (!names.some((name) => CHOOSING.test(name))) return request;
  const lines = [buffer.subarray(lineStart, lineEnd), END];
  for (let i = 0; i < fieldCount; i++) {
    if (CHOOSING.test(names[i]!)) continue;
    lines.push(buffer.subarray(fields[i * 4]!, fields[i * 4 + 1]!), COLON);
    lines.push(buffer.subarray(fields[i * 4 + 2]!, fields[i * 4 + 3]!), END);
  }
  const head = concat([...lines, END]);
  const plain = new HttpRequest();
  return parseRequest(head, 0, head.length, plain) > 0 ? plain : request;
}

const COLON = new TextEncoder().encode(": ");
