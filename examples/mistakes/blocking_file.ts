/**
 * The mistake: the loop opens a file, and waits for it.
 *
 *     deno run --allow-ffi examples/mistakes/blocking_file.ts [mended]
 * @module
 */
import { accept, Epoll, EPOLLIN, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { Client, conclude, encode, isMended } from "./scene.ts";

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  mkfifo: { parameters: ["buffer", "u32"], result: "i32" },
  system: { parameters: ["buffer"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  openElsewhere: { name: "open", parameters: ["buffer", "i32"], result: "i32", nonblocking: true },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
});
const O_RDONLY = 0;
const path = `/tmp/slow-${Deno.pid}.html`;
const pathBytes = encode(`${path}\0`);
const buffer = new Uint8Array(1024);
const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);
const answered: string[] = [];

/** Wrong: `open` sleeps in the kernel, and with it the only thread. */
function sendFile(client: number): void {
  const file = libc.open(pathBytes, O_RDONLY);
  answer(client, "slow.html", libc.read(file, buffer, BigInt(buffer.length)));
}

/** Mended: another thread sleeps in the kernel, and the loop goes on. */
async function sendFileLater(client: number): Promise<void> {
  const file = await libc.openElsewhere(pathBytes, O_RDONLY);
  answer(client, "slow.html", libc.read(file, buffer, BigInt(buffer.length)));
}

function answer(client: number, name: string, length: number): void {
  const isLate = performance.now() - startMs >= 1000;
  console.log(`server: sends ${name} after ${isLate ? "more" : "less"} than a second`);
  send(client, buffer, length, false);
  answered.push(name);
}

function onEvent(fd: number): void {
  if (fd === listener) return epoll.register(accept(listener), EPOLLIN);
  const request = new TextDecoder().decode(buffer.subarray(0, recv(fd, buffer)));
  epoll.unregister(fd);
  if (request.includes("quick.html")) answer(fd, "quick.html", 100);
  else if (isMended) sendFileLater(fd);
  else sendFile(fd);
}

// A FIFO is a file whose opening takes as long as its other side likes: here a second, as on a disk that is asleep.
const startMs = performance.now();
libc.mkfifo(pathBytes, 0o600);
libc.system(encode(`(sleep 1; echo "the slow page" 1<> ${path}; rm ${path}) &\0`));
const clients = ["slow.html", "quick.html"].map((name) => {
  const client = new Client(localAddress(listener).port);
  client.send(`GET /${name}\n`);
  console.log(`client: asks for ${name}`);
  return client;
});
while (answered.length < clients.length) {
  for (const [fd] of await epoll.pollAsync(0.1)) onEvent(fd);
}
conclude(
  answered[0] === "quick.html",
  "one file was slow, and only its client has waited",
  "one file was slow, and all clients have waited",
);
