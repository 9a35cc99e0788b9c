/**
 * Fuzzes HPACK. Blocks of one connection, encoded in every way that RFC 7541 allows and sometimes changed, mean to the
 * decoder what they mean to the reference, or are errors for both. It has the same table afterwards, also when its receiver had
 * no room. What the encoder makes, the reference decodes.
 * @module
 */
import { latin1 } from "../../server/http/characters.ts";
import { HpackDecoder } from "../../server/protocols/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../server/protocols/http2/hpack/encoder.ts";
import type { Random } from "../support/random.ts";
import { type Input, pure, requireSame } from "./fuzz_target.ts";
import { mutate } from "./mutations.ts";
import { type Field, ReferenceTable } from "./reference_hpack.ts";

const NAMES = ":method :path :authority cookie accept x-own x-long-name-of-a-field content-length".split(" ");
const VALUES = [
  "GET",
  "/",
  "a.test",
  "",
  "a=1",
  "text/html",
  "\0\xff\x7f",
  "v".repeat(200),
  "w".repeat(5000),
];
const ROOM_BYTES = 65_536;
const room = new Uint8Array(ROOM_BYTES);

/** Returns random fields; some come again and again. */
export function randomFields(random: Random): Field[] {
  return Array.from({ length: random.below(8) }, (): Field => {
    const text = () =>
      Array.from({ length: random.below(20) }, () => String.fromCharCode(random.below(256))).join("");
    return [
      random.oneIn(12) ? text() : random.pick(NAMES),
      random.oneIn(3) ? text() : random.oneIn(20) ? random.pick(VALUES) : random.pick(VALUES.slice(0, 6)),
    ];
  });
}

/** Returns bytes as text with a character for each. */
export function textOf(bytes: Iterable<number>): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The receiver of a decoder's fields. */
class Fields {
  readonly bytes = room;
  end = 0;
  readonly limit: number;
  readonly gap = 2;
  readonly list: Field[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  take(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    this.list.push([latin1(this.bytes, nameStart, nameEnd), latin1(this.bytes, valueStart, valueEnd)]);
  }

  overflow(): void {
    this.list.push(["", "too long"]);
  }
}

/** Returns what a receiver with room for `limit` bytes gets of `fields`. */
function fitting(fields: readonly Field[], limit: number): Field[] {
  return fields.map(([name, value]) =>
    name.length + 2 + value.length > limit ? ["", "too long"] : [name, value]
  );
}

function make(random: Random): Input {
  const table = new ReferenceTable();
  const blocks = Array.from(
    { length: 1 + random.below(6) },
    () => textOf(table.encode(randomFields(random), random)),
  );
  if (random.oneIn(2)) {
    const i = random.below(blocks.length);
    blocks[i] = mutate(blocks[i]!, random, blocks);
  }
  return [String(random.oneIn(3) ? random.below(300) : ROOM_BYTES), ...blocks];
}

function check([most, ...blocks]: Input): void {
  const limit = /^\d{1,5}$/.test(most!) ? Math.min(Number(most), ROOM_BYTES) : ROOM_BYTES;
  const decoder = new HpackDecoder();
  const reference = new ReferenceTable();
  for (const block of blocks) {
    const bytes = Uint8Array.from(block, (character) => character.charCodeAt(0));
    const fields = new Fields(limit);
    const isRight = decoder.decode(bytes, 0, bytes.length, fields);
    const wanted = reference.decode(bytes);
    requireSame(isRight ? fields.list : null, wanted === null ? null : fitting(wanted, limit), "a block");
    if (wanted === null) return;
    const { table } = decoder;
    const entries = Array.from({ length: table.count }, (_, i): Field => {
      const { text, nameLength } = table.entry(i);
      return [text.slice(0, nameLength), text.slice(nameLength)];
    });
    requireSame(
      [table.size, table.bytesMax, entries],
      [reference.size, reference.sizeMax, reference.entries],
      "the table",
    );
    compareEncoder(wanted);
  }
}

/** Encodes fields whose names are in lower case. */
function compareEncoder(fields: readonly Field[]): void {
  const encoder = new HpackEncoder();
  for (const [i, [name, value]] of fields.entries()) {
    encoder.add(name, Uint8Array.from(value, (c) => c.charCodeAt(0)), i % 3 === 0);
  }
  requireSame(new ReferenceTable(0).decode(encoder.toBytes()), fields, "the encoder's block");
}

export const hpack = pure({ name: "hpack", batch: 500, make, check });
