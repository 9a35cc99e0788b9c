/**
 * Tries the whole table of faults, each by itself: `deno task faults [CALL…]`.
 *
 * Every error of every call is injected, at the first and at the third call, while all kinds of clients are served;
 * and then, for the calls that TLS and HTTP/2 make in their own way, while they are served over TLS, by HTTP/2, and both.
 * It prints the results, and ends with status 1 when the program did not survive an error as it must.
 * @module
 */
import { describeFault } from "./errnos.ts";
import { LocalTarget } from "./local_target.ts";
import { type Round, SECURE_CALLS, singleRounds, unnoticedRounds } from "./plan.ts";
import { whyNotTraced } from "./strace.ts";
import { type Report, Target } from "./target.ts";

const WHENS = [1, 3];

interface Row {
  tried: number;
  failed: number;
  noticed: number;
}

const rows = new Map<string, Row>();
const failures: string[] = [];

function note(call: string, { injected, noticed }: Report): void {
  const row = rows.get(call) ?? { tried: 0, failed: 0, noticed: 0 };
  row.tried++;
  row.failed += Math.min(injected, 1);
  row.noticed += noticed.length;
  rows.set(call, row);
}

async function traced(only: readonly string[], isSecure: boolean, speaksHttp2: boolean): Promise<void> {
  const kind = `${speaksHttp2 ? ", HTTP/2" : ""}${isSecure ? ", TLS" : ""}`;
  const targets = new Map<string, Target>();
  for (const round of singleRounds(WHENS)) {
    const call = round.faults.at(-1)!.call;
    if (only.length > 0 && !only.includes(call)) continue;
    if (kind !== "" && !SECURE_CALLS.includes(call)) continue;
    let target = targets.get(round.poller);
    if (target === undefined) {
      targets.set(
        round.poller,
        target = await Target.start(["--poller", round.poller], isSecure, speaksHttp2),
      );
    }
    try {
      note(`${call}${kind}`, await target.suffer(round.faults));
    } catch (error) {
      failures.push((error as Error).message);
      console.log((error as Error).message);
      await target[Symbol.asyncDispose]();
      targets.delete(round.poller);
    }
  }
  for (const target of targets.values()) {
    await target.end();
    await target[Symbol.asyncDispose]();
  }
}

async function local(round: Round): Promise<void> {
  await using target = await LocalTarget.start(round.poller);
  for (const fault of round.faults) {
    try {
      note(fault.call, await target.suffer([{ ...fault, when: 1 }]));
    } catch (error) {
      failures.push(describeFault(fault));
      console.log((error as Error).message);
    }
  }
}

const why = whyNotTraced();
if (why !== null) console.log(`SKIPPED: what strace would make fail: ${why}`);
else {
  for (const speaksHttp2 of [false, true]) {
    for (const isSecure of [false, true]) await traced(Deno.args, isSecure, speaksHttp2);
  }
}
if (Deno.args.length === 0) { for (const round of unnoticedRounds()) await local(round); }
console.log(`${"call".padEnd(26)}faults tried, that came about, that a client noticed`);
for (const [call, { tried, failed, noticed }] of rows) {
  console.log(`${call.padEnd(26)}${[tried, failed, noticed].map((n) => String(n).padStart(6)).join("")}`);
}
console.log(
  failures.length === 0 ? "all survived" : `${failures.length} of them were NOT survived as they must`,
);
Deno.exit(failures.length === 0 ? 0 : 1);
