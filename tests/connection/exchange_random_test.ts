/**
 * Random requests in a row, cut anywhere, answered at any time, sent in any portions. The client gets what a server
 * would send that does one thing after the other. Some clients leave in between.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN, ECONNRESET, EINTR } from "../../ffi/libc/errno.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpError } from "../../server/http/http_error.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { Readiness } from "../../server/loop/poller.ts";
import { calm, chunked, says, Source } from "../support/exchanges.ts";
import { Random, SEED } from "../support/random.ts";
import { onBoth, Scripted } from "../support/scripted.ts";

const CASES = 300;
/**
 * The ways in which the handler works. The body of its response has the path of the request and the body that it
 * read.
 */
const WAYS = [
  "at-once",
  "later",
  "text",
  "pieces",
  "echo",
  "piped",
  "stream",
  "known",
  "unread",
  "half",
  "error",
];

/** A request, and its expected response. */
interface Planned {
  readonly input: string;
  readonly expected: readonly [status: number, body: string];
}

function plan(random: Random, i: number): Planned {
  const way = random.pick(WAYS);
  const method = random.pick(["GET", "POST", "POST", "HEAD"]);
  const path = `/${way}/${i}`;
  const pieces = Array.from(
    { length: random.below(5) },
    () => "abcdefgh".slice(random.below(8)).repeat(1 + random.below(40)),
  );
  const body = method === "POST" ? pieces.filter((piece) => piece !== "") : [];
  const whole = body.join("");
  const isChunked = random.oneIn(2);
  const framing = method !== "POST"
    ? "\r\n"
    : isChunked
    ? `Transfer-Encoding: chunked\r\n\r\n${chunked(body)}`
    : `Content-Length: ${whole.length}\r\n\r\n${whole}`;
  const read = ["text", "pieces", "piped"].includes(way) ? whole : "";
  const answer = way === "echo" ? whole : way === "error" ? null : path + read;
  const expected = answer ?? "404";
  return {
    input: `${method} ${path} HTTP/1.1\r\nHost: x\r\n${framing}`,
    expected: [answer === null ? 404 : 200, method === "HEAD" ? "" : expected],
  };
}

async function ticks(random: Random): Promise<void> {
  for (let left = random.oneIn(3) ? 0 : random.below(60); left > 0; left--) await null;
}

/** Returns a handler that answers by the first part of the path. */
function makeHandler(random: Random, sources: Source[]): Handler {
  const counted = (pieces: readonly string[]) => {
    const source = new Source(pieces);
    sources.push(source);
    return source.stream;
  };
  const later = async (respond: () => HttpResponse | Promise<HttpResponse>) => {
    await ticks(random);
    return await respond();
  };
  return (request) => {
    const { path } = request;
    switch (path.split("/")[1]) {
      case "at-once":
      case "unread":
        return says(path);
      case "later":
        return later(() => says(path));
      case "text":
        return later(async () => says(path + await request.text()));
      case "half":
        return later(async () => {
          await request.body?.getReader().read();
          return says(path);
        });
      case "pieces":
        return later(async () => {
          let text = path;
          const reader = request.body?.getReader();
          for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
            text += new TextDecoder().decode(part.value);
            await ticks(random);
          }
          return says(text);
        });
      case "echo": {
        const respond = () => new HttpResponse(200, [], request.body ?? counted([]));
        return random.oneIn(2) ? respond() : later(respond);
      }
      case "piped": {
        const transform = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
          start: (controller) => controller.enqueue(encodeUtf8(path)),
        });
        if (request.body === null) transform.writable.close().catch(() => {});
        else request.body.pipeTo(transform.writable).catch(() => {});
        return later(() => new HttpResponse(200, [], transform.readable));
      }
      case "stream":
        return new HttpResponse(200, [], counted([...path]));
      case "known":
        return later(() => new HttpResponse(200, [], { stream: counted([path, ""]), length: path.length }));
      default:
        return later(() => {
          throw new HttpError(404, "as planned");
        });
    }
  };
}

/** Returns the responses that were sent. Responses to HEAD have no body, whatever their fields say. */
function parse(text: string, planned: readonly Planned[]): (readonly [number, string])[] {
  const found: (readonly [number, string])[] = [];
  let at = 0;
  while (at < text.length) {
    const headEnd = text.indexOf("\r\n\r\n", at) + 4;
    assert(headEnd > 3, `no head: ${text.slice(at)}`);
    const head = text.slice(at, headEnd);
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]);
    at = headEnd;
    let body = "";
    const length = /\r\nContent-Length: (\d+)/.exec(head)?.[1];
    if (planned[found.length]?.input.startsWith("HEAD")) {
      // nothing follows
    } else if (length !== undefined) {
      body = text.slice(at, at + Number(length));
      at += Number(length);
    } else {
      assert(head.includes("chunked"), head);
      for (let size = -1; size !== 0;) {
        const lineEnd = text.indexOf("\r\n", at);
        size = parseInt(text.slice(at, lineEnd), 16);
        assert(size >= 0, `no chunk: ${text.slice(at)}`);
        body += text.slice(lineEnd + 2, lineEnd + 2 + size);
        at = lineEnd + 4 + size;
      }
    }
    found.push([status, status === 404 ? (body === "" ? "" : "404") : body]);
  }
  return found;
}

/** Feeds the connection until `isOver` returns true. */
async function drive(
  scripted: Scripted,
  random: Random,
  input: string,
  isOver: () => boolean,
): Promise<void> {
  let at = 0;
  for (let steps = 0; !isOver(); steps++) {
    assert(steps < 20_000, `no progress: ${scripted.state}, ${at} of ${input.length} bytes`);
    scripted.socket.sends = Array.from(
      { length: random.below(4) },
      () => random.pick([1, 2, 30, -EAGAIN, -EAGAIN, -EINTR, 1000]),
    );
    scripted.socket.capacity = random.pick([0, 7, Infinity]);
    if (at < input.length && random.oneIn(2)) {
      const end = at + 1 + random.below(random.pick([3, 40, 400]));
      scripted.receive(input.slice(at, end));
      at = end;
    } else if (random.oneIn(2)) {
      scripted.wake(Readiness.READABLE | Readiness.WRITABLE);
    } else if (random.oneIn(3)) {
      await calm(scripted);
    } else {
      await ticks(random);
    }
  }
}

/** Runs `test` `CASES` times. A failure is reported with its seed. */
async function repeatedly(test: (random: Random) => Promise<void>): Promise<void> {
  const random = new Random();
  for (let i = 0; i < CASES; i++) {
    try {
      await test(random);
    } catch (error) {
      throw new Error(`EPOLLET_SEED=${SEED}, case ${i}: ${error instanceof Error ? error.stack : error}`);
    }
  }
}

onBoth(
  "random requests, however they are cut, answered and sent, are answered in order and completely",
  async (trigger) => {
    await repeatedly(async (random) => {
      const planned = Array.from({ length: 1 + random.below(6) }, (_, i) => plan(random, i));
      const sources: Source[] = [];
      using scripted = new Scripted(makeHandler(random, sources), trigger);
      const expected = planned.map((one) => one.expected);
      const whole = planned.map((one) => one.input).join("");
      let isOver = false;
      let seen = 0;
      await drive(scripted, random, whole, () => {
        const { sent, text } = scripted.socket;
        if (sent.length > 0 && sent.length === seen && scripted.state === "reading") {
          isOver = (text.match(/HTTP\/1\.1 \d/g)?.length ?? 0) >= planned.length;
        }
        seen = sent.length;
        return isOver;
      });
      scripted.socket.sends = [];
      scripted.socket.capacity = Infinity;
      await calm(scripted);
      assertEquals(parse(scripted.socket.text, planned), expected, whole);
      assertEquals([scripted.state, scripted.errors], ["reading", []]);
      for (const { cancels, pulls } of sources) {
        assert(pulls === 0 ? cancels.length === 1 : cancels.length === 0);
      }
    });
  },
);

onBoth(
  "a client that leaves at any time leaves nothing behind: no error, no stream, no body",
  async (trigger) => {
    await repeatedly(async (random) => {
      const planned = Array.from({ length: 1 + random.below(4) }, (_, i) => plan(random, i));
      const sources: Source[] = [];
      const signals: AbortSignal[] = [];
      const handler = makeHandler(random, sources);
      let begun = 0;
      let ended = 0;
      using scripted = new Scripted((request, context) => {
        begun++;
        if (random.oneIn(2)) signals.push(context.signal);
        const response = handler(request, context);
        if (response instanceof HttpResponse) ended++;
        else response.then(() => ended++, () => ended++);
        return response;
      }, trigger);
      const whole = planned.map((one) => one.input).join("");
      let steps = random.below(30);
      await drive(scripted, random, whole.slice(0, random.below(whole.length) + 1), () => steps-- === 0);
      scripted.socket.incoming.push(-ECONNRESET);
      for (let i = 0; i < 20 && scripted.state !== "closed"; i++) {
        scripted.socket.sends = Array(100).fill(-ECONNRESET);
        scripted.wake(Readiness.READABLE | Readiness.WRITABLE | (random.oneIn(2) ? Readiness.HANGUP : 0));
        await ticks(random);
      }
      for (let i = 0; i < 20; i++) await ticks(random);
      await calm(scripted);
      assertEquals([scripted.state, scripted.errors, begun], ["closed", [], ended]);
      for (const { cancels, pulls } of sources) {
        assert(cancels.length <= 1 && (pulls > 0 || cancels.length === 1));
      }
    });
  },
);
