/**
 * What a site keeps for one request: never seen by another one, and nothing allocated for an answer from memory.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { loadLibc } from "../../ffi/libc/libc.ts";
import { staticHandler } from "../../handlers/static.ts";
import { contextOutside, type HandlerContext } from "../../server/connection/handler.ts";
import { HttpClock } from "../../server/http/date.ts";
import { HttpRequest } from "../../server/http/request.ts";
import type { HttpResponse } from "../../server/http/response.ts";
import { nextTurn } from "../../server/loop/turns.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { Site } from "../support/site.ts";
import { get } from "../support/wire.ts";

loadLibc(); // before the tests: Deno takes a library that is loaded in a test for a leak

function context(): HandlerContext {
  const clock = new HttpClock();
  clock.update(Date.now());
  return contextOutside(clock, nextTurn(), new AbortController().signal);
}

function parsed(text: string): HttpRequest {
  const bytes = new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
  const request = new HttpRequest();
  assert(parseRequest(bytes, 0, bytes.length, request) > 0);
  return request;
}

function textOf(response: HttpResponse): string {
  const { bytes, headLength } = response;
  return `${new TextDecoder().decode(bytes.subarray(9, 12))} ${
    new TextDecoder().decode(bytes.subarray(headLength))
  }`;
}

Deno.test("requests that wait for a password get their own answers, whatever is answered meanwhile", async () => {
  using site = new Site({ "in/a.txt": "a", "in/b.txt": "b", "c.txt": "c", "401.html": "no" });
  const auth = [{ source: "/in/**", realm: "r", users: { ann: hashOf("right") } }];
  const handler = staticHandler({ root: site.root, auth, errorPages: { 401: "/401.html" } });
  const at = context();
  try {
    for (let round = 0; round < 3; round++) {
      const asked = [
        get("/in/a.txt", basic("ann", "right")),
        get("/c.txt"),
        get("/in/b.txt", basic("ann", `wrong ${round}`)),
        get("/missing"),
        get("/in/b.txt", basic("ann", "right")),
        get("/c.txt"),
      ];
      const answers = await Promise.all(asked.map((text) => handler(parsed(text), at)));
      const texts = answers.map(textOf);
      assertEquals(texts[3]!.slice(0, 4), "404 ");
      texts.splice(3, 1);
      assertEquals(texts, ["200 a", "200 c", "401 no", "200 b", "200 c"]);
    }
  } finally {
    handler.close();
  }
});

Deno.test("an answer from memory to an unknown head allocates nothing", () => {
  using site = new Site({ "a.txt": "a" });
  const past = new Date(Date.now() - 60_000);
  Deno.utimeSync(site.path("a.txt"), past, past);
  const handler = staticHandler({ root: site.root, validate: "off" });
  const at = context();
  const request = parsed(get("/a.txt"));
  try {
    const usedBytes = () => Deno.memoryUsage().heapUsed;
    const requests = 20_000;
    let least = Infinity; // a garbage collection, or code that is compiled, disturbs some rounds
    for (let round = 0; round < 40; round++) {
      const before = usedBytes();
      for (let i = 0; i < requests; i++) handler(request, at);
      const bytes = usedBytes() - before;
      if (bytes >= 0) least = Math.min(least, bytes / requests);
    }
    assert(least < 8, `${least} bytes for each request`);
  } finally {
    handler.close();
  }
});
