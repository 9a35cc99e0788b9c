/**
 * The mistake: a server with TLS waits for a readable socket while OpenSSL holds the bytes.
 *
 *     deno run --allow-ffi examples/mistakes/tls_pending.ts [mended]
 * @module
 */
import { accept, Epoll, EPOLLIN, listenTcp, localAddress } from "../../mod.ts";
import { readCertificate } from "../../ffi/openssl/certificate.ts";
import { crypto, loadOpenssl, type Pointer, ssl } from "../../ffi/openssl/openssl.ts";
import { makeStandIn } from "../../program/acme/stand_in.ts";
import { awaitInput, Client, conclude, encode, isMended, runUntilQuiet } from "./scene.ts";

const REQUEST_BYTES = 10_000;
const buffer = new Uint8Array(4096);
let received = 0;

/** Wrong: one read for each event. The socket is empty after it, because OpenSSL has taken a whole record. */
function readOnce(session: Pointer): void {
  take(ssl.SSL_read(session, buffer, buffer.length));
}

/** Mended: reads until OpenSSL has nothing left and asks for more bytes of the socket. */
function readAll(session: Pointer): void {
  for (let count = 1; count > 0;) {
    count = ssl.SSL_read(session, buffer, buffer.length);
    if (count > 0) take(count);
  }
}

function take(count: number): void {
  received += count;
  console.log(`server: SSL_read returns ${count}`);
}

function makeContext(method: Pointer): Pointer {
  return ssl.SSL_CTX_new(method)!;
}

/** Returns the TLS session of a connected socket. */
function sessionOn(fd: number, context: Pointer): Pointer {
  const session = ssl.SSL_new(context)!;
  ssl.SSL_set_fd(session, fd);
  return session;
}

loadOpenssl();
const pem = encode(makeStandIn("localhost"));
const { leaf, key } = readCertificate(pem, pem);
const context = makeContext(ssl.TLS_server_method()!);
ssl.SSL_CTX_use_cert_and_key(context, leaf, key, crypto.OPENSSL_sk_new_null(), 0);

const listener = listenTcp("127.0.0.1", 0, 128, { deferAccept: false });
const client = new Client(localAddress(listener).port);
const clientSession = sessionOn(client.fd, makeContext(ssl.TLS_client_method()!));
const server = accept(awaitInput(listener));
const session = sessionOn(server, context);
ssl.SSL_set_accept_state(session);
while (ssl.SSL_connect(clientSession) !== 1) ssl.SSL_do_handshake(session); // they take turns
ssl.SSL_do_handshake(session);

ssl.SSL_write(clientSession, new Uint8Array(REQUEST_BYTES), REQUEST_BYTES);
console.log(`client: sends a request of ${REQUEST_BYTES} bytes, which is one record of TLS`);
const epoll = new Epoll();
epoll.register(server, EPOLLIN); // level-triggered
runUntilQuiet(epoll, () => isMended ? readAll(session) : readOnce(session));
console.log(`server: epoll reports nothing more; SSL_pending returns ${ssl.SSL_pending(session)}`);
conclude(
  received === REQUEST_BYTES,
  "the whole request was read",
  "the rest of the request is in this process, and the server waits for it",
);
