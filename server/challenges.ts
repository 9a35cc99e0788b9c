/**
 * The answers to an authority that tries whether a name leads here. Source: RFC 8555 §8.3, RFC 8737.
 * @module
 */
import type { Handler } from "./connection/handler.ts";
import { HttpResponse } from "./http/response.ts";
import type { TlsCertificate } from "./tls_options.ts";

const PATH = "/.well-known/acme-challenge/";

/** All answers, as plain data. */
export interface Challenges {
  /** Texts by token. */
  readonly http: Readonly<Record<string, string>>;
  /** Certificates by name. */
  readonly tls: Readonly<Record<string, TlsCertificate>>;
}

/** The answers over HTTP. */
export class HttpChallenges {
  #answers: ReadonlyMap<string, string> = new Map();

  /** Replaces the answers. */
  use(answers: Challenges["http"]): void {
    this.#answers = new Map(Object.entries(answers));
  }

  /** Returns `handler`, before which the answers come. */
  before(handler: Handler): Handler {
    const answering: Handler = (request, context) => {
      if (this.#answers.size === 0 || !request.path.startsWith(PATH)) return handler(request, context);
      const answer = this.#answers.get(request.path.slice(PATH.length));
      if (answer === undefined || (request.method !== "GET" && request.method !== "HEAD")) {
        return handler(request, context);
      }
      const fields = [["Cache-Control", "no-store"]] as const;
      return HttpResponse.text(answer, { type: "application/octet-stream", fields });
    };
    return Object.assign(answering, { ignoresBodies: handler.ignoresBodies === true });
  }
}
