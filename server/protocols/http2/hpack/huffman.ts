/**
 * The Huffman code of HPACK. Source: RFC 7541 §5.2 and appendix B.
 *
 * The code is canonical: among codes of one length, the smaller symbol has the smaller code, and shorter codes come
 * first. So the lengths determine it.
 * @module
 */

/** The number of bits of each symbol's code; the last symbol is EOS, which is never sent. */
// deno-fmt-ignore
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const EOS = 256;
/** Padding is shorter than a byte. */
const PADDING_BITS_MAX = 7;

/** The code of each symbol, in its low bits. */
const CODES = new Uint32Array(LENGTHS.length);
{
  const order = LENGTHS.map((_, symbol) => symbol).sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b);
  let code = 0;
  let length = LENGTHS[order[0]!]!;
  for (const symbol of order) {
    code <<= LENGTHS[symbol]! - length;
    length = LENGTHS[symbol]!;
    CODES[symbol] = code++;
  }
}

/** An inner node of the code's tree: its children, which are nodes, or symbols as −1 − symbol. */
type Node = [zero: number, one: number];

const NODES: Node[] = [[0, 0]];
for (let symbol = 0; symbol < LENGTHS.length; symbol++) {
  let node = 0;
  for (let bit = LENGTHS[symbol]! - 1; bit > 0; bit--) {
    const side = (CODES[symbol]! >>> bit) & 1;
    if (NODES[node]![side] === 0) NODES[node]![side] = NODES.push([0, 0]) - 1;
    node = NODES[node]![side]!;
  }
  NODES[node]![CODES[symbol]! & 1] = -1 - symbol;
}

/** The decoder's next state for a state and four bits: a node, with {@linkcode EMITS} and a symbol above it. */
const STEPS = new Uint32Array(NODES.length * 16);
const NODE_BITS = 0x1ff;
const EMITS = 0x200;
const FAILS = 0x400;
const SYMBOL_SHIFT = 16;
/** Whether a string may end in a state: less than a byte of ones has followed the last symbol. */
const MAY_END = new Uint8Array(NODES.length);
for (let node = 0; node < NODES.length; node++) {
  for (let bits = 0; bits < 16; bits++) {
    let at = node;
    let step = 0;
    for (let bit = 3; bit >= 0; bit--) {
      at = NODES[at]![(bits >>> bit) & 1]!;
      if (at >= 0) continue;
      const symbol = -1 - at;
      step |= symbol === EOS ? FAILS : EMITS | (symbol << SYMBOL_SHIFT);
      at = 0;
    }
    STEPS[node * 16 + bits] = step | at;
  }
}
let padding = 0;
for (let bits = 0; bits <= PADDING_BITS_MAX; bits++) {
  MAY_END[padding] = 1;
  padding = NODES[padding]![1]!;
}

/** The result of {@linkcode decodeHuffman} for bits that are no code. */
export const HUFFMAN_INVALID = -1;
/** The result of {@linkcode decodeHuffman} for a text that does not fit. */
export const HUFFMAN_TOO_LONG = -2;

/**
 * Decodes `bytes[start, end)` to `out`, from `at` to at most `limit`. Returns the offset of the text's end, or one of the
 * negative results. A text that is too long is read to its end, too: it may be invalid.
 */
export function decodeHuffman(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  let node = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    let step = STEPS[node * 16 + (byte >>> 4)]!;
    if (step & (EMITS | FAILS)) {
      if (step & FAILS) return HUFFMAN_INVALID;
      if (at < limit) out[at] = step >>> SYMBOL_SHIFT;
      at++;
    }
    step = STEPS[(step & NODE_BITS) * 16 + (byte & 15)]!;
    if (step & (EMITS | FAILS)) {
      if (step & FAILS) return HUFFMAN_INVALID;
      if (at < limit) out[at] = step >>> SYMBOL_SHIFT;
      at++;
    }
    node = step & NODE_BITS;
  }
  return MAY_END[node] === 0 ? HUFFMAN_INVALID : at > limit ? HUFFMAN_TOO_LONG : at;
}

/** Returns the length in bytes of `text` in this code. */
export function huffmanLength(text: Uint8Array): number {
  let bits = 0;
  for (const byte of text) bits += LENGTHS[byte]!;
  return (bits + 7) >> 3;
}

/** Encodes `text` to `out`, from `at` on, where there is room. Returns the offset of the end. */
export function encodeHuffman(text: Uint8Array, out: Uint8Array, at: number): number {
  let held = 0; // up to 7 bits that do not fill a byte yet
  let count = 0;
  for (const byte of text) {
    let length = LENGTHS[byte]!;
    const code = CODES[byte]!;
    while (length > 0) { // codes have up to 30 bits, so in parts of a byte
      const part = Math.min(8 - count, length);
      held = (held << part) | ((code >>> (length - part)) & ((1 << part) - 1));
      length -= part;
      count += part;
      if (count < 8) continue;
      out[at++] = held;
      held = count = 0;
    }
  }
  if (count > 0) out[at++] = (held << (8 - count)) | ((1 << (8 - count)) - 1);
  return at;
}
