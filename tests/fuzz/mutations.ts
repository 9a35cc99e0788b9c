/**
 * Random changes of valid texts, of kinds that have broken servers before.
 * @module
 */
import type { Random } from "../support/random.ts";

/** Bytes that have a meaning in HTTP, and so find more than others. */
const TELLING = [...'\r\n\0 \t:,;/?%*[]@0="-.\\#\x7f\x80\xff\xa0', "\r\n", "\r\n\r\n", "..", "%2e", "%00"];
/** Lines that change the meaning of the lines around them. */
const LINES = [
  "Host: b\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 5, 5\r\n",
  "Content-Length: +5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "Transfer-Encoding: chunked, identity\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Expect: 100-continue\r\n",
  "Expect: x\r\n",
  " x\r\n",
  "\tx: y\r\n",
  "X : y\r\n",
  ": y\r\n",
  "X:\r\n",
];

/** Returns one byte: one with a meaning, or any. */
export function anyByte(random: Random): string {
  return random.oneIn(2) ? random.pick(TELLING) : String.fromCharCode(random.below(256));
}

/** Returns `text` with one change. Pieces may come from `others`. */
export function mutateOnce(text: string, random: Random, others: readonly string[] = []): string {
  const at = random.below(text.length + 1);
  const byte = anyByte(random);
  // 1 when there is no line end: after the first byte, an invalid place for a line.
  const lineStart = text.indexOf("\r\n", at) + 2;
  const lineEnd = text.indexOf("\r\n", lineStart) + 2;
  switch (random.below(9)) {
    case 0: // replace a byte
      return text.slice(0, at) + byte + text.slice(at + 1);
    case 1: // add a byte
      return text.slice(0, at) + byte + text.slice(at);
    case 2: // remove some bytes
      return text.slice(0, at) + text.slice(at + 1 + random.below(3));
    case 3: // repeat some bytes
      return text.slice(0, at) + text.slice(Math.max(at - 1 - random.below(30), 0));
    case 4: // add a line
      return text.slice(0, lineStart) + random.pick(LINES) + text.slice(lineStart);
    case 5: // remove a line, or repeat it
      return lineEnd < lineStart
        ? text
        : text.slice(0, lineStart) + text.slice(random.oneIn(2) ? lineStart : lineEnd, lineEnd) +
          text.slice(random.oneIn(2) ? lineEnd : lineStart);
    case 6: // change the case of some letters
      return text.slice(0, at) + swapCase(text.slice(at, at + 12)) + text.slice(at + 12);
    case 7: { // change a number
      const numbers = [...text.matchAll(/\d+/g)];
      if (numbers.length === 0) return text;
      const { index, 0: number } = random.pick(numbers);
      return text.slice(0, index) + anotherNumber(number, random) + text.slice(index + number.length);
    }
    default: { // insert a piece of another text
      if (others.length === 0) return text;
      const other = random.pick(others);
      const from = random.below(other.length);
      return text.slice(0, at) + other.slice(from, from + random.below(40)) + text.slice(at);
    }
  }
}

/** Returns `text` with one to three changes, very rarely with many. */
export function mutate(text: string, random: Random, others: readonly string[] = []): string {
  const changes = random.oneIn(100) ? 20 : random.below(3) + 1;
  for (let i = 0; i < changes; i++) text = mutateOnce(text, random, others);
  return text;
}

function swapCase(text: string): string {
  return text.replace(
    /[a-z]/gi,
    (letter) => letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
  );
}

/** Returns a number near some limit. */
function anotherNumber(number: string, random: Random): string {
  return random.pick([
    "0",
    "1",
    "00",
    `0${number}`,
    `-${number}`,
    `${number}${number}`,
    String(Number(number) + 1),
    String(Number(number) - 1),
    "99",
    "100",
    "65535",
    "65536",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "18446744073709551616",
    "99999999999999999999999999",
  ]);
}
