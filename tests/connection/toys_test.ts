/**
 * A transport and a protocol that are not the server's own, over real sockets on every poller: what TLS, HTTP/2 and
 * WebSocket need is there.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Handler } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { socketTransport } from "../../server/transport/socket.ts";
import { lineEcho } from "../support/line_echo.ts";
import { rot13States, rot13Transport } from "../support/rot13_transport.ts";
import { sleep } from "../support/sleep.ts";
import { TransportClient, withTransport } from "../support/transport_server.ts";
import { get, head } from "../support/wire.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

const LARGE = "The quick brown fox jumps over the lazy dog.\n".repeat(40_000) + "The end.";
const END = LARGE.slice(-100_000);
const UPGRADE = get("/line-echo", "Connection: Upgrade", "Upgrade: other, Line-Echo");

const handler: Handler = (request) => {
  if (request.path === "/line-echo") return lineEcho();
  if (request.path === "/large") return HttpResponse.text(LARGE);
  if (request.path === "/later") return sleep(5).then(() => HttpResponse.text("later"));
  if (request.path === "/stream") {
    const pieces = Array.from({ length: 20 }, (_, i) => encodeUtf8(END.slice(i * 5000, (i + 1) * 5000)));
    return new HttpResponse(200, [], { stream: ReadableStream.from(pieces), length: 100_000 });
  }
  if (request.path === "/body") return request.text().then((text) => HttpResponse.text(text));
  return HttpResponse.text(`hello ${request.path}`);
};

/** The body of a response with Content-Length that was received as a whole. */
function bodyOf(text: string): string {
  return text.slice(text.indexOf("\r\n\r\n") + 4);
}

for (const poller of USABLE_POLLERS) {
  Deno.test(`HTTP works on a transport with records of its own (${poller})`, async () => {
    const errors = await withTransport(rot13Transport, handler, poller, async (port) => {
      using client = await TransportClient.connect(port, rot13Transport);
      await client.send(get("/a"));
      assertEquals(bodyOf(await client.receive("hello /a")), "hello /a");
      await client.send(get("/b") + head("/c") + get("/d"), 7); // small records
      const three = await client.receive("hello /d");
      assertEquals([...three.matchAll(/HTTP\/1.1 200 OK/g)].length, 3, three);
      for (
        const [path, body] of [["/large", LARGE], ["/later", "later"], ["/stream", END]]
      ) {
        await client.send(get(path!));
        assertEquals(bodyOf(await client.receive(body!.slice(-8))) === body, true, path);
      }
      const sent = LARGE.slice(-200_000);
      await client.send(`POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: ${sent.length}\r\n\r\n${sent}`);
      assertEquals(bodyOf(await client.receive(sent.slice(-8))) === sent, true);
      await sleep(20); // idle, with the state that the transport keeps
      await client.send(get("/large", "Connection: close"));
      assertEquals(bodyOf(await client.receive()) === LARGE, true, "all of it, and then the end");
    });
    assertEquals(errors, []);
    assertEquals([...rot13States.keys()], [], "what the transport knows of closed connections");
  });

  Deno.test(`a client changes to another protocol, which gets the bytes after its request (${poller})`, async () => {
    for (const transport of [socketTransport, rot13Transport]) {
      const errors = await withTransport(transport, handler, poller, async (port) => {
        using client = await TransportClient.connect(port, transport);
        await client.send(get("/a") + UPGRADE + "one\ntw");
        const text = await client.receive("one\n");
        assert(
          text.endsWith(
            "hello /aHTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: line-echo\r\n\r\none\n",
          ),
          text,
        );
        await client.send("o\n");
        assertEquals(await client.receive("\n"), "two\n");
        const lines = "a line of some length\n".repeat(20_000);
        const [received] = await Promise.all([
          client.receive("the last one\n"),
          client.send(`${lines}the last one\n`),
        ]);
        assertEquals(received === `${lines}the last one\n`, true);
        client.client.endInput();
        assertEquals(await client.receive(), "");
      });
      assertEquals(errors, []);
    }
  });
}

Deno.test("a handler cannot switch to a protocol unless the client asks for it in a complete request of HTTP/1.1", async () => {
  for (
    const request of [
      get("/line-echo"),
      get("/line-echo", "Connection: upgrade", "Upgrade: websocket"),
      get("/line-echo", "Upgrade: line-echo"),
      UPGRADE.replace("HTTP/1.1", "HTTP/1.0"),
      UPGRADE.replace("GET", "POST").replace("Host", "Content-Length: 5\r\nHost"),
    ]
  ) {
    const errors = await withTransport(socketTransport, handler, "epoll-edge", async (port) => {
      using client = await TransportClient.connect(port, socketTransport);
      await client.send(request);
      const text = await client.receive();
      assert(text.startsWith("HTTP/1.1 500 ") && !text.includes("HTTP/1.1 101"), text);
    });
    assertEquals(errors.map(String), [
      "TypeError: A handler switches to line-echo, which the client has not asked for in a complete request",
    ]);
  }
});
