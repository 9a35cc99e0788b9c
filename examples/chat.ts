/**
 * A chat room. The first line of a client is its name; each further line is sent to all other clients.
 *
 *     deno run --allow-ffi examples/chat.ts 7891
 *     nc 127.0.0.1 7891
 * @module
 */
import { type Peer, serve, type Session } from "../mod.ts";

const LINE_BYTES_MAX = 1000;
const encoder = new TextEncoder();
/** The names of the clients in the room. */
const room = new Map<Peer, string>();

function tell(text: string, except?: Peer): void {
  const line = encoder.encode(`${text}\n`);
  for (const peer of room.keys()) {
    if (peer !== except) peer.write(line); // closes a client that does not read
  }
}

function chat(peer: Peer): Session {
  const decoder = new TextDecoder();
  let rest = "";

  /** Handles a line: a name, if the client has none yet, otherwise a message. */
  function hear(line: string): void {
    const name = room.get(peer);
    if (name !== undefined) return tell(`${name}: ${line}`, peer);
    if (line === "") return void peer.write(encoder.encode("What is your name?\n"));
    const others = [...room.values()].join(", ") || "nobody";
    room.set(peer, line);
    peer.write(encoder.encode(`Hello, ${line}. Here: ${others}\n`));
    tell(`${line} came`, peer);
  }

  peer.write(encoder.encode("What is your name?\n"));
  return {
    received(bytes) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop()!;
      if (rest.length > LINE_BYTES_MAX) return peer.end(encoder.encode("That line is too long.\n"));
      for (const line of lines) hear(line.replaceAll(/\p{Cc}/gu, "").trim().slice(0, LINE_BYTES_MAX));
    },
    closed() {
      const name = room.get(peer);
      room.delete(peer);
      if (name !== undefined) tell(`${name} left`);
    },
  };
}

serve({ port: Number(Deno.args[0] ?? 7891), protocol: chat });
