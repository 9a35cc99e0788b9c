/**
 * The constants of ffi/libc/ and ffi/uring/constants.ts, and the error numbers of ffi/libc/errno.ts, compared with the machine's C
 * compiler, or without one with the tables of the runtime.
 * @module
 */
import { constants as constantsOfOs } from "node:os";
import { assert, assertEquals } from "@std/assert";
import * as constants from "../../ffi/libc/constants.ts";
import * as multiplexers from "../../ffi/libc/multiplexer_constants.ts";
import * as uring from "../../ffi/uring/constants.ts";
import * as errno from "../../ffi/libc/errno.ts";
import { evaluateInC } from "../support/c_compiler.ts";

const HEADERS = [
  "elf.h",
  "errno.h",
  "fcntl.h",
  "linux/capability.h",
  "linux/fs.h",
  "linux/io_uring.h",
  "linux/landlock.h",
  "linux/limits.h",
  "linux/magic.h",
  "linux/openat2.h",
  "linux/sockios.h",
  "linux/prctl.h",
  "linux/tls.h",
  "malloc.h",
  "net/if.h",
  "netinet/in.h",
  "netinet/tcp.h",
  "poll.h",
  "signal.h",
  "sys/auxv.h",
  "sys/epoll.h",
  "sys/eventfd.h",
  "sys/inotify.h",
  "sys/ioctl.h",
  "sys/mman.h",
  "sys/resource.h",
  "time.h",
  "sys/select.h",
  "sys/signalfd.h",
  "sys/socket.h",
  "sys/stat.h",
  "sys/syscall.h",
  "sys/wait.h",
  "unistd.h",
];

/** Constants of Landlock since Linux 6.2, and of io_uring since Linux 5.11, which the headers of some systems lack. */
const YOUNG =
  /^LANDLOCK_(ACCESS_FS_(TRUNCATE|IOCTL_DEV)|ACCESS_NET_|SCOPE_)|^IO(RING|SQE)_.*(_ISSUER|TASKRUN|EXT_ARG|TAGS|SKIP|MULTI)/;

const { IS_AARCH64, ...OF_LIBC } = { ...constants, ...multiplexers };
const CONSTANTS = { ...OF_LIBC, ...uring };

/** The error numbers that the module exports, by name. */
const EXPORTED = new Map<string, number>();
for (const [name, value] of Object.entries(errno)) if (typeof value === "number") EXPORTED.set(name, value);

/** All error numbers that have a name and a description. */
const DESCRIBED = new Map<string, number>();
for (let number = 1; number < 4096; number++) {
  if (!errno.errnoName(number).startsWith("errno ")) DESCRIBED.set(errno.errnoName(number), number);
}

Deno.test("constants that differ between architectures have this one's values", () => {
  assertEquals(IS_AARCH64, Deno.build.arch === "aarch64");
  assertEquals(
    [constants.O_DIRECTORY, constants.O_NOFOLLOW],
    IS_AARCH64 ? [0o40000, 0o100000] : [0o200000, 0o400000],
  );
});

Deno.test("every constant equals that of the C compiler", async () => {
  const names = Object.keys(CONSTANTS);
  assert(names.length > 50, "the constants were not found");
  const young = Object.entries(CONSTANTS).filter(([name]) => YOUNG.test(name));
  const values = await evaluateInC(HEADERS, names, young.map(([name, value]) => [name, String(value)]));
  if (values === null) return;
  const ours = Object.entries(CONSTANTS).map(([name, value]) => `${name} = ${value}`);
  assertEquals(ours, values.map((value, i) => `${names[i]} = ${value}`));
});

Deno.test("events of epoll and poll with one name have one value, each a bit of its own", () => {
  const values = Object.entries<number | bigint>(CONSTANTS);
  const ofEpoll = new Map(values.filter(([name]) => /^EPOLL[A-Z]+$/.test(name)));
  const ofPoll = new Map(values.filter(([name]) => /^POLL[A-Z]+$/.test(name)));
  assertEquals([ofEpoll.size, ofPoll.size], [15, 12]);
  for (const events of [ofEpoll, ofPoll]) {
    assertEquals(new Set(events.values()).size, events.size, "two events share a value");
    for (const [name, value] of events) {
      const bits = value.toString(2);
      assert(/^10*$/.test(bits), `${name} is ${bits}: not one bit, or negative`);
    }
  }
  for (const [name, value] of ofPoll) {
    if (name !== "POLLNVAL") assertEquals(ofEpoll.get(`E${name}`), value, name);
  }
});

Deno.test("every error number equals that of the C compiler", async () => {
  const all = [...EXPORTED, ...DESCRIBED];
  assert(EXPORTED.size > 20 && DESCRIBED.size > 40, "the error numbers were not found");
  const values = await evaluateInC(HEADERS, all.map(([name]) => name));
  if (values === null) return;
  all.forEach(([name, number], i) => assertEquals(number, Number(values[i]), name));
});

Deno.test("every error number equals that of the runtime", () => {
  const known: Readonly<Record<string, number>> = constantsOfOs.errno;
  let compared = 0;
  for (const [name, number] of [...EXPORTED, ...DESCRIBED]) {
    if (!(name in known)) continue; // for example, the runtime's table lacks ESOCKTNOSUPPORT
    assertEquals(number, known[name], name);
    compared++;
  }
  assert(compared > 50, `${compared} were compared`);
});

Deno.test("every error number that the module names is described, and an unknown one is shown as a number", () => {
  for (const [name, number] of EXPORTED) assertEquals(errno.errnoName(number), name);
  for (const [name, number] of DESCRIBED) {
    const described = errno.describeErrno(number);
    assert(new RegExp(`^${name} \\([a-z][^()]+\\)$`).test(described), described);
  }
  assertEquals([errno.errnoName(250), errno.describeErrno(250)], ["errno 250", "errno 250"]);
});
