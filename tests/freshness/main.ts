/**
 * The program of `deno task freshness`. Files change in every way while clients ask for them, and each answer is judged:
 *
 * - `deno task freshness [URL ROOT]` tries the server that serves the directory ROOT at URL, or all servers that are
 *   installed. `--seconds N` (10), `--clients N` (16).
 * - `deno task freshness --deploys [COUNT]` deploys COUNT releases (200) by `epollet deploy`. `--clients N` (64), and flags
 *   of the server such as `--workers 2`.
 * @module
 */
import { contestants } from "../../bench/servers.ts";
import { start, stop, waitFor } from "../../bench/process.ts";
import { Program, programCommand } from "../support/program.ts";
import { SEED } from "../support/random.ts";
import { deployUnderLoad, writeRelease } from "./deploys.ts";
import { type Findings, tryServer } from "./freshness.ts";
import { details, isFaulty, type Row, table } from "./report.ts";

const args = [...Deno.args];

const USAGE = `deno task freshness [URL ROOT] [--seconds N] [--clients N]
deno task freshness --deploys [COUNT] [--clients N] [FLAGS OF THE SERVER]`;

function fail(message: string): never {
  console.error(`freshness: ${message}`);
  Deno.exit(2);
}

/** Removes a flag from the arguments, and returns its value; null without the flag, `otherwise` without a value. */
function take(name: string, otherwise: number | null = null): number | null {
  const at = args.indexOf(name);
  if (at < 0) return null;
  const [, text] = args.splice(at, args[at + 1] === undefined || args[at + 1]!.startsWith("-") ? 1 : 2);
  const value = text === undefined ? otherwise : /^[1-9]\d{0,5}$/.test(text) ? Number(text) : null;
  return value ?? fail(`${name} takes a number from 1 on, such as ${name} 10`);
}

if (args.includes("--help") || args.includes("-h")) {
  console.log(USAGE);
  Deno.exit(0);
}
const deploys = take("--deploys", 200);
const clients = take("--clients");
const seconds = take("--seconds") ?? 10;

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function trial(url: URL, directory: string): Promise<Findings> {
  const endMs = performance.now() + seconds * 1000;
  return tryServer({
    address: { hostname: hostOf(url), port: Number(url.port || 80) },
    base: url.pathname.replace(/\/$/, ""),
    directory,
    clients: clients ?? 16,
    isDone: () => performance.now() > endMs,
    pauseMs: 8,
    settleMs: 3000,
    patienceMs: 2000,
  });
}

/** Tries a server that runs already, in a new directory below the one that it serves. */
async function tryRunning(address: string, root: string | undefined): Promise<boolean> {
  const url = URL.parse(address);
  if (url?.protocol !== "http:") {
    fail(
      `${address} is no URL that begins with http://: write deno task freshness http://127.0.0.1:80/ ROOT`,
    );
  }
  if (root === undefined) {
    fail(`ROOT is missing: write deno task freshness ${address} DIR, with what it serves`);
  }
  if (!isDirectory(root)) fail(`${root} is no directory: name the one that is served at ${address}`);
  try {
    (await Deno.connect({ hostname: hostOf(url), port: Number(url.port || 80) })).close();
  } catch (error) {
    fail(`cannot reach ${url.host}: ${(error as Error).message}: start the server first`);
  }
  const directory = Deno.makeTempDirSync({ dir: root, prefix: "epollet-freshness-" });
  Deno.chmodSync(directory, 0o755);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      Deno.removeSync(directory, { recursive: true });
      Deno.exit(1);
    });
  }
  try {
    const below = new URL(
      `${url.pathname.replace(/\/$/, "")}/${directory.slice(directory.lastIndexOf("/") + 1)}`,
      url,
    );
    return show([{ name: url.host, findings: await trial(below, directory) }]);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Starts each installed server, and tries it. True if epollet made no mistake. */
async function tryInstalled(): Promise<boolean> {
  const work = Deno.makeTempDirSync({ prefix: "epollet-freshness-" });
  Deno.chmodSync(work, 0o755);
  const rows: Row[] = [];
  try {
    for (const contestant of contestants(work, `${work}/site`)) {
      if (contestant.isFloor || contestant.isFrozen) continue;
      Deno.mkdirSync(`${work}/site`);
      const process = start(contestant);
      try {
        await waitFor(contestant.port);
        const findings = await trial(new URL(`http://127.0.0.1:${contestant.port}/`), `${work}/site`);
        rows.push({ name: `${contestant.name} ${contestant.version}`, findings });
        console.log(`${rows.at(-1)!.name}: ${isFaulty(findings) ? "" : "nothing"}`);
        for (const line of details(findings)) console.log(`  ${line}`);
      } finally {
        await stop(process);
        Deno.removeSync(`${work}/site`, { recursive: true });
      }
    }
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
  console.log(`\n${table(rows)}`);
  return !isFaulty(rows[0]!.findings);
}

function show(rows: readonly Row[]): boolean {
  console.log(table(rows));
  for (const { findings } of rows) for (const line of details(findings)) console.log(line);
  return !rows.some(({ findings }) => isFaulty(findings));
}

/** Deploys releases while clients ask for them. */
async function tryDeploys(count: number, flags: readonly string[]): Promise<boolean> {
  const work = Deno.makeTempDirSync({ prefix: "epollet-freshness-" });
  const [dist, link] = [`${work}/dist`, `${work}/srv/current`];
  Deno.mkdirSync(`${work}/srv`);
  const [program, ...rest] = programCommand(["deploy", dist, "--to", link]);
  const deploy = async () => {
    const { success, stderr } = await new Deno.Command(program, { args: rest, stdout: "null" }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  try {
    writeRelease(dist, 0);
    await deploy();
    await using server = await Program.start(link, flags);
    const found = await deployUnderLoad({
      address: { hostname: "127.0.0.1", port: server.port },
      dist,
      clients: clients ?? 64,
      count,
      deploy,
      onDeployed: (number) => number % 20 === 0 && console.log(`${number} releases deployed`),
    });
    console.log(
      `${count} deploys, ${found.requests.toLocaleString("en")} answers to ${clients ?? 64} clients: ` +
        `${found.faultCount} wrong`,
    );
    for (const fault of found.faults) console.log(`  ${fault}`);
    return found.faultCount === 0;
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

console.log(`EPOLLET_SEED=${SEED} deno task freshness ${Deno.args.join(" ")}`);
const [url, root] = args;
const isRight = deploys !== null
  ? await tryDeploys(deploys, args)
  : url === undefined
  ? await tryInstalled()
  : await tryRunning(url, root);
Deno.exit(isRight ? 0 : 1);
