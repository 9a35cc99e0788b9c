/**
 * The mistake: a server sends to a closed connection, and does not handle SIGPIPE.
 *
 * The server is a process of its own here, because it does not survive this. It is this program, started again.
 *
 *     deno run --allow-ffi examples/mistakes/sigpipe.ts [mended]
 * @module
 */
import { accept, errnoName, listenTcp, localAddress, Poll, POLLIN, send } from "../../mod.ts";
import { commandLine, environmentWithout, openProcess, reap, SELF, spawn } from "../../ffi/process/child.ts";
import { awaitInput, Client, conclude, encode, isMended } from "./scene.ts";

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  signal: { parameters: ["i32", "u64"], result: "u64" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
});
const SIGPIPE = 13;
const SIG_DFL = 0n;
const SIG_IGN = 1n;
const PART = encode("a part of the page");

/** Wrong: no flag, and the signal has its default effect: it ends the process. */
function sendPart(fd: number): number {
  return libc.send(fd, PART, BigInt(PART.length), 0);
}

/** Mended: `send` of this library passes MSG_NOSIGNAL. The call returns −EPIPE, and no signal comes. */
function sendPartQuietly(fd: number): number {
  return send(fd, PART, PART.length, false);
}

function serve(): never {
  const before = libc.signal(SIGPIPE, SIG_DFL);
  console.log(
    `server: Deno ${
      before === SIG_IGN ? "ignored" : "did not ignore"
    } SIGPIPE; now it has its default effect`,
  );
  const listener = listenTcp("127.0.0.1", 0, 128, { deferAccept: false });
  const client = new Client(localAddress(listener).port);
  const server = accept(awaitInput(listener));
  client.close();
  const reset = new Poll();
  reset.register(server, 0); // errors and hang-ups are always reported
  for (const part of ["first", "second"]) {
    console.log(`server: sends the ${part} part to a client that has left`);
    const count = (isMended ? sendPartQuietly : sendPart)(server);
    console.log(`server: send returns ${count < 0 ? errnoName(-count) : count}`);
    reset.poll(1000);
  }
  Deno.exit(0);
}

if (Deno.args.at(-1) === "serve") serve();
const pid = spawn(SELF, [...commandLine(), encode("serve")], environmentWithout([]), []);
const end = new Poll();
end.register(openProcess(pid), POLLIN);
end.poll();
const ended = reap(pid);
if (ended === null || typeof ended === "number") throw new Error("the server has not ended");
console.log(
  ended.signal === null ? "the server has ended by itself" : `signal ${ended.signal} has ended the server`,
);
conclude(
  ended.signal === null,
  "a client that left is an error number, and no more",
  "a client that left has ended the server, and so all connections",
);
