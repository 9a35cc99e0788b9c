/**
 * The mistake: several processes wait for one listening socket, and each client wakes all of them. The processes are
 * this program, started again.
 *
 *     deno run --allow-ffi examples/mistakes/thundering_herd.ts [mended]
 * @module
 */
import { accept, Epoll, EPOLLET, EPOLLEXCLUSIVE, EPOLLIN, localAddress, recv, select } from "../../mod.ts";
import { readProcFile } from "../../ffi/file/proc_file.ts";
import * as child from "../../ffi/process/child.ts";
import { listenTcpTogether } from "../../ffi/socket/socket.ts";
import { Client, conclude, encode, isMended } from "./scene.ts";

const PROCESSES = 4;
const CLIENTS = 50;
const listen = (copies: number) => listenTcpTogether("127.0.0.1", 0, 128, { deferAccept: false }, copies);

/** A process: accepts the clients that it is woken for, and sends a byte to the port `parent` for each. */
function work(listener: number, eventmask: number, parent: number): never {
  child.endWithParent();
  const epoll = new Epoll();
  epoll.register(listener, eventmask);
  for (const link = new Client(parent);;) {
    epoll.poll();
    while (accept(listener) >= 0) link.send("1");
  }
}

/** Returns whether the main thread of each process sleeps, and how often they have gone to sleep. */
function look(pids: readonly number[]): { readonly areAsleep: boolean; readonly sleeps: number } {
  const texts = pids.map((pid) => new TextDecoder().decode(readProcFile(`/proc/${pid}/status`)));
  const sleeps = texts.map((text) => Number(/^voluntary_ctxt_switches:\t(\d+)/m.exec(text)![1]));
  return {
    areAsleep: texts.every((text) => /^State:\tS/m.test(text)),
    sleeps: sleeps.reduce((sum, count) => sum + count),
  };
}

/** Starts processes that wait on `listeners`, each on one of them. Returns how many of them a client wakes. */
function measure(name: string, listeners: readonly number[], eventmask: number): number {
  const [parent] = listen(1) as [number];
  const pids = Array.from({ length: PROCESSES }, (_, i) => {
    const listener = listeners[i % listeners.length]!;
    const args = ["work", listener, eventmask, localAddress(parent).port].map((arg) => encode(`${arg}`));
    const words = [...child.commandLine(), ...args];
    return child.spawn(child.SELF, words, child.environmentWithout([]), [listener]);
  });
  const links = pids.map(() => accept(select([parent], [], [], 30)[0][0]!));
  while (!look(pids).areAsleep);
  const before = look(pids).sleeps;
  const takers = new Set<number>();
  for (let i = 0; i < CLIENTS; i++) {
    const client = new Client(localAddress(listeners[0]!).port);
    const [[link]] = select(links, [], [], 30) as [[number], [], []];
    recv(link, new Uint8Array(1));
    takers.add(link);
    while (!look(pids).areAsleep);
    client.close();
  }
  const woken = Math.round((look(pids).sleeps - before) / CLIENTS);
  const share = !isMended ? "" : takers.size === 1 ? ", always the same one" : ", each a share of them";
  console.log(`${name}: a client wakes ${woken} of ${PROCESSES} processes${share}`);
  pids.forEach(child.kill);
  return woken;
}

const [word, ...numbers] = Deno.args.slice(isMended ? 1 : 0);
if (word === "work") work(...numbers.map(Number) as [number, number, number]);
const woken = isMended
  ? [
    measure("EPOLLEXCLUSIVE", listen(1), EPOLLIN | EPOLLEXCLUSIVE),
    measure("SO_REUSEPORT", listen(PROCESSES), EPOLLIN),
  ]
  : [measure("level-triggered", listen(1), EPOLLIN), measure("edge-triggered", listen(1), EPOLLIN | EPOLLET)];
conclude(
  Math.max(...woken) === 1,
  "a client wakes one process",
  "a client wakes all processes, and one gets it",
);
