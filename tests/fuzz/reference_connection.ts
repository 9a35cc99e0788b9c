/**
 * Computes the expected responses of a connection from the bytes that a client sends: which requests they contain,
 * and in which order responses come. The response to each request comes from the caller.
 * @module
 */
import { BODY_BYTES_MAX, KEEP_ALIVE_TIMEOUT_MS } from "../../server/limits.ts";
import type { Parsed } from "../support/request_replay.ts";
import { referenceChunks } from "./reference_body.ts";
import { referenceParse } from "./reference_parser.ts";

/** A request, as the reference parses it. */
export type Request = Omit<Parsed, "rest">;

/** The response to a request. */
export interface Answer {
  readonly status: number;
  /** The fields, names in lower case; null for a field that must be absent. */
  readonly fields: Readonly<Record<string, string | null>>;
  /** A character for each byte; null for a line of text that begins with the status. */
  readonly body: string | null;
  /** For several parts: the ranges, and the text that they are ranges of. */
  readonly parts?: { readonly ranges: readonly (readonly [number, number])[]; readonly content: string };
  /** True when the length is unknown in advance: the body comes in chunks, or ends with the connection. */
  readonly isStream?: boolean;
}

/** One expected response. */
export interface Expected extends Answer {
  readonly isHead: boolean;
  /** True when 100 (Continue) may come before it. */
  readonly mayContinue: boolean;
  /**
   * True when the client ended within a line: whether the server notices the mistake depends on how the bytes were
   * cut.
   */
  readonly isOptional: boolean;
  /**
   * True when the response, and whether more follow, depends on how the bytes were cut. Only the largest number of
   * responses is checked then.
   */
  readonly isLoose: boolean;
}

/** All expected responses of a connection. */
export interface Conversation {
  readonly answers: readonly Expected[];
  /**
   * "open" until the client ends; "closed" as the request asks; "refused" when the following bytes cannot be
   * understood.
   */
  readonly end: "open" | "closed" | "refused";
  /** True when 100 (Continue) may come after the last response, for an incomplete request. */
  readonly mayContinue: boolean;
  /** The number of bytes up to the end of the last request. */
  readonly length: number;
}

/**
 * Reads `text`, a character for each byte, to its end. Bodies are "ignored" when they are read before a request is
 * answered, and "served" when the handler gets them as they come: the response to a broken body depends on when it
 * broke.
 */
export function expectConversation(
  text: string,
  answerTo: (request: Request, body: string) => Answer,
  bodies: "ignored" | "served",
): Conversation {
  const answers: Expected[] = [];
  let at = 0;
  let isLoose = false;
  const add = (answer: Answer, isHead: boolean, mayContinue: boolean, isOptional = false) =>
    answers.push({ ...answer, isHead, mayContinue, isOptional, isLoose });
  while (true) {
    at += /^(?:\r\n)*/.exec(text.slice(at))![0].length;
    const rest = text.slice(at);
    const outcome = referenceParse(rest);
    const isHead = outcome.method === "HEAD";
    const refuse = (status: number, mayContinue: boolean, isOptional: boolean): Conversation => {
      add({ status: -status, fields: { connection: "close" }, body: null }, isHead, mayContinue, isOptional);
      return { answers, end: "refused", mayContinue: false, length: at };
    };
    if (outcome.taken === 0) return { answers, end: "open", mayContinue: false, length: at };
    if (outcome.taken < 0) return refuse(outcome.taken, false, !rest.includes("\n", outcome.at));
    const request = outcome.request!;
    const mayContinue = request.expectsContinue;
    at += outcome.taken;
    if (request.contentLength > BODY_BYTES_MAX) return refuse(-413, mayContinue, false);
    const { taken, data } = bodyOf(text.slice(at), request);
    const isServed = bodies === "served" && request.hasBody;
    isLoose ||= isServed && (taken < 0 || taken > text.length - at || mayContinue);
    if (taken < 0) return refuse(taken, mayContinue, false);
    if (taken > text.length - at) {
      if (isServed) add({ status: 0, fields: {}, body: null }, isHead, mayContinue);
      return { answers, end: "open", mayContinue, length: at };
    }
    at += taken;
    const answer = answerTo(request, data);
    const isClosed = !request.keepAlive || (answer.isStream === true && request.minorVersion === 0);
    const future = isClosed
      ? { connection: "close", "keep-alive": null }
      : { connection: "keep-alive", "keep-alive": `timeout=${KEEP_ALIVE_TIMEOUT_MS / 1000}` };
    add({ ...answer, fields: { ...answer.fields, ...future } }, isHead, mayContinue);
    if (isClosed) return { answers, end: "closed", mayContinue: false, length: at };
  }
}

/** Returns the length of the body, a negated status, or more than the available bytes for an incomplete body. */
function bodyOf(text: string, { chunked, contentLength }: Request): { taken: number; data: string } {
  if (!chunked) {
    const taken = Math.max(contentLength, 0);
    return { taken, data: text.slice(0, taken) };
  }
  const { taken, data } = referenceChunks(text, BODY_BYTES_MAX);
  return { taken: taken === 0 ? Infinity : taken, data };
}
