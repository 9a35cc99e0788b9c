/**
 * What the program prints. It does not wait for somebody to read that, nor end for want of a disk that takes it.
 * @module
 */
import { STDERR_FILENO, STDOUT_FILENO } from "../ffi/constants.ts";
import { tryPrint } from "../ffi/standard_output.ts";
import { PRINT_PATIENCE_MS } from "../server/limits.ts";

/** One line to standard output. */
export function print(line: string): void {
  tryPrint(STDOUT_FILENO, line);
}

/** One setting in force, of those that `--verbose` shows. */
export function say(name: string, value: string): void {
  print(`${name.padEnd(13)} ${value}`);
}

/** One line to standard error: something is wrong, and the program goes on. */
export function warn(message: string): void {
  tryPrint(STDERR_FILENO, `epollet: ${message}`);
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
