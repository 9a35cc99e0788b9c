/**
 * Changes that are made to valid texts at random: those that servers have stumbled over before.
 * @module
 */
import type { Random } from "../support/random.ts";

/** Bytes that mean something to somebody who reads HTTP, and so find more than others. */
const TELLING = [...'\r\n\0 \t:,;/?%*[]@0="-.\\#\x7f\x80\xff\xa0', "\r\n", "\r\n\r\n", "..", "%2e", "%00"];
/** Lines that change what those around them mean. */
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

/** One byte: a telling one, or any. */
export function anyByte(random: Random): string {
  return random.oneIn(2) ? random.pick(TELLING) : String.fromCharCode(random.below(256));
}

/** `text` with one change. `others` are texts that a piece may come from. */
export function mutateOnce(text: string, random: Random, others: readonly string[] = []): string {
  const at = random.below(text.length + 1);
  const byte = anyByte(random);
  const lineStart = text.indexOf("\r\n", at) + 2; // 1: behind the first byte, which is no place for a line, either
  const lineEnd = text.indexOf("\r\n", lineStart) + 2;
  switch (random.below(9)) {
    case 0: // another byte in its place
      return text.slice(0, at) + byte + text.slice(at + 1);
    case 1: // one byte more
      return text.slice(0, at) + byte + text.slice(at);
    case 2: // some bytes less
      return text.slice(0, at) + text.slice(at + 1 + random.below(3));
    case 3: // some bytes twice
      return text.slice(0, at) + text.slice(Math.max(at - 1 - random.below(30), 0));
    case 4: // a further line
      return text.slice(0, lineStart) + random.pick(LINES) + text.slice(lineStart);
    case 5: // a line less, or twice
      return lineEnd < lineStart
        ? text
        : text.slice(0, lineStart) + text.slice(random.oneIn(2) ? lineStart : lineEnd, lineEnd) +
          text.slice(random.oneIn(2) ? lineEnd : lineStart);
    case 6: // another case of some letters
      return text.slice(0, at) + swapCase(text.slice(at, at + 12)) + text.slice(at + 12);
    case 7: { // a number that is another one
      const numbers = [...text.matchAll(/\d+/g)];
      if (numbers.length === 0) return text;
      const { index, 0: number } = random.pick(numbers);
      return text.slice(0, index) + anotherNumber(number, random) + text.slice(index + number.length);
    }
    default: { // a piece of another text
      if (others.length === 0) return text;
      const other = random.pick(others);
      const from = random.below(other.length);
      return text.slice(0, at) + other.slice(from, from + random.below(40)) + text.slice(at);
    }
  }
}

/** `text` with one to three changes, very rarely many. */
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

/** A number at the edge of something. */
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
