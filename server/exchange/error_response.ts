/**
 * Responses that describe an error in a few words.
 * @module
 */
import { encodeUtf8 } from "../http/characters.ts";
import type { Language } from "../http/fields/negotiation.ts";
import { type Fields, HttpResponse } from "../http/response.ts";
import { reasonPhrase } from "../http/status.ts";

/** Returns a response whose body describes the status, in English and, for statuses that users meet, in Chinese. */
export function errorResponse(status: number, fields: Fields = [], closes = false): HttpResponse {
  return new HttpResponse(status, [...ERROR_FIELDS, ...fields], errorBody(status), closes);
}

const SHARED = new Map<number, HttpResponse>();

/** Returns {@linkcode errorResponse} without fields, the same one each time: a flood of wrong requests makes no garbage. */
export function sharedErrorResponse(status: number): HttpResponse {
  let response = SHARED.get(status);
  if (response === undefined) SHARED.set(status, response = errorResponse(status));
  return response;
}

/** Returns the response for a client over its request rate, with the seconds to wait (RFC 6585 §4). */
export function tooManyRequests(waitSeconds: number): HttpResponse {
  return errorResponse(429, [["Retry-After", String(waitSeconds)]]);
}

/** The fields for a body of {@linkcode errorBody}. */
export const ERROR_FIELDS: Fields = [
  ["Content-Type", "text/plain; charset=utf-8"],
  ["X-Content-Type-Options", "nosniff"],
];

/**
 * Returns a description of `status` as text in UTF-8. `language` is null if the reader's language is not known; the
 * text is then in both.
 */
export function errorBody(status: number, language: Language | null = null): Uint8Array<ArrayBuffer> {
  const english = EXPLANATIONS.get(status);
  const chinese = CHINESE.get(status);
  const words = language === "en" ? [english] : language === "zh" ? [chinese ?? english] : [english, chinese];
  const text = words.filter((one) => one !== undefined).join(" ");
  return encodeUtf8(`${status} ${reasonPhrase(status)}\n${text}${text === "" ? "" : "\n"}`);
}

/** Returns true if {@linkcode errorBody} has a text for `status` in several languages. */
export function variesByLanguage(status: number): boolean {
  return CHINESE.has(status);
}

/** Texts for statuses that users meet in a browser. */
const CHINESE: ReadonlyMap<number, string> = new Map([
  [401, "需要用户名和密码"],
  [403, "没有权限"],
  [404, "文件未找到，请输入正确的url"],
]);

const EXPLANATIONS: ReadonlyMap<number, string> = new Map([
  [400, "The request is malformed."],
  [401, "A name and a password are asked for."],
  [403, "This file may not be read."],
  [404, "The file was not found."],
  [405, "This server answers GET, HEAD and OPTIONS."],
  [406, "None of the file's forms is one that the request accepts."],
  [408, "The request did not arrive in time."],
  [412, "The file is not in the state that the request asks for."],
  [413, "The request's body is too large."],
  [414, "The request's target is too long."],
  [416, "The file has no such range."],
  [417, "The only expectation that is known is 100-continue."],
  [429, "Too many requests. Try again later."],
  [431, "The request's fields are too large or too many."],
  [500, "The server failed to answer. It is not your fault."],
  [501, "The method or transfer coding is not implemented."],
  [503, "Try again later."],
  [505, "This server speaks HTTP/1.1 and HTTP/1.0."],
]);
