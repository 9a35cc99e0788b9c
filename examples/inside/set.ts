/**
 * What the set of an epoll holds: open files, each under a number.
 *
 *     deno run --allow-ffi examples/inside/set.ts
 * @module
 */
import { close, Epoll, EPOLLIN, send } from "../../mod.ts";
import { libc, outcome, socketPair } from "./kernel.ts";

const epoll = new Epoll();
const byte = new Uint8Array(65);
const [near, far] = socketPair();
const line = (what: string, result: string) => console.log(`${what.padEnd(34)} ${result}`);
const events = () => JSON.stringify(epoll.poll(0).map(([fd]) => fd === near ? "near" : "copy"));

line("add a socket", outcome(() => epoll.register(near, EPOLLIN)));
line("add it again", outcome(() => epoll.register(near, EPOLLIN)));
const copy = libc.dup(near);
line("add its duplicate, another number", outcome(() => epoll.register(copy, EPOLLIN)));
send(far, byte, 1, false);
line("a byte arrives: events", events());
epoll.unregister(copy);
line("the duplicate is removed: events", events());

close(near);
line("near is closed, its duplicate not:", events());
line("remove near", outcome(() => epoll.unregister(near)));
close(copy);
line("the duplicate is closed, too", events());

const file = libc.memfd_create(new TextEncoder().encode("a regular file\0".padEnd(65, "\0")), 0);
line("add a regular file", outcome(() => epoll.register(file, EPOLLIN)));
line("add the epoll to itself", outcome(() => epoll.register(epoll, EPOLLIN)));
line("add a number that is not open", outcome(() => epoll.register(1_000_000, EPOLLIN)));
