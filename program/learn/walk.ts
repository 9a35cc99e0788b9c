/**
 * The walk through the lesson: shows a step, runs its server, shows what connections go through, and reads the keys.
 * @module
 */
import { callCount, observeCalls } from "../../ffi/libc/libc.ts";
import { shellLine } from "../../ffi/process/command.ts";
import { cpuSeconds } from "../../ffi/process/usage.ts";
import { printable } from "../../server/usage_error.ts";
import { storyLines, type Style } from "./diagram.ts";
import { Recorder } from "./recorder.ts";
import { choosePoller, type ChosenPoller, StepServer } from "./step_server.ts";
import type { Story } from "./story.ts";
import { type Place, type Step, STEPS } from "./steps.ts";
import { type StepText, type Words, wrapped } from "./words.ts";

const COLUMNS = 79;
/** How often it is looked whether there is something to show. */
const LOOK_INTERVAL_MS = 100;
/** How long it is measured what the server does without a client. */
const QUIET_MS = 1000;
/** Of connections that are due at the same time, those that are shown: with a response, and without one. */
const SHOWN_MAX = { answered: 2, others: 1 } as const;
/** How long only connections with a response are shown, after some were left out. */
const CROWD_MS = 2000;

const BOLD = 1;
const CYAN = 36;

/** The surroundings of a walk. */
export interface WalkOptions {
  readonly words: Words;
  /** The first step, from 0 on. */
  readonly first: number;
  /** Prints a line. */
  readonly say: (line: string) => void;
  readonly style: Style;
  /** The lines that the user types. */
  readonly lines: AsyncIterator<string>;
  /** Whether all steps are shown when there are no lines at all. */
  readonly showsAll: boolean;
  /** Settles when the walk has to end. */
  readonly ended: Promise<void>;
}

/** Runs the walk until its end. @throws {SystemError} when no port can be listened on */
export async function walk(options: WalkOptions): Promise<void> {
  const { words, say, lines, ended } = options;
  const recorder = new Recorder();
  observeCalls(recorder.observe);
  const end = ended.then(() => END);
  let place: Place | null = null;
  let hasTyped = false;
  for (let i = options.first; i < STEPS.length;) {
    const running: RunningStep = new RunningStep(i, place, recorder, options);
    place = running.server.place;
    let next: number | null = null;
    while (next === null) {
      const { value, done } = await Promise.race([lines.next(), end]);
      if (done === true && !hasTyped && options.showsAll && value !== STOP) next = i + 1;
      else if (done === true) {
        next = STEPS.length + 1;
        say(""); // the shell's prompt comes next, at a terminal behind ^C or ^D
      } else {
        hasTyped = true;
        next = stepAfter(i, value);
        if (next === null) say(words.unknown(printable(value), STEPS.length));
      }
    }
    await running.stop();
    i = next;
    if (i === STEPS.length) say(words.end);
  }
}

const STOP = "stop";
const END = { done: true, value: STOP } as const;

/** Returns the step to which a typed line leads from step `i`; more than there are ends the walk. Null for any other line. */
function stepAfter(i: number, line: string): number | null {
  const key = line.trim().toLowerCase();
  if (key === "" || key === "n") return i + 1;
  if (key === "b") return Math.max(i - 1, 0);
  if (key === "q") return STEPS.length + 1;
  const number = /^\d{1,3}$/.test(key) ? Number(key) : 0;
  return number >= 1 && number <= STEPS.length ? number - 1 : null;
}

/** A step that is shown, with its server. */
class RunningStep {
  readonly server: StepServer;
  readonly #recorder: Recorder;
  readonly #options: WalkOptions;
  #crowdedUntilMs = 0;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];

  constructor(i: number, place: Place | null, recorder: Recorder, options: WalkOptions) {
    const step = STEPS[i]!;
    const poller = choosePoller(step.poller);
    this.#recorder = recorder;
    this.#options = options;
    this.server = new StepServer(step, poller.name, place, recorder, options.say);
    this.#show(i, step, poller);
    const startMs = performance.now();
    const [callsBefore, cpuBefore] = [callCount[0]!, cpuSeconds()];
    this.#timers.push(
      setInterval(() => this.#showStories(), LOOK_INTERVAL_MS),
      setTimeout(() => {
        if (recorder.count > 0) return;
        const seconds = (performance.now() - startMs) / 1000;
        const calls = (callCount[0]! - callsBefore) / seconds;
        options.say(options.words.quiet(Math.round(calls), (cpuSeconds() - cpuBefore) / seconds));
      }, QUIET_MS),
    );
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.server.stop();
  }

  #show(i: number, step: Step, poller: ChosenPoller): void {
    const { words, say, style } = this.#options;
    const { title, about, look }: StepText = words.steps[i]!;
    const { place } = this.server;
    const print = (text: string, first = "", indent = "") => {
      const lines = wrapped(text, COLUMNS - indent.length);
      lines.forEach((line, i) => say(`${i === 0 ? first : indent}${line}`));
    };
    say("");
    say(style(BOLD, words.heading(i + 1, STEPS.length, title)));
    say("");
    print(about);
    if (!poller.isWanted) {
      say("");
      print(words.noPoller(step.poller, poller.reason, poller.name));
    }
    say("");
    say(words.tryThis);
    say("");
    say(`  ${style(CYAN, step.command(place.port))}`);
    say("");
    if (poller.isWanted) {
      say(words.lookFor);
      for (const each of look) print(each, "- ", "  ");
      say("");
    }
    for (const line of words.places(place, commandOf(step, poller))) say(line);
    say(words.keys(STEPS.length));
  }

  #showStories(): void {
    const { words, say, style } = this.#options;
    const nowMs = performance.now();
    const due = this.#recorder.due(nowMs);
    const answered = due.filter(({ wasAnswered }) => wasAnswered);
    const others = due.filter(({ wasAnswered }) => !wasAnswered);
    const room = nowMs < this.#crowdedUntilMs ? 0 : SHOWN_MAX.others;
    for (const story of [...answered.splice(0, SHOWN_MAX.answered), ...others.splice(0, room)]) {
      const heading = words.connection(story.number, story.fd, story.isContinued);
      say("");
      for (const line of storyLines(story, heading, style)) say(line);
    }
    const leftOut = [...answered, ...others];
    if (leftOut.length > 0) {
      this.#crowdedUntilMs = nowMs + CROWD_MS;
      say(words.more(leftOut.length, countStates(leftOut)));
    }
    for (const story of due) story.clear();
  }
}

/** Returns the number of stories in each state, as `48 reading, 2 closed`. */
function countStates(stories: readonly Story[]): string {
  const counts = new Map<string, number>();
  for (const { state } of stories) {
    counts.set(state ?? "accepted", (counts.get(state ?? "accepted") ?? 0) + 1);
  }
  return Array.from(counts, ([state, count]) => `${count} ${state}`).join(", ");
}

/** Returns the command that starts such a server without the lesson; null for pages that only the lesson has. */
function commandOf(
  { serves, isCoroutine = false, command, headTimeoutMs }: Step,
  { name }: ChosenPoller,
): string | null {
  if (/\/(?:slow|large)\b/.test(command(0))) return null;
  return shellLine([
    "epollet",
    "7890",
    "--poller",
    name,
    ...serves === "echo" ? ["--handler", "echo"] : ["."],
    ...isCoroutine ? ["--coroutine"] : [],
    ...headTimeoutMs === undefined ? [] : ["--head-timeout", `${headTimeoutMs / 1000}s`],
    "--admin",
    "9090",
  ]);
}
