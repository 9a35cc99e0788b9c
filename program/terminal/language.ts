/**
 * The language of the terminal's reader.
 * @module
 */
import { environmentVariable } from "../../ffi/process/process.ts";
import type { Language } from "../../server/http/fields/negotiation.ts";

/** Those that say it, the first that is not empty counts: POSIX.1-2017, §8.2. */
const VARIABLES = ["LC_ALL", "LC_MESSAGES", "LANG"];
/** What stands for no language: `C`, `POSIX`, `C.UTF-8`. */
const NO_LANGUAGE = /^(?:C|POSIX)(?:[.@]|$)/;

/** Null where nothing says it. A reader of others only gets English. */
export function terminalLanguage(): Language | null {
  const locale = VARIABLES.map(environmentVariable).find((value) => value !== undefined && value !== "");
  if (locale === undefined || NO_LANGUAGE.test(locale)) return null;
  return /^zh(?:[_.@-]|$)/i.test(locale) ? "zh" : "en";
}
