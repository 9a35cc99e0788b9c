/**
 * An authority that believes everything, issues real certificates, and whose answers a test can change.
 * @module
 */
import { TestCertificates } from "./test_certificates.ts";

const TOKEN = "abcdefghijklmnopqrstuvwxyz";

/** Returns another response for a path, or null for the usual one. */
export type Change = (
  path: string,
  authority: FakeAuthority,
) => Response | Promise<Response | null> | null;

/** The authority. It knows one order at a time. `await using` ends it. */
export class FakeAuthority implements AsyncDisposable {
  readonly certificates = new TestCertificates();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** The orders that were made, as they were asked for. */
  readonly orders: Record<string, unknown>[] = [];
  change: Change;
  /** True where the directory has `renewalInfo`; what is sent for it is up to `change`. */
  hasRenewalInfo = false;
  /** When the next certificate begins and ends, in days from now. */
  from = -0.1;
  days = 30;
  /** The name of the present order. */
  name = "";
  #isAuthorized = false;
  #request: string | null = null;

  constructor(change: Change = () => null) {
    this.change = change;
    const { cert, key } = this.certificates.make({ names: ["localhost", "127.0.0.1"], isIssued: true });
    const options = { cert, key, port: 0, hostname: "127.0.0.1", onListen() {} };
    this.#server = Deno.serve(options, async (request) => {
      const { pathname } = new URL(request.url);
      this.asked.push(pathname);
      this.#take(pathname, await request.text());
      const response = await this.change(pathname, this) ?? this.#usual(pathname);
      if (!response.headers.has("replay-nonce")) response.headers.set("replay-nonce", "nonce");
      return response;
    });
  }

  get port(): number {
    return this.#server.addr.port;
  }

  get base(): string {
    return `https://localhost:${this.port}`;
  }

  /** How often a path was asked for. */
  count(path: string): number {
    return this.asked.filter((one) => one === path).length;
  }

  /** The flags of the program about it. */
  get flags(): string[] {
    return ["--acme-directory", `${this.base}/dir`, "--acme-ca", this.certificates.root];
  }

  /** Signs the request of the present order. */
  issued(): string {
    const { from, days, name } = this;
    return this.certificates.sign(this.#request!, { names: [name], from, days });
  }

  #take(path: string, body: string): void {
    const text = body === "" ? "" : fromBase64url((JSON.parse(body) as { payload: string }).payload);
    const payload = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
    if (path === "/newOrder") {
      this.orders.push(payload);
      this.name = (payload["identifiers"] as { value: string }[])[0]!.value;
      this.#isAuthorized = false;
      this.#request = null;
    }
    if (path === "/challenge") this.#isAuthorized = true;
    const csr = payload["csr"];
    if (path !== "/finalize" || typeof csr !== "string") return;
    const base64 = btoa(fromBase64url(csr)).match(/.{1,64}/g)!.join("\n");
    this.#request = `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`;
  }

  #usual(path: string): Response {
    const { base, name } = this;
    const functions = ["newNonce", "newAccount", "newOrder", ...this.hasRenewalInfo ? ["renewalInfo"] : []];
    const order = { authorizations: [`${base}/authorization`], finalize: `${base}/finalize` };
    const challenges = ["http-01", "tls-alpn-01"].map((type) => ({
      type,
      url: `${base}/challenge`,
      token: TOKEN,
    }));
    const identifier = { type: "dns", value: name };
    const status = this.#request !== null ? "valid" : this.#isAuthorized ? "ready" : "pending";
    const answers: Record<string, () => Response> = {
      "/dir": () => Response.json(Object.fromEntries(functions.map((name) => [name, `${base}/${name}`]))),
      "/newNonce": () => new Response(null),
      "/newAccount": () =>
        Response.json({ status: "valid" }, { status: 201, headers: { location: `${base}/account` } }),
      "/account": () => Response.json({ status: "valid" }),
      "/newOrder": () =>
        Response.json({ status: "pending", ...order }, {
          status: 201,
          headers: { location: `${base}/order` },
        }),
      "/authorization": () =>
        Response.json({ status: this.#isAuthorized ? "valid" : "pending", identifier, challenges }),
      "/challenge": () => Response.json({ status: "processing" }),
      "/order": () => Response.json({ status, ...order, certificate: `${base}/certificate` }),
      "/finalize": () => Response.json({ status: "processing", ...order }),
      "/certificate": () => new Response(this.issued()),
    };
    return answers[path]?.() ??
      Response.json({ type: "urn:ietf:params:acme:error:malformed" }, { status: 404 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    this.certificates[Symbol.dispose]();
  }
}

function fromBase64url(text: string): string {
  return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
}
