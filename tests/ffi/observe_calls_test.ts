/**
 * Observed calls of the C library: what the observer learns, and that the callers notice nothing of it.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EBADF } from "../../ffi/libc/errno.ts";
import { callCount, libc, loadLibc, observeCalls, result } from "../../ffi/libc/libc.ts";

loadLibc(); // outside of the test, which would count it as a leak

Deno.test("the observer learns of each call with its result or errno, and callers get the same results as before", async () => {
  const calls: [name: string, first: unknown, outcome: unknown][] = [];
  observeCalls((name, args, outcome) => {
    if (name === "isatty") return;
    calls.push([name, args[0], outcome]);
    libc.isatty(-1); // sets errno to EBADF, which must not reach the caller
  });
  assertEquals(libc.getpid(), Deno.pid);
  const before = callCount[0]!;
  const buffer = new Uint8Array(128);
  assertEquals(result(libc.read(-1, buffer, 1)), -EBADF);
  const path = new TextEncoder().encode("/there/is/no/such/file\0");
  assertEquals(
    result(libc.openat(-100, path, 0, 0)),
    -2,
    "ENOENT, not the errno of what the observer has called",
  );
  assertEquals(callCount[0], before + 2);
  const parked = libc.poll_parked(buffer, 0, 0);
  assert(parked instanceof Promise);
  assertEquals(await parked, 0);
  assertEquals(calls.map(([name, first]) => [name, first]), [
    ["getpid", undefined],
    ["read", -1],
    ["openat", -100],
    ["poll_parked", buffer],
  ]);
  assertEquals(calls.slice(0, 3).map(([, , outcome]) => outcome), [Deno.pid, -EBADF, -2]);
  assert(calls[3]![2] instanceof Promise);
});
