/**
 * The query of a listing.
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import {
  DEFAULT_LISTING_QUERY,
  formatListingQuery,
  parseListingQuery,
} from "../../handlers/site/listing/listing_query.ts";

Deno.test("unknown and malformed parameters of a query are ignored", () => {
  const table: Readonly<Record<string, readonly [string, string, number]>> = {
    "": ["name", "asc", 1],
    "?": ["name", "asc", 1],
    "?sort=size&order=desc&page=3": ["size", "desc", 3],
    "sort=time": ["time", "asc", 1],
    "?sort=Size&order=up&page=0": ["name", "asc", 1],
    "?page=-1": ["name", "asc", 1],
    "?page=1.5": ["name", "asc", 1],
    "?page=1e3": ["name", "asc", 1],
    "?page=99999999999": ["name", "asc", 1],
    "?page=2&page=3": ["name", "asc", 2],
    "?sort=__proto__&%ff&=&%": ["name", "asc", 1],
  };
  for (const [text, [sort, order, page]] of Object.entries(table)) {
    assertEquals<unknown>(parseListingQuery(text), { ...DEFAULT_LISTING_QUERY, sort, order, page }, text);
  }
});

Deno.test("a filter and a view are parsed, and a query is written as it would be read", () => {
  const table: Readonly<Record<string, readonly [filter: string, view: string]>> = {
    "q=a": ["a", "list"],
    "q=&view=": ["", "list"],
    "q=+a++b+&view=grid": ["a  b", "grid"],
    "q=%C3%A9%20%22%3C%26%23": ['é "<&#', "list"],
    "q=%ff%": ["\ufffd%", "list"],
    "q=1&q=2&view=Grid": ["1", "list"],
    [`q=${"x".repeat(300)}`]: ["x".repeat(256), "list"],
    [`q=${"x".repeat(255)}😀`]: ["x".repeat(255), "list"],
  };
  for (const [text, [filter, view]] of Object.entries(table)) {
    const query = parseListingQuery(text);
    assertEquals([query.filter, query.view] as const, [filter, view] as const, text);
    const others = { sort: "size", order: "desc", page: 7 } as const;
    for (const one of [query, { ...query, ...others }]) {
      const written = formatListingQuery(one);
      assertMatch(written, /^(\.\/|\?[\w=&%.!~*'()-]+)$/);
      assertEquals(parseListingQuery(written.replace("./", "")), one, written);
    }
  }
});
