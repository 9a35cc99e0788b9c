/**
 * What connections begin with on a listener for HTTPS, and on one that leads clients to it.
 * @module
 */
import type { Connection } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/context.ts";
import { RequestContext } from "../exchange/request_context.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { Http1 } from "../protocols/http1/http1.ts";
import { Handshake } from "../protocols/tls/handshake.ts";
import type { Tls } from "../transport/tls.ts";

/** Paths of ACME challenges (RFC 8555 §8.3). They are answered without TLS, because a redirect would fail while there is no valid certificate. */
const CHALLENGES = "/.well-known/acme-challenge/";

/**
 * Begins TLS on `connection`. `serve` makes it speak what clients come for. With `speaksHttp`, a client that speaks HTTP
 * without TLS is redirected, or gets 400, and its connection ends.
 */
export function beginTls(
  connection: Connection,
  tls: Tls,
  speaksHttp: boolean,
  serve: (connection: Connection) => void,
): void {
  const plain = (connection: Connection) => {
    const { onPlainHttp } = connection.context;
    answerBy(connection, (exchange) => exchange.respond(onPlainHttp(exchange.request!, false)), true);
  };
  new Handshake(connection, tls, { secured: serve, plain: speaksHttp ? plain : null }).begin();
}

/** Makes `connection` lead its client to HTTPS. Challenges of an authority are answered by the handler. */
export function redirect(connection: Connection, context: ConnectionContext): void {
  const { reactor, limits, onPlainHttp, handler } = context;
  answerBy(connection, (exchange) => {
    const request = exchange.request!;
    if (!request.path.startsWith(CHALLENGES)) return exchange.respond(onPlainHttp(request, true));
    const requestContext = new RequestContext(connection, exchange);
    exchange.wait(new Promise((resolve) => resolve(handler(request, requestContext))));
  }, false);
  connection.expireAt(reactor.now + limits.keepAliveTimeoutMs);
}

/** Makes `connection` speak HTTP, whose requests `arrived` answers; only one with `isOnce`. */
function answerBy(connection: Connection, arrived: (exchange: Exchange) => void, isOnce: boolean): void {
  const http: Http1 = new Http1(connection, {
    speaksHttp2: false,
    arrived(exchange) {
      arrived(exchange);
      if (isOnce) http.close();
    },
    sent() {},
    closed() {},
  });
  connection.speak(http);
}
