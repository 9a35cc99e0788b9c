/**
 * The keys and the number of records that the kernel would get, compared with what OpenSSL writes. This needs no kernel
 * that encrypts.
 * @module
 */
import { assertEquals } from "@std/assert";
import { openRecord, RecordType, serverWriteKeys } from "../../ffi/openssl/record_keys.ts";
import { readCertificates } from "../../server/tls_options.ts";
import { Certificates } from "../../server/transport/certificates.ts";
import { Handshakes } from "../../server/transport/handshakes.ts";
import { TicketKeys } from "../../server/transport/ticket_keys.ts";
import { Tls } from "../../server/transport/tls.ts";
import { Descriptors } from "../support/descriptors.ts";
import { SUITES, tls } from "../support/kernel_tls.ts";
import { noise } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { sleep } from "../support/sleep.ts";
import { TlsClient } from "../support/tls_client.ts";

Deno.test("for each suite, the last record is opened by the keys and the number that the kernel would get", async () => {
  const handshakes = new Handshakes([], new TicketKeys(), (error) => console.error(error));
  const certificates = readCertificates(tls);
  handshakes.use(new Certificates("intermediate", certificates, true));
  for (const certificate of certificates) certificate.free();
  const server = new Tls({ now: 0 }, handshakes, true);
  for (const options of [...SUITES, { groups: "P-521:P-384" }]) { // the last one needs a second ClientHello
    using pair = new Descriptors();
    const { server: fd, client: raw } = pair.tcp();
    using client = TlsClient.on({ fd: raw, [Symbol.dispose]() {} } as RawClient, options);
    server.begin(fd);
    for (let isOpen = false; !isOpen; await sleep(1)) {
      client.handshake();
      isOpen = server.handshake(fd) === 0;
    }
    const session = server.sessionOf(fd)!;
    for (let round = 1; round < 4; round++) {
      const content = noise(round * 100, round);
      assertEquals(server.send(fd, content, content.length, false), content.length);
      const { written, pointer } = session;
      const opened = openRecord(
        serverWriteKeys(pointer, written!.secret)!,
        written!.count - 1,
        written!.last,
      );
      assertEquals([opened?.type, opened?.content.slice()], [RecordType.DATA, content], client.cipher);
    }
    server.forget(fd);
  }
});
