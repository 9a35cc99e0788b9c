/**
 * An access log for tests: a file that is read line by line.
 * @module
 */
import { assert } from "@std/assert";
import { eventually } from "./descriptors.ts";

/** A line in the format `combined` or `common`. */
export interface LoggedLine {
  readonly client: string;
  readonly user: string;
  readonly request: string;
  readonly status: number;
  readonly bytes: number;
  readonly referer: string | undefined;
  readonly agent: string | undefined;
  readonly seconds: number;
}

const QUOTED = '"((?:[^"\\\\\\x00-\\x1f\\x7f-\\uffff]|\\\\["\\\\]|\\\\x[0-9a-f]{2})*)"';
const LINE = new RegExp(
  `^(\\S+) - (\\S+) \\[(\\d\\d/[A-Z][a-z]{2}/\\d{4}:\\d\\d:\\d\\d:\\d\\d \\+0000)\\] ${QUOTED} (\\d{3}) (\\d+)` +
    `(?: ${QUOTED} ${QUOTED})? (\\d+\\.\\d{6})$`,
);

/** Parses a line strictly by its format. @throws {AssertionError} for a malformed one */
export function parseLine(line: string): LoggedLine {
  const match = LINE.exec(line);
  assert(match !== null, `no line of a log: ${JSON.stringify(line)}`);
  const [, client, user, , request, status, bytes, referer, agent, seconds] = match;
  return {
    client: client!,
    user: user!,
    request: request!,
    status: Number(status),
    bytes: Number(bytes),
    referer: referer!,
    agent: agent!,
    seconds: Number(seconds),
  };
}

/** A new log file; `using` removes it. */
export class LogInFile {
  readonly directory: string = Deno.makeTempDirSync({ prefix: "epollet-log-" });
  readonly path: string = `${this.directory}/access.log`;

  /** The complete lines so far. */
  get lines(): string[] {
    const text = Deno.readTextFileSync(this.path);
    assert(text === "" || text.endsWith("\n"), "the last line is not whole");
    return text.split("\n").slice(0, -1);
  }

  /** Waits for `count` lines. */
  async has(count: number): Promise<string[]> {
    await eventually(() => this.lines.length >= count, `fewer than ${count} lines`);
    return this.lines;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}
