/**
 * Deploys release after release while clients ask for them. Each client asks for several files at once, pipelined, so a
 * deploy comes between their answers: no answer may then be of an older release than the one before it.
 * @module
 */
import { sleep } from "../support/sleep.ts";
import { type Address, Client } from "./client.ts";
import { History, type Verdict, versionIn } from "./history.ts";

/** The files of a release. */
const NAMES = ["index.html", "app.js", "style.css"] as const;

/** What was found. */
export interface DeployFindings {
  readonly requests: number;
  /** A line for each wrong answer, the first ones. */
  readonly faults: readonly string[];
  readonly faultCount: number;
}

/** How releases are deployed, and who asks. */
export interface Deployment {
  readonly address: Address;
  /** A directory for the tree to deploy. */
  readonly dist: string;
  readonly clients: number;
  readonly count: number;
  /** Deploys `dist`; the link leads to the new release when this returns. */
  readonly deploy: () => Promise<void>;
  /** Called after each deploy. */
  readonly onDeployed?: (number: number) => void;
}

const FAULTS_TOLD_MAX = 20;
const PATIENCE_MS = 5000;

/** Writes the tree of a release. */
export function writeRelease(dist: string, number: number): void {
  Deno.mkdirSync(dist, { recursive: true });
  for (const name of NAMES) {
    Deno.writeFileSync(`${dist}/${name}`, new History(name).contentOf(number));
  }
}

/** Deploys release 1 to `count`, in a row, while clients ask for their files. Release 0 is served already. */
export async function deployUnderLoad(deployment: Deployment): Promise<DeployFindings> {
  const { address, dist, clients, count, deploy, onDeployed = () => {} } = deployment;
  const histories = NAMES.map((name) => new History(name));
  for (const history of histories) history.change(0, () => {});
  let isOver = false;
  let requests = 0;
  let faultCount = 0;
  const faults: string[] = [];
  const note = (fault: string) => {
    faultCount++;
    if (faults.length < FAULTS_TOLD_MAX) faults.push(fault);
  };
  const run = async () => {
    using client = new Client(address, PATIENCE_MS);
    while (!isOver) {
      const answers = await client.get(NAMES.map((name) => `/${name}`));
      answers.forEach((answer, i) => {
        const judged: Verdict = histories[i]!.judge(answer, null);
        if (judged.fault !== null) note(`${NAMES[i]}: ${judged.fault} (${judged.staleMs.toFixed(1)} ms)`);
      });
      const versions = answers.map(({ body }, i) => versionIn(body, NAMES[i]!) ?? -1);
      const isInOrder = versions.every((version, i) => version >= (versions[i - 1] ?? 0));
      if (!isInOrder) note(`one client got the releases ${versions.join(", ")}, in this order`);
      requests += answers.length;
    }
  };
  const running = Promise.all(Array.from({ length: clients }, run));
  for (let number = 1; number <= count; number++) {
    writeRelease(dist, number);
    const ends = histories.map((history) => history.begin(number));
    await deploy();
    for (const end of ends) end();
    onDeployed(number);
    const enough = requests + clients * NAMES.length;
    while (requests < enough) await sleep(1);
  }
  isOver = true;
  await running;
  return { requests, faults, faultCount };
}
