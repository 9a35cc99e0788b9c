/**
 * The output of the program. Printing waits for no reader, and a full disk does not end the program.
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

/** Prints one line to standard output. */
export function print(line: string): void {
  tryPrint(STDOUT_FILENO, line);
}

/** Prints one setting in force, for `--verbose`. */
export function printSetting(name: string, value: string): void {
  print(`${name.padEnd(13)} ${value}`);
}

let errorLog: LogFile | null = null;

/** Sends all later warnings to `file`, each with the time and the process id, instead of standard error. */
export function sendWarningsTo(file: LogFile): void {
  errorLog = file;
}

/** Prints a warning to standard error, or to the error log. The program continues. */
export function warn(message: string): void {
  if (errorLog === null) return void tryPrint(STDERR_FILENO, `epollet: ${message}`);
  // Further lines, such as a stack trace, are indented, so that none of them looks like an entry of its own.
  const text = escapeControls(message).replaceAll("\n", "\n    ");
  const line = encodeUtf8(`${isoDate(Math.floor(Date.now() / 1000))} [${processId()}] ${text}\n`);
  errorLog.write(line, line.length);
}

/**
 * Returns the function by which handlers print. It waits for a slow reader of standard output, but only until that
 * has failed once.
 */
export function printer(): (line: string) => void {
  let isHeard = true;
  return (line) => isHeard = tryPrint(STDOUT_FILENO, line, isHeard ? PRINT_PATIENCE_MS : 0);
}

/** Returns the message after a reload. `config` is the file that was read, or null. */
export function readAgain(config: string | null): string {
  return config === null
    ? "Settings read again: there is no configuration file"
    : `Settings read again from ${config}`;
}

/** Returns the message for a changed setting that a reload cannot change. */
export function staysUntilStart(key: string): string {
  return `Reload: a new value of "${key}" takes effect at the next start; the rest is in force`;
}
