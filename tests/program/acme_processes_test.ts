/**
 * The processes of `--acme`: what those may do that serve clients, and that the next start goes on wherever one was killed.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { landlockAbi } from "../../ffi/process/landlock.ts";
import { AcmeSite, companionOf, companionsOf, workersOf } from "../support/acme_serving.ts";
import { compileProgram } from "../support/c_compiler.ts";
import { patient } from "../support/deadline.ts";
import { FakeAuthority } from "../support/fake_authority.ts";
import { certificateAt } from "../support/pebble.ts";
import { childrenOf, isRunning } from "../support/process.ts";
import { IS_EMULATED, REPOSITORY } from "../support/program.ts";
import { openssl } from "../support/test_certificates.ts";
import { eventually } from "../support/waiting.ts";

const NAME = "a.example.org";
const EACCES = 13;

/** Returns the public keys of a file's key and of its certificate. */
function keysOf(path: string): string[] {
  return [["pkey", "-pubout"], ["x509", "-noout", "-pubkey"]].map((words) => openssl(...words, "-in", path));
}

Deno.test(
  "a process that serves clients cannot connect to anything, and the one for certificates can",
  patient(300, async () => {
    if (IS_EMULATED || Deno.uid() !== 0) {
      return console.log("skipped: only root can make another process connect");
    }
    if (landlockAbi() < 4) {
      return console.log("skipped: Landlock of this kernel does not restrict connections");
    }
    await using authority = new FakeAuthority();
    using scene = new AcmeSite(authority);
    const tool = `${scene.root}/connect_inside`;
    if (!await compileProgram(`${REPOSITORY}tests/support/connect_inside.c`, tool)) return;
    await using program = await scene.serve(NAME, "--workers", "2");
    await scene.served(NAME);
    const connect = async (pid: number) => {
      const { stdout, stderr } = await new Deno.Command(tool, { args: [`${pid}`, `${authority.port}`] })
        .output();
      return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    };
    const workers = workersOf(program);
    assertEquals(workers.length, 2);
    for (const worker of workers) assertEquals(await connect(worker), `0 ${EACCES}\n`);
    assertEquals(await connect(companionOf(program)!), "0 0\n");
    // They go on.
    assertEquals(workersOf(program), workers);
    await scene.served(NAME);
    Deno.removeSync(`${scene.dir}/${NAME}.pem`);
    await eventually(() => authority.orders.length === 2, "the process for certificates does not go on");
  }),
);

/** A step of an issue: a path at which the authority holds its answer back. */
const STEPS = [
  "/dir",
  "/newNonce",
  "/newAccount",
  "/newOrder",
  "/authorization",
  "/challenge",
  "/finalize",
  "/order",
  "/certificate",
] as const;

/** An authority that holds back the answers to one path, while `holds` is true. */
class HoldingAuthority extends FakeAuthority {
  held = 0;
  path = "";
  #release = () => {};

  constructor() {
    super((path) => {
      if (path !== this.path) return null;
      this.held++;
      return new Promise((resolve) => this.#release = () => resolve(null));
    });
  }

  async hold(path: string): Promise<void> {
    const before = this.held;
    this.path = path;
    await eventually(() => this.held > before, `${path} is not asked for`);
  }

  goOn(): void {
    this.path = "";
    this.#release();
  }
}

Deno.test(
  "the process for certificates may be killed at each step of an issue: it is started again and goes on, and files are whole",
  patient(900, async () => {
    await using authority = new HoldingAuthority();
    using scene = new AcmeSite(authority);
    const file = `${scene.dir}/${NAME}.pem`;
    await using program = await scene.serve(NAME);
    let shown = await scene.served(NAME);
    for (const step of STEPS) {
      if (step === "/newAccount") Deno.removeSync(`${scene.dir}/accounts`, { recursive: true });
      const holding = authority.hold(step);
      scene.change(NAME, { renewAtMs: 1 });
      await holding;
      const killed = companionOf(program)!;
      Deno.kill(killed, "SIGKILL");
      await eventually(() => !isRunning(killed), `${step}: it is still there`);
      authority.goOn();
      assertEquals(keysOf(file)[0], keysOf(file)[1], step);
      assertEquals(await certificateAt(scene.tlsPort, NAME), shown, step);
      shown = await scene.served(NAME, shown);
      assertEquals(companionsOf(program.pid).length, 1, step);
      assertEquals(keysOf(file)[0], keysOf(file)[1], step);
    }
    const remains = [...Deno.readDirSync(scene.dir), ...Deno.readDirSync(`${scene.dir}/challenges`)]
      .map(({ name }) => name).sort();
    assertEquals(remains, [`${NAME}.json`, `${NAME}.pem`, "accounts", "challenges", "lock"]);
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    assertEquals(code, 0, stderr);
    assertEquals(
      stderr.match(
        /^epollet: The process for certificates \(\d+\) was killed by signal 9; it is started again$/mg,
      )
        ?.length,
      STEPS.length,
      stderr,
    );
  }),
);

Deno.test(
  "the server may be killed at each step of the first issue: no process is left, and the next start gets the certificate",
  patient(900, async () => {
    for (const step of ["/newAccount", "/authorization", "/certificate"] as const) {
      await using authority = new HoldingAuthority();
      using scene = new AcmeSite(authority);
      const holding = authority.hold(step);
      {
        await using program = await scene.serve(NAME);
        await holding;
        const all = childrenOf(program.pid);
        assertEquals(all.length, 2);
        Deno.kill(program.pid, "SIGKILL");
        await eventually(() => !all.some(isRunning), `${step}: processes are left`);
      }
      authority.goOn();
      await using program = await scene.serve(NAME);
      await scene.served(NAME);
      assertEquals(companionsOf(program.pid).length, 1);
      assertEquals([...Deno.readDirSync(`${scene.dir}/challenges`)], []);
    }
  }),
);

Deno.test(
  "a reload and an upgrade in the middle of an issue leave one process for certificates, which gets the certificate",
  patient(600, async () => {
    for (const signal of ["SIGHUP", "SIGUSR2"] as const) {
      await using authority = new HoldingAuthority();
      using scene = new AcmeSite(authority);
      scene.write("epollet.json", `{ "cacheSize": 1000000 }`);
      const holding = authority.hold("/authorization");
      await using program = await scene.serve(NAME, "--config", `${scene.root}/epollet.json`);
      await holding;
      const before = childrenOf(program.pid);
      program.kill(signal);
      let pid = program.pid;
      if (signal === "SIGUSR2") {
        await eventually(
          () => childrenOf(program.pid).some((child) => !before.includes(child)),
          "no successor",
        );
        pid = childrenOf(program.pid).find((child) => !before.includes(child))!;
        assertEquals(await program.exit(), 0);
        await eventually(() => !before.some(isRunning), "processes of the old program are left");
      } else {
        await eventually(
          () => workersOf(program).every((child) => !before.includes(child)),
          "no new workers",
        );
      }
      try {
        authority.goOn();
        await scene.served(NAME);
        assertEquals(companionsOf(pid).length, 1, signal);
        assertEquals(keysOf(`${scene.dir}/${NAME}.pem`)[0], keysOf(`${scene.dir}/${NAME}.pem`)[1]);
      } finally {
        if (pid !== program.pid) {
          const all = childrenOf(pid);
          Deno.kill(pid, "SIGTERM");
          await eventually(() => ![pid, ...all].some(isRunning), "the new program does not end");
        }
      }
    }
  }),
);

Deno.test(
  "the process for certificates ends with the server, however that ends, and is started again ever more slowly when it cannot stay",
  patient(300, async () => {
    await using authority = new FakeAuthority();
    using scene = new AcmeSite(authority);
    for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const) {
      await using program = await scene.serve(NAME);
      await scene.served(NAME);
      const all = childrenOf(program.pid);
      assertEquals(all.length, 2);
      program.kill(signal);
      await eventually(() => !all.some(isRunning), `${signal}: processes are left`);
    }
    await using program = await scene.serve(NAME);
    await eventually(() => companionOf(program) !== undefined, "there is no process for certificates");
    const workers = workersOf(program);
    const startedAgain = () => childrenOf(program.pid).find((child) => !workers.includes(child));
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      const killed = startedAgain()!;
      const killedMs = performance.now();
      Deno.kill(killed, "SIGKILL");
      await eventually(() => ![undefined, killed].includes(startedAgain()), "it is not started again");
      pauses.push(performance.now() - killedMs);
    }
    assert(pauses[0]! < 1200 && pauses.at(-1)! > 1500, `${pauses}`);
    assertMatch(await scene.admin("/readyz"), /^200 /);
  }),
);
