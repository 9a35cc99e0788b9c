/**
 * Fuzzes Authorization. The reference decodes base64 bit by bit, and checks UTF-8 by encoding the text again.
 * @module
 */
import { basicCredentials } from "../../server/http/fields/credentials.ts";
import { CREDENTIALS_BYTES_MAX } from "../../server/limits.ts";
import type { Random } from "../support/random.ts";
import { type Input, pure, requireSame, shown } from "./fuzz_target.ts";
import { anyByte, mutateOnce } from "./mutations.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Decodes base64, RFC 4648 §4. Returns null for any other than the canonical encoding. */
function decode64(text: string): string | null {
  const letters = text.replace(/={0,2}$/, "");
  const bits = [...letters].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(6, "0")).join("");
  const unused = bits.length % 8;
  if (unused !== 2 * (text.length - letters.length) || bits.slice(bits.length - unused).includes("1")) {
    return null;
  }
  return (bits.match(/.{8}/g) ?? []).map((byte) => String.fromCharCode(parseInt(byte, 2))).join("");
}

/** Reads credentials by RFC 7617 §2, or returns null. */
function referenceCredentials(field: string): { user: string; password: string } | null {
  const match = /^basic +([A-Za-z\d+/]+={0,2})$/i.exec(field);
  const bytes = match === null || field.length > CREDENTIALS_BYTES_MAX ? null : decode64(match[1]!);
  if (bytes === null) return null;
  let text: string;
  try {
    text = decodeURIComponent(
      bytes.replace(/[^]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`),
    );
  } catch {
    return null; // not UTF-8
  }
  const pair = /^([^:]*):([^]*)$/.exec(text);
  const hasControls = [...text].some((character) => character < " " || character === "\x7f");
  return pair === null || hasControls
    ? null
    : { user: pair[1]!.normalize("NFC"), password: pair[2]!.normalize("NFC") };
}

const TEXTS = [
  "ann:secret",
  "a\u0308:\u4e2d",
  ":",
  "ann",
  "a:b:c",
  "\ufeffann:x",
  "ann:\ufeff",
  "\ud83d\ude00:x",
  "a\n:b",
  "",
];

function make(random: Random): Input {
  const utf8 = String.fromCharCode(...new TextEncoder().encode(random.pick(TEXTS)));
  let field = `Basic ${btoa(random.oneIn(2) ? mutateOnce(utf8, random) : utf8)}`;
  if (random.oneIn(2)) field = mutateOnce(field, random);
  if (random.oneIn(20)) field = `${random.pick(["Basic ", "BASIC  ", "Bearer ", "Basic"])}${anyByte(random)}`;
  if (random.oneIn(50)) field += "QUFB".repeat(CREDENTIALS_BYTES_MAX / 4 - random.below(8));
  return [field];
}

function check([field]: Input): void {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(field!)) return; // the parser refuses such a value
  requireSame(basicCredentials(field!), referenceCredentials(field!), shown(field!));
}

export const credentials = pure({ name: "credentials", batch: 5000, make, check });
