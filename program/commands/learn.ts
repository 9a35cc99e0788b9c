/**
 * `epollet learn`: a lesson in ten steps about epoll and what was before it, each with a running server.
 * @module
 */
import { parseArgs } from "node:util";
import { STDOUT_FILENO } from "../../ffi/libc/constants.ts";
import { isTerminal } from "../../ffi/process/process.ts";
import { takesColours } from "../../ffi/process/terminal.ts";
import type { Language } from "../../server/http/fields/negotiation.ts";
import { UsageError } from "../../server/usage_error.ts";
import { CHINESE } from "../learn/chinese.ts";
import { ENGLISH } from "../learn/english.ts";
import { STEPS } from "../learn/steps.ts";
import { walk } from "../learn/walk.ts";
import { terminalLanguage } from "../terminal/language.ts";

/** The text of `--help`. */
export const LEARN_HELP = `epollet learn [STEP] [--lang LANG]

A lesson in ${STEPS.length} steps about waiting for many clients: no multiplexer, select, poll,
epoll, coroutines, io_uring. Each step runs a server on a free port of
127.0.0.1, and shows a command to try, what to look for on the live page, and,
when a client comes, the states and system calls that its connection goes
through. Enter leads to the next step. STEP is the first one (1 to ${STEPS.length}).

      --lang LANG      en, zh (the language of the terminal)
  -h, --help           print this help`;

const STDIN_FILENO = 0;

/** What the arguments after `learn` say. */
interface Lesson {
  /** The first step, from 0 on. */
  readonly first: number;
  /** Null for the language of the terminal. */
  readonly language: Language | null;
}

/** Reads the arguments after `learn`; null for help. @throws {UsageError} */
export function parseLearn(args: readonly string[]): Lesson | null {
  let values: { readonly lang?: string; readonly help?: boolean };
  let positionals: readonly string[];
  try {
    ({ values, positionals } = parseArgs({
      args: [...args],
      options: { lang: { type: "string" }, help: { type: "boolean", short: "h" } },
      allowPositionals: true,
    }));
  } catch (error) {
    const [line] = (error as Error).message.split(". ");
    const isBare = line!.includes("argument missing");
    throw new UsageError(`${isBare ? "--lang needs a value" : line}: see epollet learn --help`);
  }
  if (values.help === true) return null;
  const [step = "1", unexpected] = positionals;
  if (unexpected !== undefined) {
    throw new UsageError(`Unexpected argument "${unexpected}": epollet learn takes one step`);
  }
  const number = /^\d{1,3}$/.test(step) ? Number(step) : 0;
  if (number < 1 || number > STEPS.length) {
    throw new UsageError(`Bad step "${step}": expected a whole number from 1 to ${STEPS.length}`);
  }
  const lang = values.lang?.replace(/^(en|zh)[-_][A-Za-z-]+$/i, "$1").toLowerCase(); // zh-CN, as the documents are named
  if (lang !== undefined && lang !== "en" && lang !== "zh") {
    throw new UsageError(`Bad --lang "${values.lang}": expected en or zh`);
  }
  return { first: number - 1, language: lang ?? null };
}

/** Yields the lines of standard input. One that cannot be read, such as a directory, has no more lines. */
async function* linesOfInput(): AsyncGenerator<string, undefined> {
  let text = "";
  const parts = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
  while (true) {
    const { value: part, done } = await parts.read().catch(() => ({ value: "", done: true }));
    if (done) break;
    text += part;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
  if (text !== "") yield text;
  return undefined;
}

/**
 * Runs `learn` with its arguments until the user ends it, and returns the exit status.
 * @throws {UsageError} for wrong arguments
 * @throws {SystemError} when no port can be listened on
 */
export async function learn(args: readonly string[], say: (line: string) => void): Promise<number> {
  const lesson = parseLearn(args);
  if (lesson === null) {
    say(LEARN_HELP);
    return 0;
  }
  const { first, language } = lesson;
  const isColoured = takesColours(STDOUT_FILENO);
  await walk({
    words: (language ?? terminalLanguage()) === "zh" ? CHINESE : ENGLISH,
    first,
    say,
    style: (code, text) => isColoured ? `\x1b[${code}m${text}\x1b[0m` : text,
    lines: linesOfInput(),
    showsAll: !isTerminal(STDIN_FILENO),
    ended: new Promise((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
        Deno.addSignalListener(signal, () => resolve());
      }
    }),
  });
  return 0;
}
