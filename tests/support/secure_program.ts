/**
 * The program with a certificate, so that it speaks HTTPS.
 * @module
 */
import { Program } from "./program.ts";
import { type CertificateWish, TestCertificates } from "./test_certificates.ts";

const WISH: CertificateWish = { names: ["localhost", "127.0.0.1"], isIssued: true };

/** A running program and its certificate; `await using` ends it. */
export class SecureProgram {
  readonly program: Program;
  readonly certificates: TestCertificates;
  /** The file with the certificate. */
  readonly certificate: string;

  private constructor(program: Program, certificates: TestCertificates, certificate: string) {
    this.program = program;
    this.certificates = certificates;
    this.certificate = certificate;
  }

  /** Starts the program for the site at `root`, on a port that the kernel chooses, with further flags. */
  static async start(
    root: string,
    flags: readonly string[] = [],
    wish: CertificateWish = WISH,
  ): Promise<SecureProgram> {
    const certificates = new TestCertificates();
    try {
      const { cert, key } = certificates.make(wish);
      const path = certificates.write(cert);
      const own = ["--no-config", "--tls-cert", path, "--tls-key", certificates.write(key)];
      return new SecureProgram(await Program.start(root, [...own, ...flags]), certificates, path);
    } catch (error) {
      certificates[Symbol.dispose]();
      throw error;
    }
  }

  get port(): number {
    return this.program.port;
  }

  get pid(): number {
    return this.program.pid;
  }

  /** The file with the certificate of the authority, which clients have to trust. */
  get authority(): string {
    return this.certificates.root;
  }

  /** The URL of `path`. */
  url(path = "/"): string {
    return `https://localhost:${this.port}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    this.certificates[Symbol.dispose]();
  }
}
