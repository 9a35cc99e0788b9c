/**
 * System calls that fail: every call of the server, with every error of its man page. The affected client may notice;
 * no other does, and afterwards everything is as before. One by one: `deno task faults`.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { WAITING } from "../faults/errnos.ts";
import { LocalTarget } from "../faults/local_target.ts";
import { manyAtOnce, SECURE_CALLS, unnoticedRounds } from "../faults/plan.ts";
import { mustSkip } from "../faults/strace.ts";
import { Target } from "../faults/target.ts";
import { IS_EMULATED } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

/** The messages that the program may log about faults. */
const FAULT_MESSAGE =
  /^epollet: Cannot (accept clients for now|serve another client|watch more files|open root \S+: E\w+ .*: the previous directory is still served)/;

async function assertEndsWell(target: Target): Promise<void> {
  for (const line of (await target.end()).trim().split("\n")) {
    assert(line === "" || FAULT_MESSAGE.test(line), line);
  }
}

Deno.test("the program survives every error of every system call that it makes, and so do the other clients", async () => {
  if (IS_EMULATED || mustSkip("system calls of the program were not made to fail")) return await inProcess();
  await using edge = await Target.start();
  await using level = await Target.start(["--poller", "epoll-level"]);
  let injected = 0;
  const random = new Random();
  console.log(`seed ${SEED}`);
  for (const { poller, faults } of manyAtOnce()) {
    // open(2) alone has so many that only some are tried each time.
    if (faults.length < 4 && !random.oneIn(3)) continue;
    injected += (await (poller === "epoll-edge" ? edge : level).suffer(faults)).injected;
  }
  assert(injected > 100, `only ${injected} calls failed`);
  await assertEndsWell(edge);
  await assertEndsWell(level);
});

Deno.test("the program survives every error of every system call that it makes for TLS, and so do the other clients", async () => {
  if (IS_EMULATED || mustSkip("system calls for TLS were not made to fail")) return await inProcess(true);
  await using edge = await Target.start([], true);
  await using level = await Target.start(["--poller", "epoll-level"], true);
  let injected = 0;
  const random = new Random();
  console.log(`seed ${SEED}`);
  for (const { poller, faults } of manyAtOnce(SECURE_CALLS)) {
    if (faults.length < 4 && !random.oneIn(4)) continue; // receiving and sending have more errors than the others
    injected += (await (poller === "epoll-edge" ? edge : level).suffer(faults)).injected;
  }
  assert(injected > 25, `only ${injected} calls failed`);
  await assertEndsWell(edge);
  await assertEndsWell(level);
});

for (const isSecure of [false, true]) {
  const what = `HTTP/2${isSecure ? " over TLS" : ""}`;
  Deno.test(`the program survives every error of every system call that it makes for ${what}, and so do the other clients`, async () => {
    if (IS_EMULATED || mustSkip(`system calls for ${what} were not made to fail`)) {
      return await inProcess(isSecure, true);
    }
    await using edge = await Target.start([], isSecure, true);
    await using level = await Target.start(["--poller", "epoll-level"], isSecure, true);
    let injected = 0;
    const random = new Random();
    console.log(`seed ${SEED}`);
    for (const { poller, faults } of manyAtOnce(SECURE_CALLS)) {
      if (faults.length < 4 && !random.oneIn(4)) continue;
      injected += (await (poller === "epoll-edge" ? edge : level).suffer(faults)).injected;
    }
    assert(injected > 15, `only ${injected} calls failed`);
    await assertEndsWell(edge);
    await assertEndsWell(level);
  });
}

/** Runs the faults without strace. */
async function inProcess(isSecure = false, speaksHttp2 = false): Promise<void> {
  // A false EAGAIN does not make it wait for ever.
  await using target = await LocalTarget.start("epoll-level", isSecure, speaksHttp2);
  const calls = isSecure || speaksHttp2 ? SECURE_CALLS : null;
  for (const { faults } of manyAtOnce(calls)) await target.suffer(faults);
}

Deno.test("the program survives every error of the wait that runs on another thread", async () => {
  if (IS_EMULATED || mustSkip("the wait on another thread was not made to fail")) return;
  await using target = await Target.start();
  for (const errno of WAITING.epoll_wait) {
    const faults = [{ call: "epoll_wait", errno, when: 1 }];
    const { noticed } = await target.suffer(faults, target.otherThreads);
    assertEquals(noticed, [], errno);
  }
  assertEquals(await target.end(), "");
});

for (const { poller, faults } of unnoticedRounds().filter(({ poller }) => USABLE_POLLERS.includes(poller))) {
  const isInterrupted = faults.every(({ errno }) => errno === "EINTR");
  const what = isInterrupted
    ? "EINTR"
    : `an error of ${[...new Set(faults.map(({ call }) => call))].join(", ")}`;
  const kinds = [[false, false], [true, false], [false, true], [true, true]] as const;
  for (const [isSecure, speaksHttp2] of poller.startsWith("epoll") ? kinds : kinds.slice(0, 1)) {
    const kind = `${speaksHttp2 ? ", HTTP/2" : ""}${isSecure ? ", TLS" : ""}`;
    Deno.test(`${poller}${kind}: no client notices ${what}`, async () => {
      await using target = await LocalTarget.start(poller, isSecure, speaksHttp2);
      const { injected, noticed } = await target.suffer(faults);
      assert(injected >= 4, `only ${injected} calls failed`);
      assertEquals([noticed, target.errors], [[], []]);
    });
  }
}
