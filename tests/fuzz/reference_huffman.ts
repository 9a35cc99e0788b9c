/**
 * The Huffman code of HPACK, bit by bit, with codes as text of zeros and ones. Source: RFC 7541 appendix B.
 * @module
 */

/** The symbols of each length of codes, in the order of the codes. Numbers stand for what is not printable. */
// deno-fmt-ignore
const SYMBOLS: readonly (readonly [bits: number, symbols: string | readonly number[]])[] = [
  [5, "012aceiost"],
  [6, " %-./3456789=A_bdfghlmnpru"],
  [7, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"],
  [8, "&*,;XZ"],
  [10, '!"()?'],
  [11, "'+|"],
  [12, "#>"],
  [13, "\0$@[]~"],
  [14, "^}"],
  [15, "<`{"],
  [19, [92, 195, 208]],
  [20, [128, 130, 131, 162, 184, 194, 224, 226]],
  [21, [153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230]],
  [
    22,
    [
      129,
      132,
      133,
      134,
      136,
      146,
      154,
      156,
      160,
      163,
      164,
      169,
      170,
      173,
      178,
      181,
      185,
      186,
      187,
      189,
      190,
      196,
      198,
    ]
      .concat([228, 232, 233]),
  ],
  [
    23,
    [
      1,
      135,
      137,
      138,
      139,
      140,
      141,
      143,
      147,
      149,
      150,
      151,
      152,
      155,
      157,
      158,
      165,
      166,
      168,
      174,
      175,
      180,
      182,
    ]
      .concat([183, 188, 191, 197, 231, 239]),
  ],
  [24, [9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237]],
  [25, [199, 207, 234, 235]],
  [26, [192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255]],
  [27, [203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254]],
  [
    28,
    [
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      11,
      12,
      14,
      15,
      16,
      17,
      18,
      19,
      20,
      21,
      23,
      24,
      25,
      26,
      27,
      28,
      29,
      30,
      31,
      127,
      220,
      249,
    ],
  ],
  [30, [10, 13, 22, 256]],
];
const EOS = 256;

const codeOf = new Map<number, string>();
const symbolOf = new Map<string, number>();
{
  let code = "";
  for (const [bits, symbols] of SYMBOLS) {
    for (const symbol of symbols) {
      code = (code === "" ? "" : (BigInt(`0b${code}`) + 1n).toString(2).padStart(code.length, "0")).padEnd(
        bits,
        "0",
      );
      const number = typeof symbol === "string" ? symbol.charCodeAt(0) : symbol;
      codeOf.set(number, code);
      symbolOf.set(code, number);
    }
  }
}

/** Returns the text for coded bytes, a character for each byte; null if they are no text (§5.2). */
export function referenceUnhuffman(bytes: readonly number[]): string | null {
  const bits = bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  let text = "";
  let code = "";
  for (const bit of bits) {
    code += bit;
    const symbol = symbolOf.get(code);
    if (symbol === undefined) continue;
    if (symbol === EOS) return null;
    text += String.fromCharCode(symbol);
    code = "";
  }
  return /^1{0,7}$/.test(code) ? text : null;
}

/** Returns the coded bytes of a text with a character for each byte. */
export function referenceHuffman(text: string): number[] {
  let bits = "";
  for (const character of text) bits += codeOf.get(character.charCodeAt(0))!;
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return (bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2));
}
