/**
 * The query of a listing.
 * @module
 */
import { assertEquals } from "@std/assert";
import { parseListingQuery } from "../../handlers/site/listing/listing_query.ts";

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
    assertEquals<unknown>(parseListingQuery(text), { sort, order, page }, text);
  }
});
