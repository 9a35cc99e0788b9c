/**
 * Fuzzes the parser of heads: it has to give the same status as the reference, the same request down to every field,
 * and the same result wherever the network cuts the bytes.
 * @module
 */
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { HEAD_BYTES_MAX } from "../../server/limits.ts";
import type { Random } from "../support/random.ts";
import { bytesOf, describe, replay, textOf } from "../support/request_replay.ts";
import { type Input, pure, requireSame, shown } from "./fuzz_target.ts";
import { anyByte, mutate } from "./mutations.ts";
import { referenceParse } from "./reference_parser.ts";
import { TRAFFIC } from "./traffic.ts";

const request = new HttpRequest();
/** For longer inputs only a few prefixes are tried. */
const REPLAYED_BYTES_MAX = 120;

function make(random: Random): Input {
  if (random.oneIn(30)) { // random bytes
    return [Array.from({ length: random.below(100) }, () => anyByte(random)).join("")];
  }
  let text = mutate(random.pick(TRAFFIC), random, TRAFFIC);
  if (random.oneIn(200)) text = "M".repeat(30 + random.below(5)) + text.slice(random.below(4));
  if (random.oneIn(500)) { // near the size limit
    const at = random.below(text.length);
    const unit = random.pick(["a", "a: b\r\n", "\r\n", "/", " ", "%41"]);
    const bytes = random.pick([31, 99 * 6, 8192, HEAD_BYTES_MAX, HEAD_BYTES_MAX + 100]) - random.below(40);
    text = text.slice(0, at) + unit.repeat(Math.max(bytes, 0) / unit.length) + text.slice(at);
  }
  return [text];
}

/** Parses `text` in the middle of a larger buffer, and compares the result with the reference. */
function compare(text: string): number {
  const margin = 1 + text.length % 5;
  const bytes = new Uint8Array(text.length + 2 * margin).fill(0x0a);
  bytes.set(bytesOf(text), margin);
  const taken = parseRequest(bytes, margin, margin + text.length, request);
  const wanted = referenceParse(text);
  requireSame(taken, wanted.taken, shown(text));
  if (taken <= 0) requireSame(request.method, wanted.method, `the method of ${shown(text)}`);
  else requireSame(sorted(describe(request)), sorted(wanted.request!), shown(text));
  return taken;
}

/** Returns the members of `value` in a fixed order. */
function sorted(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
}

function check([text]: Input): void {
  const taken = compare(text!);
  if (text!.length <= REPLAYED_BYTES_MAX) {
    requireSame(replay(bytesOf(text!)), taken, `every prefix of ${shown(text!)}`);
    return;
  }
  for (let part = 1; part < 6; part++) {
    const length = Math.floor(text!.length * part / 6);
    const given = compare(text!.slice(0, length));
    const isRight = taken > 0 ? given === (length < taken ? 0 : taken) : given === 0 || given === taken;
    if (!isRight) throw new Error(`${given} for ${length} bytes, ${taken} for all of ${shown(text!)}`);
  }
  if (taken > 0) requireSame(textOf(bytesOf(text!.slice(0, taken))), text!.slice(0, taken), shown(text!));
}

export const parser = pure({ name: "parser", batch: 500, make, check });
