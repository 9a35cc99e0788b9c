/**
 * Records what connections go through, from the calls of the C library that the server makes for them, and from the states
 * that the server itself keeps. The server has no code for this, so it costs nothing where nothing is recorded.
 *
 * Source: the order of a turn in `server/loop/reactor.ts`.
 * @module
 */
import { errnoName } from "../../ffi/libc/errno.ts";
import type { CallObserver } from "../../ffi/libc/libc.ts";
import { Connection } from "../../server/connection/connection.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Story } from "./story.ts";

/** How long a connection has to be at rest before it is shown. */
const REST_MS = 250;
/** How long it is shown at the latest after something has happened. */
const LATEST_MS = 2000;
/** Connections that have ended and are not shown yet, of which more are forgotten. */
const ENDED_MAX = 1000;

/** The operations of epoll_ctl(2) by their numbers. */
const EPOLL_OPERATIONS = ["", "ADD", "DEL", "MOD"];
/** Calls whose results are told. They are what moves a connection. */
const TOLD: ReadonlySet<string> = new Set(["accept4", "recv", "send", "sendfile"]);

/** The text of a wait; null for another call. What it is given, and what the kernel reads, tells the pollers apart. */
function waitOf(name: string, args: readonly unknown[], outcome: unknown): string | null {
  const wait = name.replace(/^syscall_|_parked$/g, "");
  if (wait === "select") return `select(${args[0]}) = ${outcome}`;
  if (wait === "poll") return `poll(${args[1]}) = ${outcome}`;
  return wait === "epoll_wait" || wait === "io_uring_enter" ? `${wait} = ${outcome}` : null;
}

/** Records the connections of one server after the other. */
export class Recorder {
  #reactor: Reactor | null = null;
  #listeners: ReadonlySet<number> = new Set();
  #open = new Map<number, Story>();
  #ended: Story[] = [];
  #count = 0;
  #lastWait: string | null = null;
  #waitTurn = -1;
  /** The stories of the turn that is not over yet. */
  readonly #inTurn = new Set<Story>();
  /** The turn in which the handler was called last. */
  #handledTurn = -1;

  /** Records the clients of the listening sockets `listeners` from now on, and forgets those of the server before. */
  watch(reactor: Reactor, listeners: readonly number[]): void {
    this.release();
    this.#reactor = reactor;
    this.#listeners = new Set(listeners);
    this.#count = 0;
  }

  /** Records nothing until {@linkcode watch} is called again. */
  release(): void {
    this.#reactor = null;
    this.#open = new Map();
    this.#ended = [];
    this.#inTurn.clear();
  }

  /** The number of connections since {@linkcode watch}. */
  get count(): number {
    return this.#count;
  }

  /** To be called when the handler is. The call belongs to the connection that is sent something next in the same turn. */
  handled(): void {
    this.#handledTurn = this.#reactor?.turns ?? -1;
  }

  /** Takes the calls of {@linkcode observeCalls}. */
  readonly observe: CallObserver = (name, args, outcome) => {
    const reactor = this.#reactor;
    if (reactor === null) return;
    if (outcome instanceof Promise) return void outcome.then((settled) => this.observe(name, args, settled));
    if (name === "accept4") return this.#accepted(reactor, args[0] as number, outcome as number);
    const wait = waitOf(name, args, outcome);
    if (wait !== null) {
      this.#lastWait = wait;
      this.#waitTurn = reactor.turns;
      return;
    }
    const isControl = name === "epoll_ctl";
    const story = this.#open.get(args[isControl ? 2 : 0] as number);
    if (story === undefined) return;
    const result = outcome as number;
    if (this.#handledTurn === reactor.turns && (name === "send" || name === "sendfile")) {
      this.#handledTurn = -1;
      story.passed.add("handling");
      this.#add(reactor, story, "handler", true);
    }
    if (name === "recv" && result > 0) story.passed.add("reading");
    if (name.startsWith("send") && result > 0) story.passed.add("writing");
    const told = TOLD.has(name) ? ` = ${result < 0 ? errnoName(-result) : result}` : "";
    const text = isControl ? `epoll_ctl ${EPOLL_OPERATIONS[args[1] as number]}` : `${name}${told}`;
    this.#add(reactor, story, text, told !== "" && result >= 0);
    if (name === "close") this.#closed(story);
  };

  #accepted(reactor: Reactor, listener: number, fd: number): void {
    if (fd < 0 || !this.#listeners.has(listener)) return;
    const story = new Story(++this.#count, fd, performance.now());
    this.#open.set(fd, story);
    this.#add(reactor, story, `accept4 = ${fd}`, true);
  }

  #closed(story: Story): void {
    story.end("closed", performance.now());
    this.#inTurn.delete(story);
    this.#open.delete(story.fd);
    if (this.#ended.length < ENDED_MAX) this.#ended.push(story);
  }

  #add(reactor: Reactor, story: Story, call: string, isEvent: boolean): void {
    const turn = reactor.turns;
    if (this.#inTurn.size === 0) reactor.post(() => this.#endTurn());
    // What was not looked at before the next turn is looked at now: nothing has been done since with what this call returned.
    else if (!story.isIn(turn) && this.#inTurn.has(story)) this.#look(reactor, story);
    this.#inTurn.add(story);
    const wait = this.#waitTurn === turn - 1 ? this.#lastWait : null;
    story.add(call, isEvent, wait, turn, performance.now());
  }

  /** Runs as a task, so after everything that a turn does but closing: the states are those in which connections wait. */
  #endTurn(): void {
    const reactor = this.#reactor;
    if (reactor !== null) { for (const story of this.#inTurn) this.#look(reactor, story); }
    this.#inTurn.clear();
  }

  /** Notes the state of a connection, unless it is about to be closed. An idle one has no object. */
  #look(reactor: Reactor, story: Story): void {
    const source = reactor.sourceAt(story.fd);
    if (source === null) return;
    const state = source instanceof Connection ? source.state : "idle";
    if (state !== "closed") story.end(state, performance.now());
  }

  /** Returns the connections that can be shown, because they have ended or rest, those with a response first. */
  due(nowMs: number): Story[] {
    const resting = [...this.#open.values()].filter(({ eventMs, unshownMs }) =>
      unshownMs < Infinity && (nowMs - eventMs >= REST_MS || nowMs - unshownMs >= LATEST_MS)
    );
    const all = [...this.#ended, ...resting];
    this.#ended = [];
    return all.toSorted((one, other) => Number(other.wasAnswered) - Number(one.wasAnswered));
  }
}
