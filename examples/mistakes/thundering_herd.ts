/**
 * The mistake: several processes wait for one listening socket, and each client wakes all of them. The processes are
 * this program, started again.
 *
 *     deno run --allow-ffi examples/mistakes/thundering_herd.ts [mended]
 * @module
 */
import { accept, Epoll, EPOLLET, EPOLLEXCLUSIVE, EPOLLIN, localAddress, send } from "../../mod.ts";
import { readProcFile } from "../../ffi/file/proc_file.ts";
import * as child from "../../ffi/process/child.ts";
import { listenTcpTogether } from "../../ffi/socket/socket.ts";
import { awaitInput, Client, conclude, encode, isMended } from "./scene.ts";

const PROCESSES = 4;
const CLIENTS = 50;
/** Names, numbers of sockets, event masks. */
const WRONG = [["level-triggered", 1, EPOLLIN], ["edge-triggered", 1, EPOLLIN | EPOLLET]] as const;
const ONE_AT_ONCE = EPOLLIN | EPOLLEXCLUSIVE;
const MENDED = [["EPOLLEXCLUSIVE", 1, ONE_AT_ONCE], ["SO_REUSEPORT", PROCESSES, EPOLLIN]] as const;
const listen = (copies: number) => listenTcpTogether("127.0.0.1", 0, 128, { deferAccept: false }, copies);

/** A process: accepts the clients that it is woken for, and sends its number to each. */
function work(number: number, listener: number, eventmask: number, parent: number): never {
  child.endWithParent();
  const epoll = new Epoll();
  epoll.register(listener, eventmask);
  new Client(parent); // tells that it is ready
  for (;;) {
    epoll.poll();
    for (let fd = accept(listener); fd >= 0; fd = accept(listener)) send(fd, Uint8Array.of(number), 1, false);
  }
}

/** Returns whether the main thread of each process sleeps, and how often they have gone to sleep. */
function look(pids: readonly number[]): { readonly areAsleep: boolean; readonly sleeps: number } {
  const texts = pids.map((pid) => new TextDecoder().decode(readProcFile(`/proc/${pid}/status`)));
  const sleeps = texts.map((text) => Number(/^voluntary_ctxt_switches:\t(\d+)/m.exec(text)![1]));
  const areAsleep = texts.every((text) => /^State:\tS/m.test(text));
  return { areAsleep, sleeps: sleeps.reduce((sum, count) => sum + count) };
}

/** Starts processes that wait on `listeners`, each on one of them. Returns how many of them a client wakes. */
function measure(name: string, listeners: readonly number[], eventmask: number): number {
  const [parent] = listen(1) as [number];
  const pids = Array.from({ length: PROCESSES }, (_, number) => {
    const listener = listeners[number % listeners.length]!;
    const numbers = [number, listener, eventmask, localAddress(parent).port];
    const words = [...child.commandLine(), ...["work", ...numbers].map((word) => encode(`${word}`))];
    return child.spawn(child.SELF, words, child.environmentWithout([]), [listener]);
  });
  for (const _ of pids) accept(awaitInput(parent));
  while (!look(pids).areAsleep);
  const before = look(pids).sleeps;
  const takers = new Set<number>();
  for (let i = 0; i < CLIENTS; i++) {
    const client = new Client(localAddress(listeners[0]!).port);
    awaitInput(client.fd);
    takers.add(client.receive(0)[0]!);
    while (!look(pids).areAsleep);
  }
  const woken = Math.round((look(pids).sleeps - before) / CLIENTS);
  const share = !isMended ? "" : takers.size === 1 ? ", always the same one" : ", each a share of them";
  console.log(`${name}: a client wakes ${woken} of ${PROCESSES} processes${share}`);
  pids.forEach(child.kill);
  return woken;
}

const [word, ...numbers] = Deno.args.slice(isMended ? 1 : 0);
if (word === "work") work(...numbers.map(Number) as [number, number, number, number]);
const woken = (isMended ? MENDED : WRONG).map(([name, sockets, mask]) =>
  measure(name, listen(sockets), mask)
);
conclude(
  Math.max(...woken) === 1,
  "a client wakes one process",
  "a client wakes all, and one process gets it",
);
