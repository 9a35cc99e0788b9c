/**
 * What a server has to say on one connection, computed from the bytes that a client sends: which requests are in them,
 * and what has to come for each. What the answer to a request is, somebody else says.
 * @module
 */
import { BODY_BYTES_MAX, KEEP_ALIVE_TIMEOUT_MS } from "../../server/limits.ts";
import type { Parsed } from "../support/request_replay.ts";
import { referenceChunks } from "./reference_body.ts";
import { referenceParse } from "./reference_parser.ts";

/** A request, as the reference reads it. */
export type Request = Omit<Parsed, "rest">;

/** What the answer to a request is. */
export interface Answer {
  readonly status: number;
  /** Fields, names in lower case; null: there must be none of that name. */
  readonly fields: Readonly<Record<string, string | null>>;
  /** A character a byte; null: a line of text that begins with the status. */
  readonly body: string | null;
  /** Several parts: the ranges, and of which text. */
  readonly parts?: { readonly ranges: readonly (readonly [number, number])[]; readonly content: string };
  /** Its length is not known before its end: it comes in chunks, or ends with the connection. */
  readonly isStream?: boolean;
}

/** One answer that has to come. */
export interface Expected extends Answer {
  readonly isHead: boolean;
  /** 100 (Continue) may come before it. */
  readonly mayContinue: boolean;
  /** The client ended before a line did: whether the server noticed the mistake depends on how the bytes were cut. */
  readonly isOptional: boolean;
  /** What it is, and whether more come, depends on how the bytes were cut: nothing is said of it but how many may come. */
  readonly isLoose: boolean;
}

/** Everything that has to come. */
export interface Conversation {
  readonly answers: readonly Expected[];
  /** "open": until the client ends; "closed" as it was asked for; "refused": what follows cannot be read. */
  readonly end: "open" | "closed" | "refused";
  /** 100 (Continue) may come behind the last answer, for a request that is never whole. */
  readonly mayContinue: boolean;
  /** How many bytes were read, up to the end of the last request. */
  readonly length: number;
}

/**
 * Reads `text`, a character a byte, to its end. Bodies are "ignored" where they are read before a request is answered,
 * and "served" where who answers gets them as they come: what is said of one that is broken depends on when it broke.
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

/** How many bytes the body has, a negated status, or more than there are where it is not whole. */
function bodyOf(text: string, { chunked, contentLength }: Request): { taken: number; data: string } {
  if (!chunked) {
    const taken = Math.max(contentLength, 0);
    return { taken, data: text.slice(0, taken) };
  }
  const { taken, data } = referenceChunks(text, BODY_BYTES_MAX);
  return { taken: taken === 0 ? Infinity : taken, data };
}
