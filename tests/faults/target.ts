/**
 * The program as the target of faults, with checks before, during and after its calls fail.
 * @module
 */
import { assert } from "@std/assert";
import { Program } from "../support/program.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { local } from "../support/tls_serving.ts";
import {
  type Connect,
  connector,
  Downloader,
  FaultSite,
  type Outcome,
  serveAll,
  twentyMore,
  whoNoticed,
} from "./clients.ts";
import { describeFailure, type Fault } from "./errnos.ts";
import { connectionsGivenUp, descriptorsHeld } from "./held.ts";
import { withFaults } from "./strace.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";

/** How long an idle server is watched, and how much CPU time it may use meanwhile. */
const QUIET_MS = 40;
const BUSY_MS_MAX = 20;

/** The result of some faults. */
export interface Report {
  /** The number of calls that failed: 0 when there were too few of them. */
  readonly injected: number;
  /** The clients that noticed a fault. */
  readonly noticed: readonly Outcome[];
}

/** One program for all faults; `await using` ends it. */
export class Target {
  readonly files: FaultSite;
  readonly program: Program;
  readonly #certificates: TestCertificates;
  readonly #connect: Connect;
  readonly #descriptors: number;

  private constructor(
    files: FaultSite,
    certificates: TestCertificates,
    program: Program,
    connect: Connect,
    descriptors: number,
  ) {
    this.files = files;
    this.#certificates = certificates;
    this.program = program;
    this.#connect = connect;
    this.#descriptors = descriptors;
  }

  /** Starts the program with `args`; with a certificate if `isSecure`. The clients may speak HTTP/2. */
  static async start(
    args: readonly string[] = [],
    isSecure = false,
    speaksHttp2 = false,
  ): Promise<Target> {
    const files = new FaultSite();
    const certificates = new TestCertificates();
    const own = ["--no-config", "--browse"];
    if (isSecure) {
      const { cert, key } = local;
      own.push("--tls-cert", certificates.write(cert), "--tls-key", certificates.write(key));
    }
    const program = await Program.start(files.site.root, [...own, ...args]);
    const { port } = program;
    const connect = connector(port, isSecure, speaksHttp2);
    // Warms up: then the code is compiled, and permanent descriptors are open.
    await twentyMore(connect, files.fresh(), files);
    await sleep(QUIET_MS);
    return new Target(files, certificates, program, connect, descriptorsHeld(program.pid, files.site.root));
  }

  /** The threads of the program, without the one that runs JavaScript. */
  get otherThreads(): number[] {
    return Array.from(Deno.readDirSync(`/proc/${this.program.pid}/task`), ({ name }) => Number(name))
      .filter((tid) => tid !== this.program.pid);
  }

  /**
   * Makes these calls fail while all kinds of clients are served.
   * @throws {Error} unless the program survives that as it must
   */
  async suffer(faults: readonly Fault[], tids: readonly number[] = [this.program.pid]): Promise<Report> {
    const connect = this.#connect;
    const directory = this.files.fresh();
    const givenUp = connectionsGivenUp();
    try {
      let outcomes: Outcome[] = [];
      const downloader = await Downloader.start(connect);
      const injected = await withFaults(tids, faults, async () => {
        outcomes = await serveAll(connect, directory, this.files, downloader);
      });
      await this.#assertWell(directory);
      return { injected, noticed: whoNoticed(outcomes, injected + connectionsGivenUp() - givenUp) };
    } catch (error) {
      throw describeFailure(faults, error);
    }
  }

  /**
   * Checks that the program serves, holds no more descriptors than before, and is idle when there are no requests.
   */
  async #assertWell(directory: string): Promise<void> {
    const { pid } = this.program;
    await twentyMore(this.#connect, directory, this.files);
    const held = () => descriptorsHeld(pid, this.files.site.root);
    await eventually(
      () => held() <= this.#descriptors,
      `more descriptors are open than ${this.#descriptors}`,
    );
    for (let attempt = 0;; attempt++) { // garbage collection ends at some time, a busy loop does not
      const before = busyMs(pid);
      await sleep(QUIET_MS);
      const busy = busyMs(pid) - before;
      if (busy <= BUSY_MS_MAX) return;
      assert(attempt < 5, `it was busy for ${busy} of ${QUIET_MS} ms with nothing to do`);
    }
  }

  /** Ends the program in order, and returns its standard error. @throws {Error} when it does not end with status 0 */
  async end(): Promise<string> {
    this.program.kill("SIGTERM");
    const { code, stderr } = await this.program.finish();
    assert(code === 0, `it ended with status ${code}: ${stderr}`);
    return stderr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    this.files[Symbol.dispose]();
    this.#certificates[Symbol.dispose]();
  }
}

/** Returns the CPU time of the thread that runs JavaScript. */
function busyMs(pid: number): number {
  return Number(Deno.readTextFileSync(`/proc/${pid}/task/${pid}/schedstat`).split(" ")[0]) / 1e6;
}
