/**
 * Names that users rely on: a flag, key, variable or export that goes, or is called otherwise, breaks what they wrote.
 * New ones are added here.
 * @module
 */

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** Flags, with their opposites. */
export const FLAG_NAMES: readonly string[] = words(`
  access-log access-log-file acme acme-ca acme-dir acme-directory acme-eab acme-email acme-profile
  acme-staging acme-tls-alpn admin allowed-hosts archive archive-size auth backlog body-timeout browse cache-control cache-file-size cache-size cache-validate check clean-urls completions compress compress-level config coroutine cors dev error-log error-page etag explain grace-period handler handshake-timeout hash-password head-timeout header healthcheck help host hsts http2 https https-port index keep-alive keep-alive-timeout keep-assets keep-assets-size listen live man max-body max-connections max-fields max-head max-per-ip max-streams min-receive-rate min-send-rate next-port no-access-log-file no-acme no-acme-ca no-acme-dir no-acme-directory no-acme-eab no-acme-email no-acme-profile no-acme-staging no-acme-tls-alpn no-admin no-archive no-browse no-clean-urls no-compress no-config no-coroutine no-cors no-dev no-error-log no-hsts no-http2 no-https no-https-port no-keep-alive no-keep-assets no-live no-next-port no-open no-proxy-protocol no-qr no-quiet no-redirect-http no-sandbox no-security-headers no-spa no-trust-proxy no-user no-verbose open poller port precompressed proxy-protocol qr quiet rate rate-burst redirect-http root sandbox security-headers send-timeout socket-mode spa tls-cert tls-key tls-profile trust-proxy user verbose version workers
`);

/** Flags of one letter. */
export const LETTERS = "H V a d h p q v w";

/** Keys of the configuration file. */
export const KEY_NAMES: readonly string[] = words(`
  $schema accessLog accessLogFile acme.ca acme.dir acme.directory acme.eab acme.email acme.names
  acme.profile acme.staging acme.tlsAlpn admin allowedHosts archive archiveSize auth backlog bodyTimeout browse cacheControl cacheFileSize cacheSize cacheValidate cleanUrls compress compressLevel coroutine cors dev errorLog errorPages etag
  gracePeriod handler handshakeTimeout headTimeout headers host hosts http2 https index keepAlive
  keepAliveTimeout keepAssets keepAssetsSize listen live maxBody maxConnections maxFields maxHead maxPerIp maxStreams minReceiveRate minSendRate nextPort open poller port precompressed proxyProtocol qr rate rateBurst redirects rewrites root sandbox securityHeaders sendTimeout socketMode spa tls.cert tls.hsts tls.key tls.port tls.profile tls.redirectHttp trustProxy user workers
`);

/** Variables of the environment, without `EPOLLET_`. */
export const VARIABLE_NAMES: readonly string[] = words(`
  ACCESS_LOG ACCESS_LOG_FILE ACME ACME_CA ACME_DIR ACME_DIRECTORY ACME_EAB ACME_EMAIL ACME_PROFILE
  ACME_STAGING ACME_TLS_ALPN ADMIN ALLOWED_HOSTS ARCHIVE ARCHIVE_SIZE AUTH BACKLOG BODY_TIMEOUT BROWSE CACHE_CONTROL CACHE_FILE_SIZE CACHE_SIZE CACHE_VALIDATE CLEAN_URLS COMPRESS COMPRESS_LEVEL CONFIG COROUTINE CORS DEV ERROR_LOG ERROR_PAGE ETAG GRACE_PERIOD HANDLER HANDSHAKE_TIMEOUT HEADER HEAD_TIMEOUT HOST HSTS HTTP2 HTTPS HTTPS_PORT INDEX KEEP_ALIVE KEEP_ALIVE_TIMEOUT KEEP_ASSETS KEEP_ASSETS_SIZE LISTEN LIVE MAX_BODY MAX_CONNECTIONS MAX_FIELDS MAX_HEAD MAX_PER_IP MAX_STREAMS MIN_RECEIVE_RATE MIN_SEND_RATE NEXT_PORT NO_ACCESS_LOG_FILE NO_ACME NO_ACME_CA NO_ACME_DIR NO_ACME_DIRECTORY NO_ACME_EAB NO_ACME_EMAIL NO_ACME_PROFILE NO_ACME_STAGING NO_ACME_TLS_ALPN NO_ADMIN NO_ARCHIVE NO_BROWSE NO_CLEAN_URLS NO_COMPRESS NO_CONFIG NO_COROUTINE NO_CORS NO_DEV NO_ERROR_LOG NO_HSTS NO_HTTP2 NO_HTTPS NO_HTTPS_PORT NO_KEEP_ALIVE NO_KEEP_ASSETS NO_LIVE NO_NEXT_PORT NO_OPEN NO_PROXY_PROTOCOL NO_QR NO_QUIET NO_REDIRECT_HTTP NO_SANDBOX NO_SECURITY_HEADERS NO_SPA NO_TRUST_PROXY NO_USER NO_VERBOSE OPEN POLLER PORT PRECOMPRESSED PROXY_PROTOCOL QR QUIET RATE RATE_BURST REDIRECT_HTTP ROOT SANDBOX SECURITY_HEADERS SEND_TIMEOUT SOCKET_MODE SPA TLS_CERT TLS_KEY TLS_PROFILE TRUST_PROXY USER VERBOSE WORKERS
`);

/** Exports of `mod.ts`, types among them. */
export const EXPORT_NAMES: readonly string[] = words(`
  AccessLogOptions AnyAddress ArchiveEntry AuthRule Body BodySink CacheSnapshot Cancelled CertificateError CertificateFacts CertificateSnapshot CompressLevel ConfigText
  ConnectionSnapshot Coroutine CoroutineConnection EAGAIN EINTR EPOLLERR EPOLLET EPOLLEXCLUSIVE EPOLLHUP
  EPOLLIN EPOLLMSG EPOLLONESHOT EPOLLOUT EPOLLPRI EPOLLRDBAND EPOLLRDHUP EPOLLRDNORM EPOLLWAKEUP
  EPOLLWRBAND EPOLLWRNORM Epoll ErrorListener EtagMode Expiring FD_SETSIZE FetchAddress FetchHandler
  FetchInfo FetchOptions FetchTcpAddress FetchUnixAddress Fields FileBody FileBodyInit
   FileDescriptorLike Forwarded Handler HandlerContext HasFileno HeaderRule HeadsSnapshot Http2Snapshot HttpClock
   HttpError HttpRequest HttpResponse HttpVersion Interest KeptFileSnapshot KeptSnapshot ListenOptions ListeningSocket LiveOptions LogFile LogFormatName
  LogTarget OpensslMissing POLLERR POLLER_NAMES POLLHUP POLLIN POLLMSG POLLNVAL POLLOUT POLLPRI POLLRDBAND POLLRDHUP
  POLLRDNORM POLLWRBAND POLLWRNORM Peer Poll Poller PollerName PrecompressedMode Protocol Rate Reactor
  Readiness ReadyList Reconfiguration RedirectRule RequestBody RequestExchange ResponseOptions RewriteRule RootSnapshot Scheme SecondService
  ServeManyOptions ServeOptions ServeSettings ServeUnixOptions Served Server ServerAddress ServerHandle
  ServerLimits ServerOptions ServerSettings Session SiteArchive SiteOptions SiteSettings Snapshot
  SocketAddress Source StaticHandler StaticOptions StreamBody SystemError TargetForm Timer TlsCertificate TlsProfile TlsSettings TlsSnapshot UnixServerAddress Uring
  Validation accept close createPoller describeErrno errnoName errorResponse explain fromFetch
  hashPassword listenTcp liveHandler localAddress peerAddress recv requestCoroutine select send sendfile serve
  shutdownWrite sleep staticHandler
`);
