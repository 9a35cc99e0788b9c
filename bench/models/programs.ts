/**
 * Prepares what the models need: compiles the programs in C, and finds out which models this machine cannot run.
 * @module
 */
import { exchange } from "../measure.ts";
import { has, run } from "../process.ts";
import { makeSmallSite } from "../workloads.ts";
import { GEVENT, type Kind, type Model, MODELS } from "./models.ts";
import { ECHO_MESSAGE, ModelServer, PYTHON, SITE_PATH } from "./servers.ts";
import type { Reason } from "./words.ts";

const bench = new URL("../", import.meta.url).pathname;

/** The poller that kernels and containers may refuse. */
const REFUSED_POLLER = "io-uring";

/** The models that can be measured here, and why the others cannot. */
export interface Selection {
  readonly models: readonly Model[];
  readonly leftOut: ReadonlyMap<string, Reason>;
}

/** Returns the path of a C program's source. */
export function sourceOf(program: string): string {
  return program === "floor" ? `${bench}floor.c` : `${bench}models/${program}.c`;
}

/**
 * Fills the directory `work`: the site, the compiled programs, and the responses of those that send prepared ones.
 * Starts this server once for each thing that the machine may refuse.
 */
export async function prepare(work: string): Promise<Selection> {
  const leftOut = new Map<string, Reason>();
  const leaveOut = (reason: Reason, isConcerned: (model: Model) => boolean) => {
    for (const model of MODELS.filter(isConcerned)) leftOut.set(model.label, reason);
  };
  const isOf = (kind: Kind) => (model: Model) => model.kind === kind;
  makeSmallSite(`${work}/site`);
  Deno.writeTextFileSync(`${work}/echo`, ECHO_MESSAGE);
  await saveResponse(work);
  if (has("cc")) compile(work);
  else leaveOut({ "en": "there is no C compiler `cc`", "zh-CN": "没有 C 编译器 `cc`" }, isOf("c"));
  if (!runsPython("")) {
    leaveOut({ "en": `there is no \`${PYTHON}\``, "zh-CN": `没有 \`${PYTHON}\`` }, isOf("python"));
  } else if (!runsPython("import gevent")) {
    const reason = { "en": "`python3-gevent` is not installed", "zh-CN": "没有安装 `python3-gevent`" };
    leaveOut(reason, (model) => model === GEVENT);
  }
  const refusable = MODELS.find(({ program, kind }) => program === REFUSED_POLLER && kind === "callback");
  const said = refusable === undefined ? null : await refusal(refusable, work);
  if (said !== null) {
    const reason = { "en": `the server says "${said}"`, "zh-CN": `服务器的提示是“${said}”` };
    leaveOut(reason, ({ program }) => program === REFUSED_POLLER);
  }
  return { models: MODELS.filter(({ label }) => !leftOut.has(label)), leftOut };
}

function compile(work: string): void {
  for (const { program } of MODELS.filter(({ kind }) => kind === "c")) {
    run("cc", ["-O2", "-Wall", "-Wextra", "-pthread", "-o", `${work}/${program}`, sourceOf(program)]);
  }
}

/** Saves this server's response to the request that is measured: the C programs send the same. */
async function saveResponse(work: string): Promise<void> {
  await using server = await ModelServer.start(MODELS[0]!, "static", work);
  Deno.writeFileSync(`${work}/response`, await exchange(server.port, SITE_PATH, ""));
}

function runsPython(program: string): boolean {
  try {
    const command = new Deno.Command(PYTHON, { args: ["-c", program], stdout: "null", stderr: "null" });
    return command.outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Starts `model` once, and returns the last line of its error log when it refuses; null when it serves. */
async function refusal(model: Model, work: string): Promise<string | null> {
  try {
    await using _server = await ModelServer.start(model, "echo", work);
    return null;
  } catch (error) {
    return (error as Error).message.trim().split("\n").at(-1)!;
  }
}
