/**
 * Fuzzes Accept-Encoding and Accept. The reference finds the elements by splitting, and the best by comparing each
 * with each.
 * @module
 */
import { acceptsHtml, codingsOf, prefersJson } from "../../server/http/fields/negotiation.ts";
import type { Random } from "../support/random.ts";
import { type Input, pure, requireSame, shown } from "./fuzz_target.ts";
import { mutateOnce } from "./mutations.ts";
import { trimmed } from "./reference_parser.ts";

interface Element {
  readonly name: string;
  readonly weight: number;
}

/** Splits `text` at each `separator` that is not in quotes. */
function split(text: string, separator: string): string[] {
  const parts = [""];
  for (const [token] of text.matchAll(/"(?:\\[^]|[^"\\])*(?:"|\\?$)|[^]/g)) {
    if (token === separator) parts.push("");
    else parts[parts.length - 1] += token;
  }
  return parts;
}

/**
 * Returns the elements by RFC 9110 §5.6.1, §5.6.6 and §12.4.2. An element whose first weight is malformed is left
 * out.
 */
function elementsOf(field: string): Element[] {
  return split(field, ",").flatMap((element) => {
    const [name, ...parameters] = split(element, ";").map(trimmed) as [string, ...string[]];
    const written = parameters.find((parameter) => /^q[ \t]*(=|$)/i.test(parameter));
    const number = written === undefined ? "1" : trimmed(written.replace(/^q[ \t]*=?/i, ""));
    const isNumber = /^(0|1)(\.\d*)?$|^\.\d+$/.test(number) && Number(number) <= 1;
    return name === "" || !isNumber ? [] : [{ name: name.toLowerCase(), weight: Number(number) }];
  });
}

/** Returns the acceptable codings, best first: §12.5.3. */
export function referenceCodings(field: string | null): string[] {
  if (field === null || field === "") return ["identity"];
  const elements = elementsOf(field).map(({ name, weight }) => ({
    name: name.replace(/^x-gzip$/, "gzip"),
    weight,
  }));
  const weightOf = (coding: string) => {
    const own = elements.find(({ name }) => name === coding);
    const others = elements.find(({ name }) => name === "*");
    if (own !== undefined) return own.weight;
    if (coding === "identity") return others?.weight === 0 ? 0 : 1e-300; // acceptable, but last
    return others?.weight ?? 0;
  };
  const order = ["br", "zstd", "gzip", "identity"].filter((coding) => weightOf(coding) > 0);
  for (let i = 0; i < order.length; i++) { // a stable sort, the greater first
    for (let k = order.length - 1; k > 0; k--) {
      if (weightOf(order[k]!) > weightOf(order[k - 1]!)) {
        [order[k - 1], order[k]] = [order[k]!, order[k - 1]!];
      }
    }
  }
  return order;
}

/** §12.5.1: returns the weight of the most precise range, and its precision. */
function weightOf(elements: readonly Element[], ranges: readonly string[]): [number, number] {
  for (const range of ranges) {
    const weights = elements.filter(({ name }) => name === range).map(({ weight }) => weight);
    if (weights.length > 0) return [Math.max(...weights), ranges.indexOf(range)];
  }
  return [0, ranges.length];
}

const NAMES = [
  ..."gzip br zstd identity * deflate x-gzip GZIP text/html application/json */* text/* application/*".split(
    " ",
  ),
  "application/xhtml+xml",
  'text/html;a="b,c;q=0"',
  "",
];
const WEIGHTS = [
  "0",
  "1",
  "0.5",
  "0.8",
  "1.000",
  "0.001",
  "1.1",
  ".5",
  "0.",
  "1.",
  "",
  "x",
  "-1",
  "0.5.5",
  "00",
];

/** Returns a random value of Accept or Accept-Encoding. */
export function randomAccept(random: Random): string {
  const element = () => {
    const name = random.pick(NAMES);
    if (random.oneIn(2)) return name;
    return `${name}${random.pick([";", "; ", " ;\t"])}${random.pick(["q", "Q", "q ", "v"])}=${
      random.pick(WEIGHTS)
    }`;
  };
  const field = Array.from({ length: random.below(6) }, element).join(random.pick([",", ", ", " ,\t"]));
  return random.oneIn(3) ? mutateOnce(field, random) : field;
}

function check([field]: Input): void {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(field!)) return; // the parser refuses such a value
  const about = shown(field!);
  requireSame(codingsOf(field!), referenceCodings(field!), about);
  const elements = elementsOf(field!);
  const html = elements.some(({ name, weight }) =>
    weight > 0 && /^(text\/html|application\/xhtml\+xml)$/.test(name)
  );
  requireSame(acceptsHtml(field!), html, `HTML in ${about}`);
  const [jsonWeight, jsonPlace] = weightOf(elements, ["application/json", "application/*", "*/*"]);
  const [htmlWeight, htmlPlace] = weightOf(elements, ["text/html", "text/*", "*/*"]);
  const isBetter = jsonWeight === htmlWeight
    ? jsonWeight > 0 && jsonPlace < htmlPlace
    : jsonWeight > htmlWeight;
  requireSame(prefersJson(field!), isBetter, `JSON in ${about}`);
}

export const negotiation = pure({
  name: "negotiation",
  batch: 5000,
  make: (random) => [randomAccept(random)],
  check,
});
