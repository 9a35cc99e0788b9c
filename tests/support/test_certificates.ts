/**
 * Certificates for tests, made by the command `openssl`.
 * @module
 */
import { assert } from "@std/assert";

/** The names of this machine. */
export const LOCAL_NAMES = ["localhost", "127.0.0.1"] as const;

/** What to make. */
export interface CertificateWish {
  /** The names, such as `example.org` or `*.example.org`; addresses are told by their form. */
  readonly names: readonly string[];
  /** `ec` (P-256), `rsa:2048`, `ed25519`. Default `ec`. */
  readonly key?: string;
  /** Days from now to the end. Default 30; negative for one that has expired. */
  readonly days?: number;
  /** Days from now to the beginning. Default: some time ago. */
  readonly from?: number;
  /** Whether an intermediate authority issues it. Default false: it is its own issuer. */
  readonly isIssued?: boolean;
}

/** A certificate with its chain, and its key, both as PEM text. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A directory with certificates. `using` removes it. */
export class TestCertificates {
  readonly directory: string = Deno.makeTempDirSync({ prefix: "epollet-test-" });
  #count = 0;

  /** The certificate of the root authority. */
  get root(): string {
    return `${this.directory}/root.pem`;
  }

  /** Makes a certificate. */
  make(wish: CertificateWish): TestCertificate {
    const { names, key = "ec", days = 30, from = Math.min(-1, days - 60), isIssued = false } = wish;
    const base = `${this.directory}/${++this.#count}`;
    this.#makeKey(`${base}.key`, key);
    const subject = names[0] ?? "nameless";
    Deno.writeTextFileSync(
      `${base}.req`,
      `[req]\ndistinguished_name=n\nprompt=no\n[n]\nCN=${subject}\n`,
    );
    openssl("req", "-new", "-config", `${base}.req`, "-key", `${base}.key`, "-out", `${base}.csr`);
    const cert = this.#sign(base, { names, days, from, isIssued });
    return { cert, key: Deno.readTextFileSync(`${base}.key`) };
  }

  /** Signs a certificate request, with an extension that names the key of the authority. Returns the certificate and its chain. */
  sign(request: string, { names, days = 30, from = -1 }: CertificateWish): string {
    const base = `${this.directory}/${++this.#count}`;
    Deno.writeTextFileSync(`${base}.csr`, request);
    return this.#sign(base, { names, days, from, isIssued: true }, "authorityKeyIdentifier=keyid:always\n");
  }

  #sign(base: string, wish: Required<Omit<CertificateWish, "key">>, extension = ""): string {
    const { names, days, from, isIssued } = wish;
    const alternatives = names.map((name) => /^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`).join(
      ",",
    );
    if (isIssued) this.#ensureAuthority();
    Deno.writeTextFileSync(
      `${base}.cnf`,
      `[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=${this.directory}\ndatabase=${base}.index\nrand_serial=yes\n` +
        `default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n` +
        `[leaf]\n${
          alternatives === "" ? "" : `subjectAltName=${alternatives}\n`
        }basicConstraints=CA:FALSE\n${extension}`,
    );
    Deno.writeTextFileSync(`${base}.index`, "");
    const date = (day: number) =>
      new Date(Date.now() + day * 86_400_000).toISOString().replace(/\D/g, "").slice(0, 14) + "Z";
    const issuer = isIssued
      ? ["-cert", `${this.directory}/middle.pem`, "-keyfile", `${this.directory}/middle.key`]
      : ["-selfsign", "-keyfile", `${base}.key`];
    openssl(
      ...["ca", "-batch", "-notext", "-config", `${base}.cnf`, "-extensions", "leaf", "-in", `${base}.csr`],
      ...["-subj", `/CN=${names[0] ?? "nameless"}`, "-out", `${base}.pem`],
      ...["-startdate", date(from), "-enddate", date(days), ...issuer],
    );
    const chain = isIssued ? Deno.readTextFileSync(`${this.directory}/middle.pem`) : "";
    return Deno.readTextFileSync(`${base}.pem`) + chain;
  }

  /** Writes a certificate and its key to files. Returns their paths. */
  files({ cert, key }: TestCertificate): [cert: string, key: string] {
    return [this.write(cert), this.write(key)];
  }

  /** Returns the flags for a new certificate; by default one for this machine that an authority has issued. */
  flags(wish: CertificateWish = { names: LOCAL_NAMES, isIssued: true }): string[] {
    const [cert, key] = this.files(this.make(wish));
    return ["--tls-cert", cert, "--tls-key", key];
  }

  /** Writes `text` to a file, by default a new one. Returns its path. */
  write(text: string, name: string = `file-${++this.#count}.pem`): string {
    const path = `${this.directory}/${name}`;
    Deno.writeTextFileSync(path, text);
    return path;
  }

  #makeKey(path: string, kind: string): void {
    const [algorithm, bits] = kind.split(":");
    const options = algorithm === "ec"
      ? ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
      : algorithm === "rsa"
      ? ["-algorithm", "RSA", "-pkeyopt", `rsa_keygen_bits:${bits}`]
      : ["-algorithm", algorithm!];
    openssl("genpkey", ...options, "-out", path);
  }

  #ensureAuthority(): void {
    const path = (name: string) => `${this.directory}/${name}`;
    try {
      if (Deno.statSync(path("middle.pem")).isFile) return;
    } catch { // it is made now
    }
    this.#makeKey(path("root.key"), "ec");
    this.#makeKey(path("middle.key"), "ec");
    const authority = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign"];
    const root = [
      "req",
      "-x509",
      "-key",
      path("root.key"),
      "-days",
      "3650",
      "-subj",
      "/CN=Test Root",
      ...authority,
    ];
    openssl(...root, "-out", path("root.pem"));
    openssl(
      "req",
      "-new",
      "-key",
      path("middle.key"),
      "-subj",
      "/CN=Test Middle",
      "-out",
      path("middle.csr"),
    );
    Deno.writeTextFileSync(
      path("middle.ext"),
      "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\nsubjectKeyIdentifier=hash\n",
    );
    openssl(
      ...["x509", "-req", "-in", path("middle.csr"), "-CA", path("root.pem"), "-CAkey", path("root.key")],
      ...["-days", "3650", "-extfile", path("middle.ext"), "-out", path("middle.pem")],
    );
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** Runs the command `openssl`. */
export function openssl(...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command("openssl", { args }).outputSync();
  assert(success, `openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
