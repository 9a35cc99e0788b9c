/**
 * Any export of mod.ts as the first call of a program, with an inherited descriptor: nothing has opened the C library
 * before.
 * @module
 */
import { assertEquals } from "@std/assert";
import { DENO } from "../support/deno.ts";
import { Site } from "../support/program.ts";
import { URING_ABSENCE } from "../support/uring.ts";

const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const MOD = new URL("../../mod.ts", import.meta.url).href;

/** Calls, and their results with a descriptor that is not open (12345), or with the pipe that is standard output. */
const CALLS: Readonly<Record<string, string>> = {
  "epollet.accept(12345)": "-9",
  "epollet.recv(12345, new Uint8Array(200))": "-9",
  "epollet.send(12345, new Uint8Array(200), 1, false)": "-9",
  "epollet.sendfile(12345, 0, 0, 1)": "-9",
  "epollet.shutdownWrite(12345)": "-9",
  "epollet.close(12345)": "-9",
  "epollet.peerAddress(12345)": "null",
  "epollet.localAddress(12345)": "SystemError",
  "new epollet.LogFile(1).path": "null",
  "epollet.createPoller('naive').add(1, 2)": "0",
  "epollet.createPoller('select').add(1, 2)": "0",
  "epollet.createPoller('poll').add(1, 2)": "0",
  "epollet.createPoller('epoll-level').remove(12345)": "-2",
  "epollet.Epoll.fromFd(12345).modify(1, 1)": "SystemError",
  "new epollet.Poll().register(1)": "undefined",
  "new epollet.Uring().register(1)": URING_ABSENCE === null ? "undefined" : "SystemError",
  "epollet.select([], [1], [], 0).length": "3",
};

Deno.test("each call works as the first one of a program", async () => {
  using site = new Site({
    "first.ts": `import * as epollet from ${JSON.stringify(MOD)};
      const call = Function("epollet", "return " + Deno.args[0]);
      try { console.log(String(call(epollet))); } catch (error) { console.log(error.name); }
      Deno.exit(0);`,
  });
  const [program, ...words] = DENO;
  for (const [call, expected] of Object.entries(CALLS)) {
    const { stdout } = await new Deno.Command(program, {
      args: [
        ...words,
        "run",
        "-c",
        CONFIG,
        "--no-check",
        "--no-prompt",
        "--allow-ffi",
        site.path("first.ts"),
        call,
      ],
      stdin: "null",
      stderr: "inherit",
    }).output();
    assertEquals(new TextDecoder().decode(stdout).trim(), expected, call);
  }
});
