/**
 * Printing of text that comes from the network.
 * @module
 */

/** A function that prints a line. */
export type Print = (line: string) => void;

/**
 * Returns `text` with control characters other than newline and tab written as `\x1b`, so that what a client sends
 * cannot control the terminal.
 */
export function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => {
    if (control === "\n" || control === "\t") return control;
    return `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
