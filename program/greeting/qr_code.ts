/**
 * `--qr`: the address on the network as a QR code, for the camera of a phone.
 *
 * Source: ISO/IEC 18004. This module is imported only when a code is drawn.
 * @module
 */
import { encode } from "uqr";

/** Modules of the quiet zone on each side: four by the standard. */
const BORDER = 4;
/** A line shows two rows of modules: by the upper half of a character, and by the lower one. */
const HALVES: Readonly<Record<string, string>> = { "00": "█", "01": "▀", "10": "▄", "11": " " };
/** Bright white on black, whatever the terminal's own colours are. */
const COLOURS = "\x1b[97;40m";
const RESET = "\x1b[0m";

/** Returns the lines of the code for `text`. Light modules are drawn and dark ones left out, as terminals are dark; `isColoured` makes both sure. */
export function qrLines(text: string, isColoured: boolean): string[] {
  const { data, size } = encode(text, { ecc: "L", border: BORDER });
  const dark = (row: number, column: number) => data[row]?.[column] === true ? "1" : "0";
  return Array.from({ length: Math.ceil(size / 2) }, (_, line) => {
    const characters = Array.from(
      { length: size },
      (_, column) => HALVES[dark(2 * line, column) + dark(2 * line + 1, column)]!,
    );
    const drawn = characters.join("");
    return isColoured ? COLOURS + drawn + RESET : drawn;
  });
}
