/**
 * Short writes: the socket takes any number of bytes at a time, and the client gets the same bytes.
 * @module
 */
import { assertEquals } from "@std/assert";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { FileBody } from "../../server/http/file_body.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { INLINE_BODY_BYTES_MAX } from "../../server/limits.ts";
import { Readiness } from "../../server/loop/poller.ts";
import { Site } from "../support/program.ts";
import { describe, Scripted, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

const TRIGGERS = ["level", "edge"] as const;
const FILE_TEXT = "the file's bytes, which go out by sendfile";

/** Serves a separate file for each request, and counts how many are open. */
class FileServer {
  readonly #site = new Site({ "file.txt": FILE_TEXT });
  readonly #root = openDirectory(this.#site.root);
  open = 0;

  readonly handler: Handler = () => {
    const fd = openBeneathByWalking(this.#root, cString("file.txt"));
    this.open++;
    const body = new FileBody({
      fd,
      offset: 4,
      length: FILE_TEXT.length - 4,
      close: () => {
        this.open--;
        close(fd);
      },
    });
    return new HttpResponse(200, [["X", "y"]], body);
  };

  truncate(): void {
    this.#site.write("file.txt", "short");
  }

  [Symbol.dispose](): void {
    close(this.#root);
    this.#site[Symbol.dispose]();
  }
}

/** Sends `requests`, while the socket takes as many bytes as `plan` says, and returns what arrived. */
function run(
  handler: Handler,
  trigger: "level" | "edge",
  requests: string,
  plan: (scripted: Scripted) => void,
): string {
  using scripted = new Scripted(handler, trigger);
  plan(scripted);
  scripted.receive(requests);
  for (let i = 0; scripted.state === "writing"; i++) {
    if (i > 10_000) throw new Error("no progress");
    scripted.writable();
  }
  assertEquals(scripted.errors, []);
  return withoutDate(scripted.socket.text);
}

for (const trigger of TRIGGERS) {
  for (
    const [name, requests] of [
      ["one response", get("/")],
      ["three pipelined responses", get("/1") + get("/2") + get("/3")],
      ["a response that closes", get("/", "Connection: close")],
    ] as const
  ) {
    Deno.test(`${name}, cut after any byte, is the same to the client (${trigger})`, () => {
      const whole = run(describe, trigger, requests, () => {});
      const length = whole.length + 200;
      for (let cut = 1; cut < length; cut++) {
        const cutOnce = run(describe, trigger, requests, ({ socket }) => socket.sends = [cut, -EAGAIN]);
        assertEquals(cutOnce, whole, `cut after ${cut}`);
      }
    });

    Deno.test(`${name}, one byte at a time with EAGAIN between, is the same to the client (${trigger})`, () => {
      const whole = run(describe, trigger, requests, () => {});
      const sends = Array.from({ length: 4000 }, (_, i) => i % 2 === 0 ? 1 : -EAGAIN);
      assertEquals(run(describe, trigger, requests, ({ socket }) => socket.sends = sends), whole);
    });
  }

  Deno.test(`a file after its head, cut after any byte, arrives unchanged and is closed (${trigger})`, () => {
    using files = new FileServer();
    const requests = get("/") + get("/");
    const whole = run(files.handler, trigger, requests, () => {});
    const head = `HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: ${FILE_TEXT.length - 4}\r\n\r\n`;
    assertEquals(whole, (head + FILE_TEXT.slice(4)).repeat(2));
    for (let cut = 1; cut < whole.length + 100; cut++) {
      const sent = run(files.handler, trigger, requests, ({ socket }) => socket.sends = [cut, -EAGAIN]);
      assertEquals(sent, whole, `cut after ${cut}`);
      assertEquals(files.open, 0, "descriptors left open");
    }
  });

  Deno.test(`a file that shrank while it was sent ends the connection before the announced length (${trigger})`, () => {
    using files = new FileServer();
    using scripted = new Scripted(files.handler, trigger);
    scripted.socket.sends = [Infinity, 3, -EAGAIN];
    scripted.receive(get("/"));
    assertEquals(scripted.state, "writing");
    files.truncate();
    scripted.writable();
    assertEquals(scripted.state, "closed");
    assertEquals(files.open, 0);
  });

  Deno.test(`a client that leaves during a file leaves no descriptor open (${trigger})`, () => {
    using files = new FileServer();
    using scripted = new Scripted(files.handler, trigger);
    scripted.socket.sends = [Infinity, 3, -EAGAIN, -104];
    scripted.receive(get("/"));
    assertEquals(files.open, 1);
    scripted.wake(Readiness.WRITABLE | Readiness.HANGUP | Readiness.ERROR);
    assertEquals([scripted.state, files.open], ["closed", 0]);
  });

  Deno.test(`HEAD of a file sends no byte of it and closes it (${trigger})`, () => {
    using files = new FileServer();
    const text = run(files.handler, trigger, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", () => {});
    assertEquals(text.split("\r\n\r\n")[1], "");
    assertEquals(files.open, 0);
  });

  Deno.test(`a body too large for one buffer with its head follows it completely (${trigger})`, () => {
    const body = new Uint8Array(INLINE_BODY_BYTES_MAX + 1000).fill(0x61);
    const handler: Handler = () => new HttpResponse(200, [], body);
    const text = run(handler, trigger, get("/") + get("/"), ({ socket }) => socket.capacity = 100_000);
    const one = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${"a".repeat(body.length)}`;
    assertEquals(text.length, one.length * 2);
    assertEquals(text === one + one, true);
  });
}

Deno.test("the date of a half-sent response does not change", () => {
  const response = new HttpResponse(200, [], encodeUtf8("shared by all clients"));
  for (let cut = 20; cut < 60; cut++) {
    using slow = new Scripted(() => response);
    slow.socket.sends = [cut, -EAGAIN];
    slow.receive(get("/"));
    const { clock } = slow.host;
    const date = new TextDecoder().decode(clock.bytes);
    clock.update((clock.seconds + 3600) * 1000);
    response.stamp(clock); // another client is answered an hour later
    slow.writable();
    assertEquals(/Date: (.*)\r\n/.exec(slow.socket.text)?.[1], date, `cut after ${cut}`);
    clock.update(Date.now());
    response.stamp(clock);
  }
});
