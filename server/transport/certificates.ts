/**
 * The certificates of a server, and the choice among them by the name that a client asks for.
 *
 * Source: RFC 6066 §3 (server_name), RFC 9525 §6.3 (wildcards).
 * @module
 */
import { createHash } from "node:crypto";
import type { Certificate } from "../../ffi/openssl/certificate.ts";
import type { Pointer } from "../../ffi/openssl/openssl.ts";
import { hasKernelTls } from "../../ffi/socket/kernel_tls.ts";
import { ServerContext, type TlsProfile } from "../../ffi/openssl/server_context.ts";

/** Certificates of the same names, with different types of key, and what OpenSSL makes of them. */
interface Group {
  readonly names: readonly string[];
  readonly context: ServerContext;
}

/** The contexts of a server's certificates. */
export class Certificates {
  readonly #groups: readonly Group[];
  readonly #byName = new Map<string, Group>();

  /**
   * `certificates` has at least one, the first of which is for clients that ask for no name, or for an unknown one. The
   * caller may free them afterwards. With `givesSecrets`, handshakes give out what the kernel needs to write records;
   * with `answersChallenges`, they ask also whether an authority has come.
   * @throws {Error} when OpenSSL refuses one of them
   */
  constructor(
    profile: TlsProfile,
    certificates: readonly Certificate[],
    givesSecrets: boolean = hasKernelTls(),
    answersChallenges: boolean = false,
  ) {
    const byNames = new Map<string, Certificate[]>();
    for (const certificate of certificates) {
      const key = [...certificate.names].sort().join("\n");
      byNames.set(key, [...byNames.get(key) ?? [], certificate]);
    }
    const choosesByName = byNames.size > 1 || answersChallenges;
    const groups: Group[] = [];
    this.#groups = groups;
    try {
      for (const [key, same] of byNames) {
        const context = new ServerContext(profile, same, scopeOf(key), choosesByName, givesSecrets);
        groups.push({ names: same[0]!.names, context });
      }
    } catch (error) {
      this.free();
      throw error;
    }
    for (const group of groups) {
      for (const name of group.names) if (!this.#byName.has(name)) this.#byName.set(name, group);
    }
  }

  /** True if a client's name decides which certificate it gets. */
  get areSeveral(): boolean {
    return this.#groups.length > 1;
  }

  /** The context for clients that ask for no name. */
  get first(): Pointer {
    return this.#groups[0]!.context.pointer;
  }

  /** Returns the context for `name`: an exact name comes before a wildcard, and both before the first certificate. */
  select(name: string): Pointer {
    return (this.#find(name) ?? this.#groups[0]!).context.pointer;
  }

  /** Returns true if a certificate is valid for `name`, in lower case. */
  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Returns true if a connection for which `serverName` was asked may be used for `host`, too. */
  isSameFor(serverName: string, host: string): boolean {
    if (serverName === host) return true;
    const wanted = this.#find(host);
    return wanted === undefined || wanted === (this.#find(serverName) ?? this.#groups[0]!);
  }

  #find(name: string): Group | undefined {
    const exact = this.#byName.get(name);
    if (exact !== undefined) return exact;
    const dot = name.indexOf(".");
    return dot > 0 ? this.#byName.get(`*${name.slice(dot)}`) : undefined;
  }

  /** Ends the use for new connections. */
  free(): void {
    for (const { context } of this.#groups) context.free();
  }
}

/** Returns the 32 bytes that tell one group's sessions from another's. */
export function scopeOf(names: string): Uint8Array<ArrayBuffer> {
  const scope = new Uint8Array(new ArrayBuffer(128), 0, 32);
  scope.set(createHash("sha256").update(names).digest());
  return scope;
}
