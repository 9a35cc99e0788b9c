/**
 * Fuzzes the decoder of bodies, cut anywhere. Data and end are compared with the reference.
 * @module
 */
import { BodyReader } from "../../server/protocols/http1/body_reader.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { BODY_BYTES_MAX, CHUNK_LINE_BYTES_MAX, TRAILER_BYTES_MAX } from "../../server/limits.ts";
import type { Random } from "../support/random.ts";
import { bytesOf, textOf } from "../support/request_replay.ts";
import { type Input, pure, requireSame, shown } from "./fuzz_target.ts";
import { mutate } from "./mutations.ts";
import { referenceChunks } from "./reference_body.ts";

/** Returns a random chunked body. */
export function randomChunks(random: Random): string {
  let text = "";
  for (let i = random.below(4); i > 0; i--) {
    const data = "data\r\n0;".repeat(6).slice(0, 1 + random.below(40));
    const size = data.length.toString(16).padStart(random.oneIn(4) ? 5 : 1, "0");
    text += random.oneIn(3) ? size.toUpperCase() : size;
    if (random.oneIn(3)) text += random.pick([";", " ;a", "\t ;a=b", ';a="b;c"', "; \xe4"]);
    text += `\r\n${data}\r\n`;
  }
  text += random.pick(["0", "0", "000", "0;x"]) + "\r\n";
  while (random.oneIn(3)) {
    text += random.pick(["A: b\r\n", "X:\r\n", "Content-Length: 3\r\n", "a:\t\xff \r\n"]);
  }
  return `${text}\r\n`;
}

function make(random: Random): Input {
  let text = randomChunks(random);
  if (!random.oneIn(4)) text = mutate(text, random);
  if (random.oneIn(400)) { // near a limit: first of one line, then of all lines
    const line = (bytes: number) => "a".repeat(bytes - random.below(3));
    text = random.oneIn(2)
      ? `1;${line(CHUNK_LINE_BYTES_MAX + 1)}\r\nx\r\n0\r\n\r\n`
      : `0\r\n${line(10)}:${line(TRAILER_BYTES_MAX - 13)}\r\n\r\n`;
  }
  if (random.oneIn(200)) { // near any limit
    const at = random.below(text.length);
    const bytes = random.pick([CHUNK_LINE_BYTES_MAX, TRAILER_BYTES_MAX, 66_000]) + random.below(9) - 4;
    const unit = random.pick(["0", "a", "1\r\nx\r\n", " ", "A: b\r\n"]);
    text = text.slice(0, at) + unit.repeat(bytes / unit.length) + text.slice(at);
  }
  if (random.oneIn(3)) text += "GET / HTTP/1.1\r\n";
  return [
    text,
    random.oneIn(10) ? String(random.below(60)) : String(BODY_BYTES_MAX),
    String(random.below(200)),
  ];
}

/** Decodes `bytes` in pieces that end at `cuts`, and returns the result and the data. */
function decode(
  bytes: Uint8Array,
  cuts: Iterable<number>,
  bytesMax: number,
): { taken: number; data: string } {
  const reader = new BodyReader(bytesMax);
  const request = new HttpRequest();
  request.chunked = true;
  reader.begin(request);
  let data = "";
  let from = 0;
  const sink = { push: (piece: Uint8Array) => void (data += textOf(piece)) };
  for (const to of [...cuts, bytes.length]) {
    const taken = reader.read(bytes, from, to, sink);
    if (taken < 0) return { taken, data };
    if (reader.isDone) return { taken: from + taken, data };
    if (taken !== to - from) throw new Error(`${taken} of ${to - from} bytes, and not done`);
    from = to;
  }
  return { taken: 0, data };
}

function check([text, most, cut]: Input): void {
  const bytesMax = Number(most);
  if (!/^\d{1,8}$/.test(most!) || !/^\d{1,6}$/.test(cut!)) return;
  const { taken, data } = referenceChunks(text!, bytesMax);
  const bytes = bytesOf(text!);
  const wanted = { taken, data };
  requireSame(decode(bytes, [], bytesMax), wanted, shown(text!));
  requireSame(decode(bytes, bytes.keys(), bytesMax), wanted, `every byte of ${shown(text!)}`);
  if (text!.length > 120) {
    const at = Number(cut) % text!.length;
    requireSame(decode(bytes, [at], bytesMax), wanted, `${shown(text!)} cut at ${at}`);
    return;
  }
  for (let at = 0; at <= bytes.length; at++) {
    requireSame(decode(bytes, [at], bytesMax), wanted, `${shown(text!)} cut at ${at}`);
  }
}

export const bodies = pure({ name: "bodies", batch: 200, make, check });
