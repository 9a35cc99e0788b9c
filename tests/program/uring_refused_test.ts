/**
 * `--poller io-uring` where the kernel or a filter of system calls has no io_uring: one sentence says why, and what to do.
 * No other poller is taken instead.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ENOSYS, EPERM } from "../../ffi/libc/errno.ts";
import { SYS_io_uring_setup } from "../../ffi/uring/constants.ts";
import { compileProgram } from "../support/c_compiler.ts";
import { OWN_MOUNTS } from "../support/own_mounts.ts";
import { DENO, IS_EMULATED, programCommand, REPOSITORY, Site } from "../support/program.ts";
import { exchange, get } from "../support/wire.ts";
import { Program } from "../support/program.ts";
import { URING_ABSENCE } from "../support/uring.ts";

const SETTING = "/proc/sys/kernel/io_uring_disabled";
const BY_FILTER =
  "Cannot create an io_uring: EPERM (operation not permitted): a filter of system calls refuses it, " +
  "as those of Docker and containerd do; permit it there, or choose another poller";
const BY_SETTING = "Cannot create an io_uring: EPERM (operation not permitted): the setting " +
  "kernel.io_uring_disabled is 2; set it to 0 by sysctl, or choose another poller";
const TOO_OLD =
  "Cannot create an io_uring: ENOSYS (not implemented by this kernel): Linux 5.13 or newer is needed; " +
  "choose another poller";

/** Compiles the filter. Returns null when that is impossible. */
async function filterIn(directory: Site): Promise<string | null> {
  if (IS_EMULATED || URING_ABSENCE !== null) return null; // the filter would apply to the emulator
  const program = directory.path("refuse_calls");
  return await compileProgram(`${REPOSITORY}tests/support/refuse_calls.c`, program) ? program : null;
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run([name, ...args]: readonly string[]): Promise<Ended> {
  const decoder = new TextDecoder();
  const output = await new Deno.Command(name!, { args, cwd: REPOSITORY, stdout: "piped", stderr: "piped" })
    .output();
  return { code: output.code, stdout: decoder.decode(output.stdout), stderr: decoder.decode(output.stderr) };
}

Deno.test("where a filter of system calls refuses io_uring, the program says so in one sentence, and ends with 1", async () => {
  using directory = new Site({ "a.txt": "hello" });
  const filter = await filterIn(directory);
  if (filter === null) return;
  const settings = ["--no-config", "--port", "0", "--poller", "io-uring", "--root", directory.root];
  for (const [errno, sentence] of [[EPERM, BY_FILTER], [ENOSYS, TOO_OLD]] as const) {
    for (const more of [[], ["--coroutine"], ["--workers", "2"], ["--check"]]) {
      const command = programCommand([...settings, ...more]);
      const ended = await run([filter, String(errno), String(SYS_io_uring_setup), ...command]);
      assertEquals(ended, { code: 1, stdout: "", stderr: `epollet: ${sentence}\n` }, more.join(" "));
    }
  }
  const others = programCommand(["--no-config", "--port", "0", "--root", directory.root]);
  await using program = await Program.startCommand([
    filter,
    String(EPERM),
    String(SYS_io_uring_setup),
    ...others,
  ]);
  assertEquals((await exchange(program.port, get("/a.txt"))).text, "hello", "other pollers do not need it");
});

Deno.test("where a setting of the kernel refuses io_uring, the sentence names the setting", async () => {
  using directory = new Site({ setting: "2\n" });
  const filter = await filterIn(directory);
  if (filter === null) return;
  if (OWN_MOUNTS.length === 0) return console.log("SKIPPED: mounting is not permitted");
  if (!Deno.readTextFileSync(SETTING).startsWith("0")) return console.log("SKIPPED: the setting is in use");
  const command = programCommand(["--no-config", "--port", "0", "--poller", "io-uring"]);
  const quoted = [filter, String(EPERM), String(SYS_io_uring_setup), ...command].map((word) => `'${word}'`);
  const script = `mount --bind '${directory.path("setting")}' ${SETTING} && exec ${quoted.join(" ")}`;
  const ended = await run([...OWN_MOUNTS, "sh", "-c", script]);
  assertEquals(ended, { code: 1, stdout: "", stderr: `epollet: ${BY_SETTING}\n` });
});

Deno.test("an embedder gets the same sentence as a SystemError, from the poller and from the class", async () => {
  using directory = new Site({
    "embedder.ts": `
      import { createPoller, serve, SystemError, Uring } from "${REPOSITORY}mod.ts";
      const handler = () => { throw new Error("not reached"); };
      for (const make of [
        () => serve({ port: 0, handler, poller: "io-uring" }),
        () => createPoller("io-uring"),
        () => new Uring(),
      ]) {
        try {
          make();
        } catch (error) {
          if (!(error instanceof SystemError)) throw error;
          console.log(error.code, error.call, error.message);
        }
      }
    `,
  });
  const filter = await filterIn(directory);
  if (filter === null) return;
  const config = `${REPOSITORY}deno.json`;
  const args = [
    "run",
    "--no-check",
    "--no-prompt",
    "--config",
    config,
    "--allow-ffi",
    directory.path("embedder.ts"),
  ];
  const ended = await run([filter, String(EPERM), String(SYS_io_uring_setup), ...DENO, ...args]);
  assertEquals(ended.stderr, "");
  assertEquals(ended.stdout, `EPERM io_uring_setup ${BY_FILTER}\n`.repeat(3));
  assert(ended.code === 0);
});
