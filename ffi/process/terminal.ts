/**
 * What a terminal shows. Source: isatty(3), no-color.org.
 * @module
 */
import { environmentVariable, isTerminal } from "./process.ts";

/** Returns true if `fd` is a terminal, and the user wants colours there (`NO_COLOR`, `TERM=dumb`). */
export function takesColours(fd: number): boolean {
  if (!isTerminal(fd)) return false;
  return (environmentVariable("NO_COLOR") ?? "") === "" && environmentVariable("TERM") !== "dumb";
}
