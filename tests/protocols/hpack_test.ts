/**
 * HPACK: the examples of RFC 7541 appendix C, and what is an error.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { HpackDecoder } from "../../server/protocols/http2/hpack/decoder.ts";
import { DEFAULT_TABLE_BYTES, DynamicTable } from "../../server/protocols/http2/hpack/dynamic_table.ts";
import { HpackEncoder } from "../../server/protocols/http2/hpack/encoder.ts";
import { decodeHuffman, encodeHuffman, huffmanLength } from "../../server/protocols/http2/hpack/huffman.ts";
import { encodeUtf8, latin1 } from "../../server/http/characters.ts";
import { Random, SEED } from "../support/random.ts";

/** Keeps the fields as text. */
class Fields {
  readonly bytes = new Uint8Array(16_384);
  end = 0;
  limit = 16_384;
  readonly gap = 0;
  readonly list: string[] = [];
  overflows = 0;

  take(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    this.list.push(`${latin1(this.bytes, nameStart, nameEnd)}: ${latin1(this.bytes, valueStart, valueEnd)}`);
    this.end = nameStart;
  }

  overflow(): void {
    this.overflows++;
  }
}

function bytesOfHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Decodes one block; null for an error. */
function decode(decoder: HpackDecoder, block: Uint8Array): string[] | null {
  const fields = new Fields();
  return decoder.decode(block, 0, block.length, fields) ? fields.list : null;
}

const DATE = "date: Mon, 21 Oct 2013 20:13:2";
const COOKIE = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const REQUESTS = [
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
  [
    ":method: GET",
    ":scheme: https",
    ":path: /index.html",
    ":authority: www.example.com",
    "custom-key: custom-value",
  ],
];
const RESPONSES = [
  [":status: 302", "cache-control: private", `${DATE}1 GMT`, "location: https://www.example.com"],
  [":status: 307", "cache-control: private", `${DATE}1 GMT`, "location: https://www.example.com"],
  [
    ":status: 200",
    "cache-control: private",
    `${DATE}2 GMT`,
    "location: https://www.example.com",
    "content-encoding: gzip",
    COOKIE,
  ],
];

/** Blocks of one connection, what they mean, and the size of the table behind each. */
const EXAMPLES: Readonly<
  Record<string, { table?: number; blocks: string[]; fields: string[][]; sizes: number[] }>
> = {
  "C.2.1": {
    blocks: ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"],
    fields: [["custom-key: custom-header"]],
    sizes: [55],
  },
  "C.2.2": { blocks: ["040c 2f73 616d 706c 652f 7061 7468"], fields: [[":path: /sample/path"]], sizes: [0] },
  "C.2.3": {
    blocks: ["1008 7061 7373 776f 7264 0673 6563 7265 74"],
    fields: [["password: secret"]],
    sizes: [0],
  },
  "C.2.4": { blocks: ["82"], fields: [[":method: GET"]], sizes: [0] },
  "C.3": {
    blocks: [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    fields: REQUESTS,
    sizes: [57, 110, 164],
  },
  "C.4": {
    blocks: [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
    fields: REQUESTS,
    sizes: [57, 110, 164],
  },
  "C.5": {
    table: 256,
    blocks: [
      "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "4803 3330 37c1 c0bf",
      "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
    ],
    fields: RESPONSES,
    sizes: [222, 222, 215],
  },
  "C.6": {
    table: 256,
    blocks: [
      "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
      "4883 640e ffc1 c0bf",
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ],
    fields: RESPONSES,
    sizes: [222, 222, 215],
  },
};

for (const [name, { table, blocks, fields, sizes }] of Object.entries(EXAMPLES)) {
  Deno.test(`RFC 7541 appendix ${name} is decoded as it says`, () => {
    const decoder = new HpackDecoder(table);
    blocks.forEach((block, i) => {
      assertEquals(decode(decoder, bytesOfHex(block)), fields[i]);
      assertEquals(decoder.table.size, sizes[i]);
    });
  });
}

Deno.test("every text survives Huffman's code, whose length is known before", () => {
  const random = new Random();
  for (let i = 0; i < 2000; i++) {
    const text = Uint8Array.from({ length: random.below(64) }, () => random.below(i % 2 === 0 ? 256 : 128));
    const coded = new Uint8Array(512);
    const length = encodeHuffman(text, coded, 0);
    assertEquals(length, huffmanLength(text));
    const decoded = new Uint8Array(64);
    const end = decodeHuffman(coded, 0, length, decoded, 0, 64);
    assertEquals(decoded.slice(0, end), text);
  }
});

Deno.test("padding of a byte or more, or of other bits than ones, and the end-of-string symbol are errors", () => {
  const out = new Uint8Array(16);
  for (const hex of ["ff", "ffff", "3fffffff", "ffffffff", "18"]) { // 18: "0" and 000
    assertEquals(decodeHuffman(bytesOfHex(hex), 0, hex.length / 2, out, 0, 16), -1, hex);
  }
  assertEquals(decodeHuffman(bytesOfHex("07"), 0, 1, out, 0, 16), 1);
});

Deno.test("errors of compression: indices, integers, strings that are cut, sizes in the wrong place or too large", () => {
  const wrong = [
    "80", // index 0
    "be", // the first of an empty table
    "ff80808080808001", // an integer without an end in sight
    "ffffffffffff7f",
    "ff", // cut
    "40",
    "4001",
    "400161",
    "40016105",
    "00016181", // a string of which nothing is there
    "7e0161", // a name of an empty table
    "823f00", // a size behind a field
    "3fe21f", // 4,097
  ];
  for (const hex of wrong) assertEquals(decode(new HpackDecoder(), bytesOfHex(hex)), null, hex);
  assertEquals(decode(new HpackDecoder(), bytesOfHex("3fe11f82")), [":method: GET"]); // 4,096
  assertEquals(decode(new HpackDecoder(), bytesOfHex("203fe11f82")), [":method: GET"]);
});

Deno.test("a smaller table that was acknowledged has to be used with the next block", () => {
  const late = new HpackDecoder();
  late.demandSize(100);
  assertEquals(decode(late, bytesOfHex("82")), null);
  const right = new HpackDecoder();
  right.demandSize(100);
  assertEquals(decode(right, bytesOfHex("3f4582")), [":method: GET"]);
  assertEquals(decode(right, bytesOfHex("82")), [":method: GET"]);
});

Deno.test("what the encoder makes, every decoder reads, on any connection", () => {
  const random = new Random();
  const names = ["etag", "content-type", "x-own", "set-cookie", ":status", "date"];
  for (let i = 0; i < 500; i++) {
    const encoder = new HpackEncoder();
    const expected: string[] = [];
    for (let k = random.below(8); k >= 0; k--) {
      const name = names[random.below(names.length)]!;
      const value = name === ":status" ? "200" : "v".repeat(random.below(300)) + random.below(1000);
      expected.push(`${name}: ${value}`);
      encoder.add(name, encodeUtf8(value), name === "date");
    }
    const decoder = new HpackDecoder(0);
    assertEquals(decode(decoder, encoder.toBytes()), expected);
    assertEquals(decoder.table.count, 0);
  }
});

Deno.test("a field without room is announced, and is in the table all the same", () => {
  const decoder = new HpackDecoder();
  const encoded = bytesOfHex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572 be be");
  const fields = new Fields();
  fields.limit = 10;
  assertEquals(decoder.decode(encoded, 0, encoded.length, fields), true);
  assertEquals([fields.list, fields.overflows, decoder.table.size], [[], 3, 55]);
  assertEquals(decode(decoder, bytesOfHex("be")), ["custom-key: custom-header"]);
});

Deno.test("the dynamic table has the newest entries that fit", () => {
  const random = new Random(SEED);
  for (let round = 0; round < 20; round++) {
    const limit = random.pick([0, 40, 100, 1000, DEFAULT_TABLE_BYTES]);
    const table = new DynamicTable(limit);
    let bytesMax = limit;
    let entries: [name: string, value: string][] = []; // the newest first
    const sizeOf = () => entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    const evict = () => {
      while (sizeOf() > bytesMax) entries.pop();
    };
    for (let step = 0; step < 150; step++) {
      if (random.oneIn(40)) {
        bytesMax = random.below(limit + 1);
        assert(table.resize(bytesMax));
        evict();
      } else {
        const text = () => "abcdefgh".repeat(40).slice(0, random.below(random.pick([3, 30, 300])));
        const [name, value] = [text(), text()];
        const bytes = encodeUtf8(name + value);
        table.add(bytes, 0, name.length, name.length, bytes.length);
        const isTooLarge = name.length + value.length + 32 > bytesMax;
        entries = isTooLarge ? [] : [[name, value], ...entries];
        evict();
      }
      const found = entries.map((_, i) => {
        const { text, nameLength } = table.entry(i);
        return [text.slice(0, nameLength), text.slice(nameLength)];
      });
      assertEquals([table.count, table.size, found], [entries.length, sizeOf(), entries]);
    }
  }
});

Deno.test("an invalid string is an error, also where its receiver has no room for it", () => {
  const decoded = (hex: string) => {
    const fields = new Fields();
    fields.limit = 2;
    const block = bytesOfHex(hex);
    return [new HpackDecoder().decode(block, 0, block.length, fields), fields.overflows];
  };
  assertEquals(decoded("0001 61 82 18c7"), [true, 1]); // "aaa"
  assertEquals(decoded("0001 61 82 18c6")[0], false); // padded by a zero
  assertEquals(decoded("0001 61 86 18c7 ffff ffff")[0], false); // with the end-of-string symbol
  assertEquals(decoded("0083 18c7 ff 0161")[0], false); // a name that is padded by more than 7 bits
});
