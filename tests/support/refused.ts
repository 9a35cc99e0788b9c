/**
 * Wrong calls that a JavaScript program may make.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { openDescriptors } from "./descriptors.ts";

/** Asserts that each call fails with a TypeError or a RangeError whose message matches, and leaves nothing open. */
export function refused(rows: readonly (readonly [call: () => unknown, message: RegExp])[]): void {
  const before = openDescriptors();
  for (const [call, message] of rows) {
    const error = assertThrows(call) as Error;
    assert(error instanceof TypeError || error instanceof RangeError, `${call}: ${error}`);
    assertMatch(error.message, message, String(call));
  }
  assertEquals(openDescriptors(), before);
}
