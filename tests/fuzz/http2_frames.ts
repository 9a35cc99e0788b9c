/**
 * Random frames of a client of HTTP/2: mostly right, on streams in every state, and some that are wrong in every way.
 * @module
 */
import type { Random } from "../support/random.ts";
import { textOf } from "./hpack.ts";
import { mutateOnce } from "./mutations.ts";
import { type Field, ReferenceTable } from "./reference_hpack.ts";

const SETTINGS_VALUES = [
  0,
  1,
  2,
  100,
  4096,
  16_383,
  16_384,
  65_535,
  65_536,
  2 ** 24 - 1,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];
const INCREMENTS = [0, 1, 5, 100, 65_535, 2 ** 31 - 1, 2 ** 31 - 65_536, 2 ** 31 - 65_535, 2 ** 31];
const PATHS = ["/", "/a?b=c", "/large", "/never", "/empty", "/%41/\xe4"];
/** Fields of which each makes a request malformed, or not at all. */
const ODD: readonly Field[] = [
  ["X-Own", "a"],
  ["connection", "close"],
  ["te", "trailers"],
  ["te", "gzip"],
  ["upgrade", "h2c"],
  [":path", "/"],
  [":other", ""],
  [":Method", "GET"],
  ["x-own", " a"],
  ["x-own", "a\0"],
  ["x-own", ""],
  ["", "a"],
  ["a b", "c"],
  ["host", "a.test"],
  ["host", "b.test"],
  ["content-length", "3"],
  ["content-length", "0"],
  ["content-length", "2000000"],
  ["expect", "100-continue"],
  ["expect", "x"],
  ["cookie", "a=1"],
  ["cookie", "b=2"],
  ["priority", "u=0, i"],
  ["priority", "u=9, i=2;a, ,"],
];
const PRIORITIES = ["", "u=0", "i", "u=7, i", "u=3;a=b, i=?0", "u", "U=1", ",", "\xff"];

/** Returns a number in bytes, the most significant first. */
function bytesOf(value: number, count: number): string {
  let text = "";
  for (let i = 0; i < count; i++, value = Math.floor(value / 256)) {
    text = String.fromCharCode(value % 256) + text;
  }
  return text;
}

/** Makes the frames of one connection. */
class Frames {
  readonly #random: Random;
  readonly #table = new ReferenceTable();
  /** Numbers of streams that were used, and of those whose body has not ended. */
  readonly #used: number[] = [];
  readonly #open: number[] = [];
  #last = -1;

  constructor(random: Random) {
    this.#random = random;
  }

  frame(type: number, flags: number, id: number, text = ""): string {
    const random = this.#random;
    if (random.oneIn(300)) text = text.slice(random.below(2)) + "\0".repeat(random.below(3));
    if (random.oneIn(300)) flags ^= 1 << random.below(8);
    if (random.oneIn(200)) id = random.oneIn(2) ? this.#any() : random.below(10);
    return bytesOf(text.length, 3) + bytesOf(type, 1) + bytesOf(flags, 1) + bytesOf(id, 4) + text;
  }

  /** Returns the number of any stream: used, or not. */
  #any(): number {
    const random = this.#random;
    return this.#used.length > 0 && !random.oneIn(10)
      ? random.pick(this.#used)
      : random.below(this.#last + 8);
  }

  /** Returns HEADERS, and CONTINUATION for a block in parts. */
  #head(id: number, flags: number, fields: readonly Field[]): string {
    const random = this.#random;
    let block = textOf(this.#table.encode(fields, random));
    if (random.oneIn(60)) block = mutateOnce(block, random);
    const parts = random.oneIn(8) ? 1 + random.below(4) : 0;
    const cuts = Array.from({ length: parts }, () => random.below(block.length + 1)).sort((a, b) => a - b);
    const pieces = [0, ...cuts].map((from, i) => block.slice(from, cuts[i] ?? block.length));
    let [first] = pieces as [string];
    if (random.oneIn(6)) {
      flags |= 32;
      const parent = random.oneIn(20) ? id : random.below(20);
      first = bytesOf(parent, 4) + bytesOf(random.below(256), 1) + first;
    }
    if (random.oneIn(6)) {
      flags |= 8;
      const count = random.below(20);
      first = bytesOf(random.oneIn(40) ? 255 : count, 1) + first + "\0".repeat(count);
    }
    let text = this.frame(1, flags | (parts === 0 ? 4 : 0), id, first);
    pieces.slice(1).forEach((piece, i) => {
      if (random.oneIn(80)) text += this.#other();
      text += this.frame(9, i === parts - 1 ? 4 : 0, id, piece);
    });
    return text;
  }

  /** Returns a request on a new stream. */
  #request(): string {
    const random = this.#random;
    this.#last += random.oneIn(15) ? 2 + 2 * random.below(5) : 2;
    const id = random.oneIn(60) ? this.#any() : this.#last;
    const hasBody = random.oneIn(3);
    const method = random.oneIn(40) ? random.pick(["CONNECT", "", "G T"]) : random.oneIn(6) ? "HEAD" : "GET";
    const fields: Field[] = [
      [":method", hasBody ? "POST" : method],
      [":scheme", random.oneIn(40) ? random.pick(["", "1", "ftp", "https"]) : "http"],
      [":authority", random.oneIn(40) ? random.pick(["", "a b", "u@a", "A.test:80"]) : "a.test"],
      [":path", random.oneIn(40) ? random.pick(["", "*", "x", "/ b"]) : random.pick(PATHS)],
    ];
    if (random.oneIn(60)) fields.splice(random.below(4), 1);
    if (random.oneIn(60)) fields.push(random.pick(fields));
    if (random.oneIn(3)) fields.push(["x-own", random.pick(["a", "b", "c".repeat(100)])]);
    if (random.oneIn(4)) {
      fields.splice(random.oneIn(5) ? random.below(fields.length) : fields.length, 0, random.pick(ODD));
    }
    if (id % 2 === 1) this.#used.push(id);
    if (hasBody) this.#open.push(id);
    return this.#head(id, hasBody ? 0 : 1, fields);
  }

  /** Returns DATA or trailers. */
  #body(): string {
    const random = this.#random;
    const id = this.#open.length > 0 && !random.oneIn(10) ? random.pick(this.#open) : this.#any();
    const isEnd = random.oneIn(3);
    if (isEnd && this.#open.includes(id)) this.#open.splice(this.#open.indexOf(id), 1);
    if (isEnd && random.oneIn(4)) {
      return this.#head(
        id,
        random.oneIn(10) ? 0 : 1,
        random.oneIn(4) ? [random.pick(ODD)] : [["x-sum", "1"]],
      );
    }
    if (random.oneIn(20)) return this.frame(0, 0, id, "x".repeat(16_384)).repeat(2 + random.below(4));
    const size = random.oneIn(20) ? 16_384 : random.oneIn(3) ? 3 : random.below(50);
    let text = "x".repeat(size);
    if (random.oneIn(5) && size > 0) {
      text = bytesOf(random.oneIn(40) ? size : random.below(size), 1) + text.slice(1);
    } else return this.frame(0, isEnd ? 1 : 0, id, text);
    return this.frame(0, isEnd ? 9 : 8, id, text);
  }

  /** Returns a frame that is not of a message. */
  #other(): string {
    const random = this.#random;
    const id = this.#any();
    switch (random.below(13)) {
      case 0:
      case 1:
        return this.frame(
          8,
          0,
          random.oneIn(2) ? 0 : id,
          bytesOf(random.oneIn(4) ? random.pick(INCREMENTS) : 1 + random.below(20_000), 4),
        );
      case 2:
      case 3: {
        let text = "";
        for (let i = random.below(4); i > 0; i--) {
          const setting = random.pick([1, 2, 3, 4, 4, 4, 5, 6, 9, 77]);
          const value = random.oneIn(3)
            ? random.pick(SETTINGS_VALUES)
            : setting === 2 || setting === 9
            ? 1
            : setting === 5
            ? 20_000
            : random.below(70_000);
          text += bytesOf(setting, 2) + bytesOf(value, 4);
        }
        return this.frame(4, 0, 0, text);
      }
      case 4:
      case 5:
        return this.frame(6, random.oneIn(5) ? 1 : 0, 0, bytesOf(random.below(2 ** 31), 8));
      case 6:
        return this.frame(3, 0, id, bytesOf(random.below(20), 4));
      case 7:
        return this.frame(
          2,
          0,
          random.oneIn(3) ? random.below(40) : id,
          bytesOf(random.oneIn(20) ? id : random.below(40), 4) + "\x0f",
        );
      case 8:
        return this.frame(
          random.pick([10, 11, 12, 0x20, 0xfa]),
          random.below(256),
          random.below(20),
          "x".repeat(random.below(20)),
        );
      case 9:
        return random.oneIn(8)
          ? this.frame(7, 0, 0, bytesOf(Math.max(this.#last, 0), 4) + bytesOf(random.below(20), 4) + "bye")
          : "";
      case 10:
        return random.oneIn(30) ? this.frame(random.pick([5, 9]), 4, id, "\x82") : "";
      case 11: {
        const stream = random.oneIn(30) ? random.below(20) : this.#any() | 1;
        const value = random.oneIn(20)
          ? "x".repeat(random.below(4))
          : bytesOf(stream, 4) + random.pick(PRIORITIES);
        return this.frame(16, random.below(256), random.oneIn(60) ? stream : 0, value);
      }
      default:
        return random.oneIn(5) ? this.frame(4, 1, 0) : "";
    }
  }

  /** Returns what may come next. */
  next(): string {
    const kind = this.#random.below(10);
    return kind < 4 ? this.#request() : kind < 7 ? this.#body() : this.#other();
  }
}

/** Returns the bytes of a connection, behind the preface. */
export function randomConnection(random: Random): string {
  const frames = new Frames(random);
  let text = random.oneIn(40)
    ? frames.next()
    : random.oneIn(3)
    ? frames.frame(4, 0, 0, bytesOf(4, 2) + bytesOf(random.pick([0, 1, 10, 30_000, 2 ** 31 - 1]), 4))
    : frames.frame(4, 0, 0);
  for (let i = random.below(30); i > 0; i--) text += frames.next();
  if (random.oneIn(30)) text = mutateOnce(text, random);
  return random.oneIn(30) ? text.slice(0, random.below(text.length + 1)) : text;
}
