/**
 * Waits for clients, and prints what they send. Meanwhile its set can be looked at from outside.
 *
 *     deno run --allow-ffi examples/inside/wait.ts 7890
 * @module
 */
import { accept, close, Epoll, EPOLLIN, listenTcp, localAddress, recv } from "../../mod.ts";

const listener = listenTcp("127.0.0.1", Number(Deno.args[0] ?? 7890), 128);
const epoll = new Epoll();
const buffer = new Uint8Array(1024);
epoll.register(listener, EPOLLIN);
const { port } = localAddress(listener);
console.log(`process ${Deno.pid}, epoll ${epoll.fileno()}, listener ${listener} on 127.0.0.1:${port}`);

while (true) {
  for (const [fd] of epoll.poll()) {
    if (fd === listener) {
      const client = accept(listener);
      if (client >= 0) epoll.register(client, EPOLLIN);
      continue;
    }
    const count = recv(fd, buffer);
    if (count > 0) console.log(`descriptor ${fd}: ${new TextDecoder().decode(buffer.subarray(0, count))}`);
    else if (count === 0) close(fd);
  }
}
