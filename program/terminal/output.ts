/**
 * What the program prints. It does not wait for somebody to read that, nor end for want of a disk that takes it.
 * @module
 */
import { STDERR_FILENO, STDOUT_FILENO } from "../../ffi/libc/constants.ts";
import { processId } from "../../ffi/process/process.ts";
import { tryPrint } from "../../ffi/file/standard_output.ts";
import { escapeControls } from "../../handlers/print_text.ts";
import { isoDate } from "../../server/access_log/format.ts";
import type { LogFile } from "../../server/access_log/log_file.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { PRINT_PATIENCE_MS } from "../../server/limits.ts";

/** One line to standard output. */
export function print(line: string): void {
  tryPrint(STDOUT_FILENO, line);
}

/** One setting in force, of those that `--verbose` shows. */
export function say(name: string, value: string): void {
  print(`${name.padEnd(13)} ${value}`);
}

let errorLog: LogFile | null = null;

/** From now on warnings stand in `file`, each with the time and the process, and not on standard error. */
export function sendWarningsTo(file: LogFile): void {
  errorLog = file;
}

/** One line to standard error, or to the error log: something is wrong, and the program goes on. */
export function warn(message: string): void {
  if (errorLog === null) return void tryPrint(STDERR_FILENO, `epollet: ${message}`);
  // What is behind the first line, such as where an error comes from, is set in: it looks like no other entry.
  const text = escapeControls(message).replaceAll("\n", "\n    ");
  const line = encodeUtf8(`${isoDate(Math.floor(Date.now() / 1000))} [${processId()}] ${text}\n`);
  errorLog.write(line, line.length);
}

/** What handlers print with: a reader may take its time, but not again and again. */
export function printer(): (line: string) => void {
  let isHeard = true;
  return (line) => isHeard = tryPrint(STDOUT_FILENO, line, isHeard ? PRINT_PATIENCE_MS : 0);
}

/** What is said after a reload; `config` is the file that was read. */
export function readAgain(config: string | null): string {
  return config === null
    ? "Settings read again: there is no configuration file"
    : `Settings read again from ${config}`;
}

/** What is said of a setting that a reload finds changed, and cannot change. */
export function staysUntilStart(key: string): string {
  return `Reload: a new value of "${key}" counts from the next start on; the rest is in force`;
}
