/**
 * The language of the user at the terminal.
 * @module
 */
import { environmentVariable } from "../../ffi/process/process.ts";
import type { Language } from "../../server/http/fields/negotiation.ts";

/** The variables that name a locale. The first that is not empty counts (POSIX.1-2017, §8.2). */
const VARIABLES = ["LC_ALL", "LC_MESSAGES", "LANG"];
/** Locales without a language: `C`, `POSIX`, `C.UTF-8`. */
const NO_LANGUAGE = /^(?:C|POSIX)(?:[.@]|$)/;

/**
 * Returns the language of the locale, or null when no variable names one. Languages other than Chinese count as
 * English.
 */
export function terminalLanguage(): Language | null {
  const locale = VARIABLES.map(environmentVariable).find((value) => value !== undefined && value !== "");
  if (locale === undefined || NO_LANGUAGE.test(locale)) return null;
  return /^zh(?:[_.@-]|$)/i.test(locale) ? "zh" : "en";
}
