/**
 * What a value with a mistake may stand for.
 * @module
 */
import { levenshteinDistance } from "@std/text";
import type { Flag } from "./flags.ts";
import { near } from "./near.ts";

/** Long names of units, by the short ones. */
const UNITS: Readonly<Record<string, RegExp>> = {
  ms: /^(ms|msecs?|millis|milliseconds?)$/,
  s: /^(secs?|seconds?)$/,
  m: /^(mins?|minutes?)$/,
  h: /^(hrs?|hours?)$/,
  d: /^(days?)$/,
  y: /^(yrs?|years?)$/,
};

/** What users write for nothing. */
const OFF = /^(off|no|none|false|0)$/;

/** Yields values in place of `text` for `flag`, the most probable ones first. They are not checked. */
export function* readings({ name, values }: Flag, text: string): Generator<string> {
  const plain = text.trim();
  if (plain !== text) yield plain;
  const lower = plain.toLowerCase();
  if (lower !== plain) yield lower;
  const longer = values?.filter((value) => value.startsWith(lower) || value.endsWith(`-${lower}`)) ?? [];
  const other = near(lower, values ?? []);
  const isSure = other !== null && levenshteinDistance(lower, other) <= Math.max(1, lower.length / 4);
  const closest = longer.length > 1 ? null : longer[0] ?? (isSure ? other : null);
  if (closest !== null) yield closest;
  const nothing = OFF.test(lower) ? values?.find((value) => value === "none" || value === "off") : undefined;
  if (nothing !== undefined) yield nothing;
  const [, count, slash, word] = /^([\d.]+)\s*(\/|per )?\s*([a-z]+)$/.exec(lower) ?? [];
  if (count !== undefined) {
    const unit = Object.keys(UNITS).find((unit) => UNITS[unit]!.test(word!)) ?? word!;
    yield `${count}${slash === undefined ? "" : "/"}${unit}`;
    const [, power] = /^([kmgt])(?:i?b|bytes?)?$/.exec(word!) ?? [];
    if (power !== undefined) yield* wholeSizes(Number(count), power);
  }
  if (name === "port") yield plain.replace(/^.*:/, "");
  if (name === "error-page") yield plain.replace(/^(\d{3})[:\s]\s*/, "$1=");
  if (name === "header") yield plain.replace(/^([\w-]+)=/, "$1: ");
  if (name === "cors") yield* origins(plain);
  if (name === "explain") yield `/${plain}`;
}

/** A size with a fraction, in a smaller unit. */
function* wholeSizes(count: number, power: string): Generator<string> {
  const units = "kmgt";
  const at = units.indexOf(power);
  if (at > 0 && Number.isInteger(count * 1024)) yield `${count * 1024}${units[at - 1]!.toUpperCase()}`;
}

/** An origin without its scheme, or with a path. */
function* origins(text: string): Generator<string> {
  const whole = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  const origin = URL.parse(whole)?.origin;
  if (origin !== undefined) yield origin;
}
