/**
 * Printing what comes from the network.
 * @module
 */

/** Prints a line. */
export type Print = (line: string) => void;

/**
 * `text` with its control characters, but for line ends and tabs, as `\x1b`: what a client sends must not steer the
 * terminal that it is shown on.
 */
export function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => {
    if (control === "\n" || control === "\t") return control;
    return `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
