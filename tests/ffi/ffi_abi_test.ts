/**
 * Arguments that are declared with 32 bits, for parameters of C functions that have 64 bits. `ffi/libc/libc.ts`
 * declares lengths so.
 * @module
 */
import { assertEquals } from "@std/assert";
import { compileLibrary } from "../support/c_compiler.ts";
import { Site } from "../support/program.ts";

/** C functions with the parameters of the calls that are declared narrower; they return the whole parameter. */
const SOURCE = `
#include <stddef.h>
#include <stdint.h>
uint64_t first(size_t a, int b, int c) { return a; }
uint64_t second(void *a, size_t b) { return b; }
uint64_t third(int a, void *b, size_t c) { return c; }
uint64_t fourth(int a, int b, void *c, size_t d) { return d; }
uint64_t fifth(long a, int b, void *c, void *d, size_t e) { return e; }
uint64_t seventh(long a, int b, unsigned c, unsigned d, unsigned e, void *f, size_t g) { return g; }
uint64_t number(long a, int b, void *c, void *d, size_t e) { return a; }
uint64_t wide(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{ return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h; }
long minus_one(int a) { return -1; }
long as_long(int a) { return a; }
`;

const SYMBOLS = {
  first: { parameters: ["u32", "i32", "i32"], result: "u64" },
  second: { parameters: ["buffer", "u32"], result: "u64" },
  third: { parameters: ["i32", "buffer", "u32"], result: "u64" },
  fourth: { parameters: ["i32", "i32", "buffer", "u32"], result: "u64" },
  fifth: { parameters: ["i32", "i32", "buffer", "buffer", "u32"], result: "u64" },
  seventh: { parameters: ["i32", "i32", "u32", "u32", "u32", "buffer", "pointer"], result: "u64" },
  number: { parameters: ["i32", "i32", "buffer", "buffer", "u32"], result: "u64" },
  wide: { parameters: ["u64", "u64", "u64", "u64", "u64", "u64", "u64", "u64"], result: "u64" },
  minus_one: { parameters: ["i32"], result: "i32" },
  as_long: { parameters: ["i32"], result: "i32" },
  third_parked: { name: "third", parameters: ["i32", "buffer", "u32"], result: "u64", nonblocking: true },
} as const;

/** Enough calls for the runtime to have compiled them. */
const CALLS = 20_000;
const LENGTHS = [0, 1, 4096, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const ONES = 0xffff_ffff_ffff_ffffn;

Deno.test("a length that is declared with 32 bits, or as a pointer, arrives in C as the same 64-bit number, in compiled calls, too", async () => {
  using site = new Site({ "abi.c": SOURCE });
  if (!await compileLibrary(site.path("abi.c"), site.path("abi.so"))) return;
  const library = Deno.dlopen(site.path("abi.so"), SYMBOLS);
  const { symbols: c } = library;
  const bytes = new Uint8Array(128);
  const pointers = LENGTHS.map((length) => Deno.UnsafePointer.create(BigInt(length)));
  const wrong = new Set<string>();
  const see = (what: string, value: bigint, length: number) => {
    if (value !== BigInt(length)) wrong.add(`${what} ${length}: ${value}`);
  };
  try {
    for (let i = 0; i < CALLS; i++) {
      const length = LENGTHS[i % LENGTHS.length]!;
      c.wide(ONES, ONES, ONES, ONES, ONES, ONES, ONES, ONES); // so that no register or place of the stack has zeros by chance
      see("first", c.first(length, -100, -1), length);
      see("second", c.second(bytes, length), length);
      see("third", c.third(-100, bytes, length), length);
      see("fourth", c.fourth(-1, -1, bytes, length), length);
      see("fifth", c.fifth(437, -100, bytes, bytes, length), length);
      see("seventh", c.seventh(426, -1, length, 1, 9, bytes, pointers[i % LENGTHS.length]!), length);
      see("number", c.number(437, -100, bytes, bytes, length), 437);
      if (c.minus_one(7) !== -1 || c.as_long(0x7fff_f000) !== 0x7fff_f000) wrong.add("result");
    }
    for (const length of LENGTHS) see("parked", await c.third_parked(-100, bytes, length), length);
    assertEquals([...wrong], []);
  } finally {
    library.close();
  }
});
