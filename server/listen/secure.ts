/**
 * What follows the beginning of a connection on a listener with TLS.
 * @module
 */
import type { Connection } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/context.ts";
import { Http1 } from "../protocols/http1/http1.ts";
import { Handshake } from "../protocols/tls/handshake.ts";
import type { Tls } from "../transport/tls.ts";

/**
 * Begins TLS on `connection`. `serve` makes it speak what clients come for. With `speaksHttp`, a client that speaks HTTP
 * without TLS is answered by `context.onPlainHttp`, and its connection ends.
 */
export function beginTls(
  connection: Connection,
  tls: Tls,
  speaksHttp: boolean,
  serve: (connection: Connection) => void,
): Handshake {
  const handshake = new Handshake(connection, tls, {
    secured: serve,
    plain: speaksHttp ? (connection) => answerPlain(connection, connection.context) : null,
  });
  handshake.begin();
  return handshake;
}

function answerPlain(connection: Connection, { onPlainHttp }: ConnectionContext): void {
  const http: Http1 = new Http1(connection, {
    arrived(exchange) {
      exchange.respond(onPlainHttp(exchange.request!));
      http.close();
    },
    sent() {},
    closed() {},
  });
  connection.speak(http);
}
