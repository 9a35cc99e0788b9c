/**
 * Fuzzes whole connections to handlers that read the body, read it late or not at all, throw, or answer with a stream
 * of the body itself. Requests are cut at random, and some are mutated.
 *
 * When a body is broken, or its client waits for 100 (Continue), the response depends on how far the handler was.
 * From there on only framing and the number of responses are checked.
 * @module
 */
import { DENO, Program, REPOSITORY } from "../support/program.ts";
import { Random } from "../support/random.ts";
import { randomChunks } from "./bodies.ts";
import { ConnectionTarget, type Subject } from "./connection_target.ts";
import { mutate } from "./mutations.ts";
import { joined } from "./reference_conditions.ts";
import { type Answer, expectConversation, type Request } from "./reference_connection.ts";
import { TRAFFIC } from "./traffic.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

const PATHS = ["/echo", "/echo", "/late", "/now", "/unread", "/refused", "/stream", "/stream", "/missing"];

/** Returns the response of `handlers_program.ts` to a request. */
function answerTo({ path, query, fields }: Request, data: string): Answer {
  switch (path) {
    case "/echo":
    case "/late":
      return {
        status: 200,
        fields: {},
        body: `${path.slice(1)}${query}${joined(fields, "x-id") ?? ""}:${data}`,
      };
    case "/now":
    case "/unread":
      return { status: 200, fields: {}, body: `${path.slice(1)}:` };
    case "/refused":
      return { status: 409, fields: {}, body: null };
    case "/stream":
      return { status: 200, fields: {}, body: data, isStream: true };
  }
  return { status: 404, fields: {}, body: null };
}

/** Returns a random request, most of them with a body. */
function randomRequest(random: Random): string {
  const path = random.pick(PATHS);
  const lines = random.oneIn(3)
    ? `X-Id: ${random.below(1e9)}\r\n`
    : random.oneIn(12)
    ? "Connection: keep-alive\r\n"
    : random.oneIn(25)
    ? "Expect: 100-continue\r\n"
    : "";
  const version = random.oneIn(12) ? 0 : 1;
  const query = random.oneIn(2) ? `?${random.below(1e9)}` : "";
  const line = (method: string) => `${method} ${path}${query} HTTP/1.${version}\r\nHost: a\r\n${lines}`;
  if (random.oneIn(4)) return `${line(random.oneIn(4) ? "HEAD" : "GET")}\r\n`;
  if (version === 1 && random.oneIn(2)) {
    const body = random.oneIn(12) ? mutate(randomChunks(random), random) : randomChunks(random);
    return `${line("POST")}Transfer-Encoding: chunked\r\n\r\n${body}`;
  }
  const body = "0123456789".repeat(random.oneIn(50) ? 10_000 : random.below(20));
  return `${line(random.oneIn(4) ? "HEAD" : "PUT")}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function makeStream(random: Random): string {
  let text = "";
  for (let i = 1 + random.below(8); i > 0; i--) {
    text += random.oneIn(12) ? mutate(random.pick(TRAFFIC), random, TRAFFIC) : randomRequest(random);
  }
  return random.oneIn(6) ? text.slice(0, random.below(text.length)) : text;
}

async function start(seed: number): Promise<Subject> {
  const poller = new Random(seed).pick(USABLE_POLLERS);
  const script = `${REPOSITORY}tests/fuzz/handlers_program.ts`;
  const program = await Program.startCommand([...DENO, "run", "--no-prompt", "--allow-ffi", script, poller]);
  return {
    program,
    makeStream,
    expect: (text) => expectConversation(text, answerTo, "served"),
    close: () => {},
  };
}

export const handlers = new ConnectionTarget("handlers", start);
