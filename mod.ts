/**
 * The library of epollet: a web server on epoll(7), its parts, and an interface to the kernel's multiplexers.
 *
 * ```ts
 * import { HttpResponse, serve } from "./mod.ts";
 *
 * const server = serve({ port: 8000, handler: (request) => HttpResponse.text(`You asked for ${request.path}\n`) });
 * await server.finished;
 * ```
 * @module
 */

// The server

export { Server } from "./server/server.ts";
export type { ListeningSocket } from "./server/listen/open.ts";
export type { Scheme } from "./server/listen/address.ts";
export type {
  Reconfiguration,
  SecondService,
  Served,
  ServerOptions,
  ServerSettings,
} from "./server/server_options.ts";
export type { Rate, ServerLimits } from "./server/server_limits.ts";
export {
  type AnyAddress,
  serve,
  type ServeManyOptions,
  type ServeOptions,
  type ServerAddress,
  type ServerHandle,
  type ServeSettings,
  type ServeUnixOptions,
  type UnixServerAddress,
} from "./server/serve.ts";
export { CertificateError, type TlsCertificate, type TlsSettings } from "./server/tls_options.ts";
export type { CertificateFacts } from "./ffi/openssl/certificate.ts";
export type { TlsProfile } from "./ffi/openssl/server_context.ts";
export { OpensslMissing } from "./ffi/openssl/openssl.ts";
export type { AccessLogOptions } from "./server/access_log/access_log.ts";
export { LogFile } from "./server/access_log/log_file.ts";
export type { LogTarget } from "./server/access_log/writer.ts";
export type { LogFormatName } from "./server/access_log/format.ts";
export type {
  CacheSnapshot,
  CertificateSnapshot,
  ConnectionSnapshot,
  HeadsSnapshot,
  Http2Snapshot,
  KeptFileSnapshot,
  KeptSnapshot,
  RootSnapshot,
  Snapshot,
  TlsSnapshot,
} from "./server/metrics/statistics.ts";

// Handlers, protocols and coroutines

export { liveHandler, type LiveOptions } from "./handlers/live/live_handler.ts";
export { type StaticHandler, staticHandler, type StaticOptions } from "./handlers/static.ts";
export type { SiteOptions } from "./handlers/site/settings/site_options.ts";
export type {
  AuthRule,
  CompressLevel,
  EtagMode,
  HeaderRule,
  PrecompressedMode,
  RedirectRule,
  RewriteRule,
  SiteSettings,
} from "./handlers/site/settings/site_settings.ts";
export type { ArchiveEntry, ConfigText, SiteArchive } from "./handlers/site/files/archive.ts";
export { hashPassword } from "./handlers/site/auth/password_hash.ts";
export { explain } from "./handlers/explain.ts";
export {
  type FetchAddress,
  type FetchHandler,
  type FetchInfo,
  type FetchOptions,
  type FetchTcpAddress,
  type FetchUnixAddress,
  fromFetch,
} from "./handlers/from_fetch.ts";
export { type Validation } from "./handlers/site/settings/site_options.ts";
export type { Handler, HandlerContext } from "./server/connection/handler.ts";
export type { Forwarded } from "./server/clients/forwarded.ts";
export type { Peer, Protocol, Session } from "./server/protocols/bytes/session.ts";
export { Cancelled } from "./server/coroutine/cancelled.ts";
export { type Coroutine, CoroutineConnection } from "./server/coroutine/coroutine.ts";
export { RequestExchange } from "./server/coroutine/request_exchange.ts";
export { requestCoroutine } from "./server/coroutine/request_coroutine.ts";
export { sleep, Timer } from "./server/loop/timer.ts";
export { HttpClock } from "./server/http/date.ts";
export { HttpError } from "./server/http/http_error.ts";
export { HttpRequest, type HttpVersion, type TargetForm } from "./server/http/request.ts";
export { type BodySink, RequestBody } from "./server/http/request_body.ts";
export { FileBody, type FileBodyInit } from "./server/http/file_body.ts";
export { errorResponse } from "./server/exchange/error_response.ts";
export { type Body, type Fields, HttpResponse, type ResponseOptions } from "./server/http/response.ts";
export type { StreamBody } from "./server/http/stream_body.ts";

// The event loop

export { Interest, type Poller, type PollerName, Readiness, ReadyList } from "./server/loop/poller.ts";
export { createPoller, POLLER_NAMES } from "./server/loop/pollers/mod.ts";
export { Reactor } from "./server/loop/reactor.ts";
export { type ErrorListener, Source } from "./server/loop/source.ts";
export { type Expiring } from "./server/loop/deadlines.ts";

// The kernel's multiplexers

export { Epoll, type FileDescriptorLike, type HasFileno, Poll, select, Uring } from "./ffi/select/select.ts";
export {
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLMSG,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDBAND,
  EPOLLRDHUP,
  EPOLLRDNORM,
  EPOLLWAKEUP,
  EPOLLWRBAND,
  EPOLLWRNORM,
  FD_SETSIZE,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLMSG,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
} from "./ffi/libc/multiplexer_constants.ts";

// Sockets for the multiplexers

export {
  accept,
  close,
  localAddress,
  peerAddress,
  recv,
  send,
  sendfile,
  shutdownWrite,
} from "./ffi/checked_socket.ts";
export { type ListenOptions, listenTcp, type SocketAddress } from "./ffi/socket/socket.ts";
export { describeErrno, EAGAIN, EINTR, errnoName, SystemError } from "./ffi/libc/errno.ts";
