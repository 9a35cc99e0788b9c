/**
 * The lesson in English.
 * @module
 */
import type { Words } from "./words.ts";

/** The texts. */
export const ENGLISH: Words = {
  steps: [
    {
      title: "one request, and what it costs",
      about:
        "The server sleeps in epoll_wait(2), which costs nothing. Then a client sends two requests on one connection. Each line that appears below is one turn of the loop: the result of the wait, the calls for this connection, and the state in which the connection then waits.",
      look: [
        "accept4, recv, handler and send are in one turn, because the request came together with the client. Only then does epoll_ctl ADD register the connection, once for its whole life.",
        "The second request takes three calls: epoll_wait, recv, send. At the end, recv = 0 means that the client has closed the connection.",
        'The boxes are the states of a connection, and the heavy ones are those that it was in. Under each is the time for which it waited there. "reading" and "writing" have none: nothing had to be waited for.',
        "On the live page: 2 requests in total, and the poller is epoll-edge.",
      ],
    },
    {
      title: "no multiplexer: try every socket, again and again",
      about:
        "No call on a socket blocks. So a loop can try accept on the listening socket and recv on each client, in turn and for ever. Nearly always the result is EAGAIN: nothing there at present.",
      look: [
        "A second in which nothing happens takes a whole processor and many thousands of system calls. In the other steps it takes next to none.",
        "No turn begins with a wait. The client is served all the same.",
        'On the live page: "CPU" near 100 % of one processor, unless other programs need it, with no client at all.',
      ],
    },
    {
      title: "select: one call waits for all sockets",
      about:
        "select(2) sleeps until one of many sockets is ready. It takes a set with a bit for each descriptor below its argument, and goes through all of it in each call. A set has 1,024 bits, and that is the limit of clients. The command connects 50 clients that send half a request, and then one with a whole request.",
      look: [
        "The turn that closes the connection with the request begins with select(79) = 1, or a number near that: 79 bits were copied into the kernel, gone through, and copied back, and one of them is set. The loop has to search for it.",
        "The processor is free again: a second without requests costs next to nothing.",
        `On the live page: 50 connections "reading" for three seconds. Then the command ends, and they are closed.`,
      ],
    },
    {
      title: "poll: a list instead of a set",
      about:
        "poll(2) takes a list of descriptors, each with what is waited for. There is no limit of 1,024, and only descriptors that are watched are in the list. But the whole list is still copied and looked at in each call.",
      look: [
        "The same turn begins with poll(54) = 1, or a number near that: 54 entries for 51 clients, two listening sockets, and the loop's own descriptor. With 10,000 clients it would be 10,000 entries for each request.",
        'On the live page: again 50 connections "reading", and the poller is poll.',
      ],
    },
    {
      title: "epoll, level-triggered: the kernel keeps the list",
      about:
        "epoll_ctl(2) registers a socket once. The kernel notes when something arrives, and epoll_wait(2) returns only the sockets that are ready. Level-triggered means: as long as there is something left, each wait reports it again. Here 50,000 bytes are echoed, 16,384 in a turn, so that other clients get their turns in between.",
      look: [
        "Each turn with data begins with epoll_wait = 1. The socket is reported as long as data is left: four times, if all 50,000 bytes have arrived at the first.",
        "The command prints 50000: everything came back.",
        "On the live page: 50.0 KB sent, and the poller is epoll-level.",
      ],
    },
    {
      title: "epoll, edge-triggered: told once for each change",
      about:
        "The same bytes, edge-triggered: the kernel reports that something has arrived, once. Data that is left is not reported again. So after each report, the program receives until EAGAIN, or remembers that it has not.",
      look: [
        "Turns with epoll_wait = 0 receive data all the same: the loop remembers that this socket was not read to its end. A program that forgets it waits for ever, with data in its socket.",
        "recv = EAGAIN ends it: now the kernel will report the next change.",
        "On the live page: 50.0 KB sent, as before, and the poller is epoll-edge.",
      ],
    },
    {
      title: "a coroutine waits, and the loop does not",
      about:
        "Each connection is now an async function that reads, awaits and writes, as if it had a thread of its own. At each await it gives the thread back. The page /slow awaits a timer of one second, and another client comes meanwhile.",
      look: [
        'The quick request is answered first. Its whole story lies in the second in which the other one was "handling".',
        'In the story of the slow one, "handling" has 1.0 s: its function waited, not the loop.',
        'On the live page: one connection "handling" for a second, and two requests in total.',
      ],
    },
    {
      title: "a client that does not read",
      about:
        "The client requests 32 MB, and reads nothing. send(2) takes what the buffers of the two sockets hold, and then returns EAGAIN. From then on epoll waits until the socket is writable. The server holds no copy of the rest, and other clients do not notice.",
      look: [
        'send = EAGAIN, and the state is "writing" for three seconds. Every half a second the server looks (ioctl) whether the client has taken anything: one that takes nothing for 30 s is cut off.',
        "Then the client goes, without having read: send = ECONNRESET, or EPIPE, and the connection is closed.",
        'On the live page: one connection "writing", with next to no CPU.',
      ],
    },
    {
      title: "200 clients that do not finish, and a deadline",
      about:
        "200 clients send the first line of a request and nothing more. Each costs a descriptor and some memory, and no thread. A request has to be complete in 5 s here (--head-timeout), so a client that says nothing does not stay for ever.",
      look: [
        "The connection with the complete request comes and goes while 200 others are open. The turn that closes it begins with epoll_wait = 1, as in the first step. What a wait costs depends on what is ready, not on what is watched. Compare the 79 bits and the 54 entries of steps 3 and 4.",
        "After 5 s, the deadline: epoll_wait = 0, and the send is the response 408. The command prints its first line.",
        'On the live page: 200 connections "reading"; then they are gone, and "responses" has 408: 200.',
      ],
    },
    {
      title: "io_uring: requests in a ring",
      about:
        "io_uring shares two rings with the kernel: what is to be done goes into one, what is done comes out of the other. This poller asks for readiness by it, and submits and waits by one call, io_uring_enter. The rest of the server is as before.",
      look: [
        "Compare with the first step: the turns begin with io_uring_enter, and no epoll_ctl registers the connection. The result is the number of requests that were submitted. What is ready stands in the ring, and is read without a call.",
        "On the live page: 2 requests in total, and the poller is io-uring.",
      ],
    },
  ],
  heading: (number, count, title) => `Step ${number} of ${count}: ${title}`,
  tryThis: "Try this in another terminal:",
  lookFor: "Look for:",
  places: ({ adminPort }, command) => [
    `Live page: http://127.0.0.1:${adminPort}/`,
    ...command === null ? [] : [`Without the lesson: ${command}`],
  ],
  keys: (count) => `Enter: next step. b: back. 1 to ${count}: that step. q: quit.`,
  quiet: (systemCalls, cpuShare) =>
    `A second without a client: ${systemCalls.toLocaleString("en")} system call${
      systemCalls === 1 ? "" : "s"
    }, ${Math.round(cpuShare * 100)} % of a processor.`,
  connection: (number, fd, isContinued) =>
    `Connection ${number}, descriptor ${fd}${isContinued ? ", continued" : ""}`,
  more: (count, states) => `${count.toLocaleString("en")} more connections: ${states}`,
  noPoller: (poller, reason, instead) =>
    reason === null
      ? `This program has no poller ${poller}, so there is nothing new to see here: the server runs on ${instead}.`
      : `This system refuses the poller ${poller} (${reason}), so there is nothing new to see here: the server runs on ${instead}.`,
  unknown: (line, count) =>
    `"${line}" is no step: press Enter, or type b, q, or a number from 1 to ${count}.`,
  end:
    "That was the last step. What to read next: understand.md, inside-epoll.md, io-models.md and mistakes.md, in docs/.",
};
