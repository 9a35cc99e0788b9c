/**
 * The mistake: a loop removes members of the list that it walks.
 *
 *     deno run --allow-ffi examples/mistakes/list_changed.ts [mended]
 * @module
 */
import { accept, close, listenTcp, localAddress, send } from "../../mod.ts";
import { awaitInput, Client, conclude, encode, isMended } from "./scene.ts";

const listener = listenTcp("127.0.0.1", 0, 128, { deferAccept: false });
let clients: number[] = [];

/** Wrong: a removal moves all later clients forward, and the loop then passes over one of them. */
function tellWrong(line: Uint8Array<ArrayBuffer>): void {
  for (const client of clients) {
    if (send(client, line, line.length, false) < 0) {
      close(client);
      clients.splice(clients.indexOf(client), 1);
    }
  }
}

/** Mended: the loop only makes a note. The list changes after it. */
function tellAll(line: Uint8Array<ArrayBuffer>): void {
  const gone = new Set<number>();
  for (const client of clients) {
    if (send(client, line, line.length, false) < 0) gone.add(client);
  }
  clients = clients.filter((client) => !gone.has(client));
  gone.forEach(close);
}

const tell = isMended ? tellAll : tellWrong;
const enter = () => {
  const client = new Client(localAddress(listener).port);
  clients.push(accept(awaitInput(listener)));
  return client;
};
const ann = enter();
const bob = enter();
const cid = enter();
const dan = enter();
tell(encode("welcome"));
for (const client of [ann, cid, dan]) client.receive();
bob.close(); // before it has read the welcome: this resets the connection
awaitInput(clients[1]!);
console.log("Bob leaves, and the server tells the others that supper is ready");
tell(encode("supper is ready"));

const received = [ann, cid, dan].map((client) => client.receiveText());
["Ann", "Cid", "Dan"].forEach((name, i) => console.log(`${name}: received ${JSON.stringify(received[i])}`));
conclude(
  received.every((text) => text !== ""),
  "all that are still there have received the line",
  "one that is still there has not received the line",
);
