/**
 * Let's Encrypt's test authority, with names that all lead to this machine.
 * @module
 */
import { freePort } from "./free_port.ts";
import { TestCertificates } from "./test_certificates.ts";
import { eventually } from "./waiting.ts";

/** False where the authority is not installed. */
export const HAS_PEBBLE: boolean = ["pebble", "pebble-challtestsrv"].every((name) => {
  const args = ["-c", `command -v ${name}`];
  return new Deno.Command("sh", { args, stdout: "null", stderr: "null" }).outputSync().success;
});

/** What the authority is like. */
export interface PebbleWish {
  /** The lifetime of its certificates in seconds. Default 20 days. */
  readonly validSeconds?: number;
  /** The share of nonces that it refuses, in percent. Default 0. */
  readonly refusedNonces?: number;
  /** Whether each certificate is challenged, also one for a name that was tried before. Default true. */
  readonly challengesAgain?: boolean;
  /** The key of external account binding, in base64url, for the identifier `kid-1`. Default: no binding. */
  readonly externalKey?: string;
}

/** An authority that can be stopped and started. `await using` ends it. */
export class Pebble {
  readonly certificates = new TestCertificates();
  readonly port: number = freePort();
  readonly managementPort: number = freePort();
  /** The ports on which it tries names. */
  readonly httpPort: number = freePort();
  readonly tlsPort: number = freePort();
  readonly #wish: PebbleWish;
  readonly #dnsPort = freePort();
  readonly #processes: Deno.ChildProcess[] = [];
  #authority: Deno.ChildProcess | null = null;

  constructor(wish: PebbleWish = {}) {
    this.#wish = wish;
    const dns = [
      "-dns01",
      `127.0.0.1:${this.#dnsPort}`,
      "-defaultIPv6",
      "",
      "-http01",
      "",
      "-https01",
      "",
      "-tlsalpn01",
      "",
      "-management",
      `127.0.0.1:${freePort()}`,
    ];
    this.#processes.push(
      new Deno.Command("pebble-challtestsrv", { args: dns, stdout: "null", stderr: "null" }).spawn(),
    );
  }

  /** Starts an authority, and waits until it answers. */
  static async start(wish: PebbleWish = {}): Promise<Pebble> {
    const pebble = new Pebble(wish);
    await pebble.start();
    return pebble;
  }

  /** The URL of its directory. */
  get directory(): string {
    return `https://localhost:${this.port}/dir`;
  }

  /** The flags of the program about it. */
  get flags(): string[] {
    return ["--acme-directory", this.directory, "--acme-ca", this.certificates.root];
  }

  /** Starts the authority, which knows nothing of what it did before. */
  async start(): Promise<void> {
    const { validSeconds = 20 * 86_400, refusedNonces = 0, challengesAgain = true, externalKey } = this.#wish;
    const { cert, key } = this.certificates.make({ names: ["localhost", "127.0.0.1"], isIssued: true });
    const settings = {
      listenAddress: `127.0.0.1:${this.port}`,
      managementListenAddress: `127.0.0.1:${this.managementPort}`,
      certificate: this.certificates.write(cert),
      privateKey: this.certificates.write(key),
      httpPort: this.httpPort,
      tlsPort: this.tlsPort,
      certificateValidityPeriod: validSeconds,
      ...externalKey === undefined
        ? {}
        : { externalAccountBindingRequired: true, externalAccountMACKeys: { "kid-1": externalKey } },
    };
    const config = this.certificates.write(JSON.stringify({ pebble: settings }));
    const env = {
      PEBBLE_VA_NOSLEEP: "1",
      PEBBLE_WFE_NONCEREJECT: String(refusedNonces),
      PEBBLE_AUTHZREUSE: challengesAgain ? "0" : "100",
    };
    const args = ["-config", config, "-dnsserver", `127.0.0.1:${this.#dnsPort}`];
    this.#authority = new Deno.Command("pebble", { args, env, stdout: "null", stderr: "null" }).spawn();
    await eventually(
      async () => (await this.#fetch(this.managementPort, "/roots/0", "/dev/null")) === 0,
      "the authority does not answer",
    );
  }

  /** Ends the authority. */
  async stop(): Promise<void> {
    this.#authority?.kill("SIGKILL");
    await this.#authority?.status;
    this.#authority = null;
  }

  /** Writes the root of the issued certificates to a file, and returns its path. */
  async issuingRoot(): Promise<string> {
    const path = `${this.certificates.directory}/issuing-root.pem`;
    await this.#fetch(this.managementPort, "/roots/0", path);
    return path;
  }

  async #fetch(port: number, path: string, to: string): Promise<number> {
    const args = ["-sf", "--cacert", this.certificates.root, `https://localhost:${port}${path}`, "-o", to];
    return (await new Deno.Command("curl", { args }).output()).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const process of this.#processes) {
      process.kill("SIGKILL");
      await process.status;
    }
    this.certificates[Symbol.dispose]();
  }
}

/** Returns the number of the certificate that a server sends for `name`, and its issuer. */
export async function certificateAt(port: number, name: string): Promise<string> {
  const command =
    `openssl s_client -connect 127.0.0.1:${port} -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -serial -issuer`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", command], stderr: "null" }).output();
  return new TextDecoder().decode(stdout);
}

/** Returns the status of a request that trusts `root` only; 0 if there is no answer. */
export async function statusAt(port: number, name: string, root: string): Promise<number> {
  const where = ["--resolve", `${name}:${port}:127.0.0.1`, `https://${name}:${port}/`];
  const args = ["-s", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", root, ...where];
  const { stdout } = await new Deno.Command("curl", { args }).output();
  return Number(new TextDecoder().decode(stdout));
}
