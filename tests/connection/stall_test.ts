/**
 * A process that gets no processor for longer than a timeout, as in a container with a small share: what has become
 * ready meanwhile comes before what has become late.
 * @module
 */
import { assertEquals } from "@std/assert";
import { HttpResponse } from "../../server/http/response.ts";
import { ABANDONED_TIMEOUT_MS } from "../../server/limits.ts";
import { serving } from "../support/in_process.ts";
import { sleep } from "../support/sleep.ts";
import { USABLE_POLLERS } from "../support/uring.ts";
import { Wire } from "../support/wire.ts";

const encoder = new TextEncoder();

/** Stops this thread, with its loop, as a process without a processor stands still. */
function stall(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

for (const poller of USABLE_POLLERS) {
  Deno.test(`what promises have ready after a stall comes before what is late (${poller})`, async () => {
    await using server = serving(() => {
      const body = new ReadableStream({
        async start(controller) {
          controller.enqueue(encoder.encode("early"));
          await sleep(100); // it is on its way
          setTimeout(() => stall(ABANDONED_TIMEOUT_MS + 300), 50);
          await sleep(ABANDONED_TIMEOUT_MS / 2);
          await sleep(1);
          controller.enqueue(encoder.encode("late"));
          controller.close();
        },
      });
      return new HttpResponse(200, [], body);
    }, { poller });
    using wire = await Wire.connect(server.port);
    await wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await wire.connection.closeWrite();
    const answer = new TextDecoder().decode(await wire.readToEnd());
    assertEquals(answer.split("\r\n\r\n")[1], "5\r\nearly\r\n4\r\nlate\r\n0", answer);
    assertEquals(server.errors, []);
  });
}
