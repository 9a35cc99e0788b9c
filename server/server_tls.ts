/**
 * TLS of a server: its transport, and its certificates, which can be read anew while it runs.
 * @module
 */
import type { Certificate, CertificateFacts } from "../ffi/openssl/certificate.ts";
import { loadOpenssl } from "../ffi/openssl/openssl.ts";
import { ServerContext, type TlsProfile } from "../ffi/openssl/server_context.ts";
import type { Handler } from "./connection/handler.ts";
import { ERROR_FIELDS, errorResponse } from "./exchange/error_response.ts";
import { encodeUtf8 } from "./http/characters.ts";
import type { HttpRequest } from "./http/request.ts";
import { encodeLocation, HttpResponse } from "./http/response.ts";
import type { ListeningSocket } from "./listen/open.ts";
import type { TlsSnapshot } from "./metrics/statistics.ts";
import type { Reactor } from "./loop/reactor.ts";
import { scopeOf } from "./transport/certificates.ts";
import { Handshakes } from "./transport/handshakes.ts";
import { TicketKeys } from "./transport/ticket_keys.ts";
import { Tls } from "./transport/tls.ts";
import { alpnProtocols, type ServerOptions } from "./server_options.ts";
import {
  contextsOf,
  factsOf,
  listOfCertificates,
  readCertificates,
  type TlsCertificate,
} from "./tls_options.ts";

const HTTPS_PORT = ":443";
const AUTHORITY = /^(\[[^\]]*\]|[^:]*)(:\d+)?$/;

/** Returns the host of an authority in lower case, an IPv6 address without its brackets. */
function hostOf(authority: string): string {
  return (AUTHORITY.exec(authority)?.[1] ?? "").toLowerCase().replace(/^\[(.*)\]$/, "$1");
}

/** Returns the port of the first socket for HTTPS; null if there is none. */
export function securePortOf(sockets: readonly ListeningSocket[]): number | null {
  return sockets.find(({ scheme }) => scheme === "https")?.address.port ?? null;
}

const PLAIN_REFUSED =
  "This site uses HTTPS. Open its https:// address, by a name that its certificate covers.\n";

/** How a server speaks TLS. */
export interface ServerTlsOptions {
  readonly tls: TlsCertificate | readonly TlsCertificate[];
  readonly tlsProfile: TlsProfile;
  /** The protocols of ALPN; empty for a server that does not speak HTTP. */
  readonly protocols: readonly string[];
  /** What the keys of session tickets are derived from. Servers with the same secret resume each other's sessions. */
  readonly tlsTicketSecret: Uint8Array | undefined;
}

/** The transport and the certificates. */
export class ServerTls {
  readonly transport: Tls;
  readonly #handshakes: Handshakes;
  readonly #profile: TlsProfile;
  #given: readonly TlsCertificate[];
  #facts: readonly CertificateFacts[] = [];
  #answersChallenges = false;

  /**
   * @throws {CertificateError} when a certificate or key cannot be used
   * @throws {OpensslMissing} when the system has no OpenSSL 3
   */
  constructor(options: ServerTlsOptions, reactor: Reactor, onError: (error: unknown) => void) {
    loadOpenssl();
    const { tls, tlsProfile, protocols, tlsTicketSecret } = options;
    this.#profile = tlsProfile;
    const secret = tlsTicketSecret === undefined ? undefined : new Uint8Array(tlsTicketSecret);
    this.#handshakes = new Handshakes(protocols, new TicketKeys(secret), onError);
    this.#given = listOfCertificates(tls);
    this.#use(readCertificates(this.#given));
    this.transport = new Tls(reactor, this.#handshakes);
  }

  /** Returns TLS as the options of a server ask for it; null if they have no certificates. @throws as the constructor */
  static of(options: ServerOptions, reactor: Reactor, onError: (error: unknown) => void): ServerTls | null {
    const { tls, tlsProfile = "intermediate", tlsTicketSecret } = options;
    if (tls === undefined) return null;
    const protocols = alpnProtocols(options);
    return new ServerTls({ tls, tlsProfile, tlsTicketSecret, protocols }, reactor, onError);
  }

  /** Returns the counters, and the ends of the certificates. */
  snapshot(): TlsSnapshot {
    const certificates = this.#facts.map(({ names, notAfterMs }) => ({ name: names[0] ?? "", notAfterMs }));
    return { ...this.#handshakes.counts, certificates };
  }

  /** What the certificates in use say. */
  get certificates(): readonly CertificateFacts[] {
    return this.#facts;
  }

  /**
   * Reads the certificates again. `given` replaces the list. New handshakes use them; open connections keep theirs.
   * @throws {CertificateError} when one cannot be used; then all stay
   */
  update(given: TlsCertificate | readonly TlsCertificate[] = this.#given): void {
    const list = listOfCertificates(given);
    this.#use(readCertificates(list));
    this.#given = list;
  }

  /**
   * Answers the challenges of an authority by `given`, a certificate for each name, from the next handshake on. Returns a
   * line for each one that cannot be used, and is left out.
   */
  answerChallenges(given: Readonly<Record<string, TlsCertificate>>): string[] {
    if (!this.#answersChallenges) {
      this.#answersChallenges = true;
      this.update();
    }
    const contexts = new Map<string, ServerContext>();
    const refused: string[] = [];
    for (const [name, one] of Object.entries(given)) {
      try {
        const [certificate] = readCertificates([one]);
        const free = () => certificate!.free();
        using _ = { [Symbol.dispose]: free };
        contexts.set(name, new ServerContext(this.#profile, [certificate!], scopeOf(name), false));
      } catch (error) {
        refused.push(`The challenge for ${name} is not answered: ${(error as Error).message}`);
      }
    }
    this.#handshakes.answer(contexts);
    return refused;
  }

  #use(certificates: readonly Certificate[]): void {
    this.#handshakes.use(contextsOf(this.#profile, certificates, this.#answersChallenges));
    this.#facts = factsOf(certificates); // frees them: the contexts have what they need
  }

  /** Returns true for a request for a host of another certificate than the one for `serverName` (RFC 9110 §15.5.20). */
  isMisdirected(request: HttpRequest, serverName: string | null): boolean {
    if (serverName === null || serverName === "") return false;
    return !this.#handshakes.certificates.isSameFor(serverName, hostOf(request.authority ?? ""));
  }

  /** Returns `handler`, except that misdirected requests get 421. */
  guard(handler: Handler): Handler {
    const guarded: Handler = (request, context) => {
      const isOurs = !this.#handshakes.certificates.areSeveral ||
        !this.isMisdirected(request, context.serverName);
      return isOurs ? handler(request, context) : errorResponse(421);
    };
    return Object.assign(guarded, { ignoresBodies: handler.ignoresBodies === true });
  }

  /**
   * Answers a request that came without TLS: by a redirect, if it names a host that has a certificate. `port` is that of
   * the redirect; by default the one that the request names. Other hosts get 400, so that no client is redirected to a foreign site.
   */
  answerPlain(request: HttpRequest, port: number | null = null): HttpResponse {
    const [, host = "", ownPort = ""] = AUTHORITY.exec(request.authority ?? "") ?? [];
    if (request.targetForm === "asterisk" || !this.#handshakes.certificates.has(hostOf(host))) {
      return new HttpResponse(400, ERROR_FIELDS, encodeUtf8(PLAIN_REFUSED), true);
    }
    const shownPort = port === null ? ownPort : `:${port}`;
    const place = shownPort === HTTPS_PORT ? host : host + shownPort;
    const location = `https://${place}${request.path}${request.query}`;
    const status = request.minorVersion === 0 ? 301 : 308;
    return new HttpResponse(status, [["Location", encodeLocation(location)]], null, port === null);
  }
}
