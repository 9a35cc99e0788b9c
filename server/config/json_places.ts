/**
 * Where things stand in a text of JSON that was parsed, comments and trailing commas included: for messages that name the
 * line, and for keys that are there twice, of which a parser keeps the last without a word.
 * @module
 */

/** Keys and indices from the top. */
type Path = readonly PropertyKey[];

/** A key that its object had already. */
export interface RepeatedKey {
  readonly path: Path;
  readonly line: number;
  readonly firstLine: number;
}

/** An object or a list that has begun. */
interface Open {
  readonly path: Path;
  /** The lines of the keys so far; null: it is a list. */
  readonly keys: Map<string, number> | null;
  index: number;
}

/** What is white, a comment, a string, a sign, or a word. */
const TOKEN = /\s+|\/\/[^\n\r]*|\/\*[^]*?\*\/|"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s,:[\]{}"/]+/g;

/** The line of each value and the repeated keys of one JSON text. */
export class JsonPlaces {
  readonly #lines = new Map<string, number>();
  readonly #repeated: RepeatedKey[] = [];
  #repeatedCount = 0;

  /** `text` is JSON: that it is, its parser has found. */
  constructor(text: string) {
    const open: Open[] = [];
    let key: string | null = null; // the one whose value comes next
    let line = 1;
    const begin = (): Path => {
      const outer = open.at(-1);
      if (outer === undefined) return [];
      const path = [...outer.path, outer.keys === null ? outer.index++ : key ?? ""];
      if (outer.keys === null) this.#lines.set(JSON.stringify(path), line);
      key = null;
      return path;
    };
    for (const [token] of text.matchAll(TOKEN)) {
      const outer = open.at(-1);
      if (token === "{" || token === "[") {
        open.push({ path: begin(), keys: token === "{" ? new Map() : null, index: 0 });
      } else if (token === "}" || token === "]") open.pop();
      else if (token[0] === '"' && outer?.keys && key === null) key = this.#addKey(outer, token, line);
      else if (/^[^\s:,/]/.test(token)) begin();
      line += token.split("\n").length - 1;
    }
  }

  #addKey({ path, keys }: Open, token: string, line: number): string {
    const key: string = JSON.parse(token);
    const place = [...path, key];
    const firstLine = keys!.get(key);
    if (firstLine !== undefined) {
      this.#repeatedCount++;
      this.#repeated.push({ path: place, line, firstLine });
    }
    keys!.set(key, firstLine ?? line);
    this.#lines.set(JSON.stringify(place), line);
    return key;
  }

  /** How many keys their objects had already. */
  get repeatedCount(): number {
    return this.#repeatedCount;
  }

  /** Every key that its object had already, in their order. */
  get repeated(): readonly RepeatedKey[] {
    return this.#repeated;
  }

  /** The line of a key or an element, from 1 on; of what is missing, that of what it is missing in. */
  lineOf(path: Path): number {
    for (let length = path.length; length > 0; length--) {
      const line = this.#lines.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  }
}
