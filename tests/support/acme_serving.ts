/**
 * A site with certificates by ACME, and the processes that serve it.
 * @module
 */
import { freePort } from "./free_port.ts";
import { certificateAt } from "./pebble.ts";
import { childrenOf } from "./process.ts";
import { Program } from "./program.ts";
import { Site } from "./site.ts";
import { eventually } from "./waiting.ts";

/** What a server has to know of an authority. */
export interface ServingAuthority {
  readonly flags: readonly string[];
  /** The ports on which it tries names; missing: any. */
  readonly httpPort?: number;
  readonly tlsPort?: number;
}

/** Issuers of the authorities of tests. */
const ISSUED = /Pebble|Test Middle/;

/** A site, and the flags of a server for it. */
export class AcmeSite extends Site {
  readonly #authority: ServingAuthority;
  readonly adminPort: number = freePort();
  readonly httpPort: number;
  readonly tlsPort: number;

  constructor(authority: ServingAuthority) {
    super();
    this.#authority = authority;
    this.httpPort = authority.httpPort ?? freePort();
    this.tlsPort = authority.tlsPort ?? freePort();
    this.write("site/index.html", "hello");
  }

  get dir(): string {
    return `${this.root}/certs`;
  }

  /** Returns the arguments of a server. */
  arguments(names: string, ...others: string[]): string[] {
    const redirect = others.includes("--no-redirect-http") ? [] : ["--redirect-http", String(this.httpPort)];
    return [
      ...[String(this.tlsPort), `${this.root}/site`, "--admin", String(this.adminPort), ...redirect],
      ...["--acme", names, "--acme-dir", this.dir, ...this.#authority.flags, ...others],
    ];
  }

  /** Starts a server. */
  async serve(names: string, ...others: string[]): Promise<Program> {
    return await Program.startArguments(this.arguments(names, ...others));
  }

  async admin(path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.adminPort}${path}`);
    return `${response.status} ${await response.text()}`;
  }

  /** Returns what the directory has saved of a name. */
  saved(name: string): Record<string, unknown> {
    return JSON.parse(Deno.readTextFileSync(`${this.dir}/${name}.json`));
  }

  /** Changes what the directory has saved of a name, as time would. */
  change(name: string, members: Record<string, unknown>): void {
    this.write(`certs/${name}.json`, JSON.stringify({ ...this.saved(name), ...members }));
  }

  /** Waits until a certificate of the authority is served for `name`, and another one than `old`. */
  async served(name: string, old: string = ""): Promise<string> {
    let shown = "";
    await eventually(async () => {
      shown = await certificateAt(this.tlsPort, name);
      return ISSUED.test(shown) && shown !== old;
    }, () => `no new certificate is served: ${shown}`);
    return shown;
  }
}

/** Returns the processes for certificates. Of the supervisor's children, they alone ignore SIGINT. */
export function companionsOf(pid: number): number[] {
  return childrenOf(pid).filter((child) => {
    try {
      const status = Deno.readTextFileSync(`/proc/${child}/status`);
      const [, ignored] = /^SigIgn:\s+([0-9a-f]+)$/m.exec(status)!;
      return (BigInt(`0x${ignored}`) & 2n) !== 0n;
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

/** Returns the process for certificates; undefined if there is none. */
export function companionOf({ pid }: { readonly pid: number }): number | undefined {
  return companionsOf(pid)[0];
}

/** Returns the processes that serve clients. */
export function workersOf({ pid }: { readonly pid: number }): number[] {
  const companions = companionsOf(pid);
  return childrenOf(pid).filter((child) => !companions.includes(child));
}
