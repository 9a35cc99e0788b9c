/**
 * Requests over TLS for a host of another certificate than that of the connection (RFC 9110 §15.5.20).
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { requestCoroutine } from "../../mod.ts";
import { withServer } from "../support/serving.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { TlsClient } from "../support/tls_client.ts";
import { handler, local } from "../support/tls_serving.ts";

const made = new TestCertificates();
const other = made.make({ names: ["*.example.org", "example.org"] });
made[Symbol.dispose]();

const SERVED = {
  handler: { handler },
  coroutine: { coroutine: requestCoroutine(handler) },
} as const;

for (const [kind, served] of Object.entries(SERVED)) {
  Deno.test(`a name in the handshake and a host of another certificate get 421 from a ${kind}, and the connection goes on`, async () => {
    await withServer({ ...served, tls: [local, other] }, async ({ port, errors }) => {
      const cases: [serverName: string | undefined, host: string, status: number][] = [
        ["localhost", "localhost", 200],
        ["localhost", "LOCALHOST:8443", 200],
        ["localhost", "a.example.org", 421],
        ["localhost", "EXAMPLE.org:443", 421],
        ["localhost", "unknown.test", 200],
        ["a.example.org", "localhost", 421],
        ["a.example.org", "127.0.0.1", 421],
        ["a.example.org", "b.example.org", 200],
        ["unknown.test", "localhost", 200],
        ["unknown.test", "example.org", 421],
        [undefined, "example.org", 200],
      ];
      for (const [serverName, host, status] of cases) {
        using client = await TlsClient.connect(port, serverName === undefined ? {} : { serverName });
        const body = "0123456789";
        await client.send(
          `POST /body HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        await client.send(`GET http://${host}/a HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        await client.send(`GET /end HTTP/1.1\r\nHost: ${serverName ?? "x"}\r\nConnection: close\r\n\r\n`);
        const text = await client.receiveText();
        const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
        assertEquals(statuses, [status, status, 200], `${serverName} ${host}`);
        assert(text.endsWith("hello /end"), text);
      }
      assertEquals(errors, []);
    });
  });
}

Deno.test("without several certificates, no host gets 421", async () => {
  await withServer({ handler, tls: local }, async ({ port }) => {
    using client = await TlsClient.connect(port, { serverName: "localhost" });
    await client.send("GET /a HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n");
    assert((await client.receiveText()).startsWith("HTTP/1.1 200 "));
  });
});
