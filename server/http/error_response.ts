/**
 * Responses that say in a few words what happened.
 * @module
 */
import { encodeUtf8 } from "./characters.ts";
import { type Fields, HttpResponse } from "./response.ts";
import { reasonPhrase } from "./status.ts";

/** A response whose body says what happened, in English and, where people meet it, in Chinese. */
export function errorResponse(status: number, fields: Fields = [], closes = false): HttpResponse {
  return new HttpResponse(status, [...ERROR_FIELDS, ...fields], errorBody(status), closes);
}

/** The answer to who asks more often than it may, and the seconds after which it may ask again. RFC 6585 §4. */
export function tooManyRequests(waitSeconds: number): HttpResponse {
  return errorResponse(429, [["Retry-After", String(waitSeconds)]]);
}

/** The fields of a body that {@linkcode errorBody} makes. */
export const ERROR_FIELDS: Fields = [
  ["Content-Type", "text/plain; charset=utf-8"],
  ["X-Content-Type-Options", "nosniff"],
];

/** What happened, in words: text in UTF-8. */
export function errorBody(status: number): Uint8Array<ArrayBuffer> {
  return encodeUtf8(`${status} ${reasonPhrase(status)}\n${EXPLANATIONS.get(status) ?? ""}`);
}

const EXPLANATIONS: ReadonlyMap<number, string> = new Map([
  [400, "The request is malformed.\n"],
  [401, "A name and a password are asked for. 需要用户名和密码\n"],
  [403, "This file may not be read. 没有权限\n"],
  [404, "The file was not found. 文件未找到，请输入正确的url\n"],
  [405, "This server answers GET, HEAD and OPTIONS.\n"],
  [406, "None of the file's forms is one that the request accepts.\n"],
  [408, "The request did not arrive in time.\n"],
  [412, "The file is not in the state that the request asks for.\n"],
  [413, "The request's body is too large.\n"],
  [414, "The request's target is too long.\n"],
  [416, "The file has no such range.\n"],
  [417, "The only expectation that is known is 100-continue.\n"],
  [429, "Too many requests. Try again later.\n"],
  [431, "The request's fields are too large or too many.\n"],
  [500, "The server failed to answer. It is not your fault.\n"],
  [501, "The method or transfer coding is not implemented.\n"],
  [503, "Try again later.\n"],
  [505, "This server speaks HTTP/1.1 and HTTP/1.0.\n"],
]);
