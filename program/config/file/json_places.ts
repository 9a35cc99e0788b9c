/**
 * The lines of keys and values in JSON with comments and trailing commas, and its repeated keys, of which a parser
 * silently keeps the last.
 * @module
 */
import { REPEATED_KEYS_MAX } from "../../../server/limits.ts";

/** Keys and indices from the top. */
type Path = readonly PropertyKey[];

/** A key that stands more than once in its object. */
export interface RepeatedKey {
  readonly path: Path;
  readonly line: number;
  readonly firstLine: number;
}

/** The line of a key, and of the first one of that name. */
interface Lines {
  line: number;
  readonly firstLine: number;
}

/** An object or a list, with the lines of its keys or elements. */
class Container {
  /** The container around this one, and the key in that; null for the outermost. */
  readonly #outer: Container | null;
  readonly #key: PropertyKey;
  /** By key of an object; null for a list. */
  readonly keys: Map<string, Lines> | null;
  /** By index of a list. */
  readonly elements: number[] = [];
  #inner: Map<PropertyKey, Container> | null = null;

  constructor(outer: Container | null, key: PropertyKey, isObject: boolean) {
    this.#outer = outer;
    this.#key = key;
    this.keys = isObject ? new Map() : null;
    if (outer !== null) (outer.#inner ??= new Map()).set(key, this);
  }

  lineOf(key: PropertyKey): number | undefined {
    return typeof key === "number" ? this.elements[key] : this.keys?.get(String(key))?.line;
  }

  /** The object or list under `key`; null where there is none. */
  at(key: PropertyKey): Container | null {
    return this.#inner?.get(key) ?? null;
  }

  get path(): Path {
    const path: PropertyKey[] = [];
    for (let { outer, key } = this.#place; outer !== null; { outer, key } = outer.#place) path.push(key);
    return path.reverse();
  }

  get #place(): { outer: Container | null; key: PropertyKey } {
    return { outer: this.#outer, key: this.#key };
  }
}

/** White space, a comment, a string, a sign, or a word. */
const TOKEN = /\s+|\/\/[^\n\r]*|\/\*[^]*?\*\/|"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]|[^\s,:[\]{}"/]+/g;

/**
 * The line of each value and the repeated keys of one JSON text. The text is not trusted: time and memory are
 * proportional to its length, however deep it is nested.
 */
export class JsonPlaces {
  #root: Container | null = null;
  readonly #repeated: RepeatedKey[] = [];
  #repeatedCount = 0;

  /** `text` was parsed before, and is valid JSON. */
  constructor(text: string) {
    const open: Container[] = [];
    let key: string | null = null; // whose value comes next
    let line = 1;
    /** Returns the key of the value that begins in `outer`. */
    const begin = (outer: Container | undefined): PropertyKey => {
      if (outer?.keys === null) return outer.elements.push(line) - 1;
      const its = key ?? "";
      key = null;
      return its;
    };
    for (const [token] of text.matchAll(TOKEN)) {
      const outer = open.at(-1);
      if (token === "{" || token === "[") {
        const container = new Container(outer ?? null, begin(outer), token === "{");
        this.#root ??= container;
        open.push(container);
      } else if (token === "}" || token === "]") open.pop();
      else if (token[0] === '"' && outer?.keys && key === null) {
        key = this.#addKey(outer, outer.keys, token, line);
      } else if (/^[^\s:,/]/.test(token)) begin(outer);
      for (let at = token.indexOf("\n"); at >= 0; at = token.indexOf("\n", at + 1)) line++;
    }
  }

  #addKey(outer: Container, keys: Map<string, Lines>, token: string, line: number): string {
    const key: string = JSON.parse(token);
    const known = keys.get(key);
    if (known === undefined) keys.set(key, { line, firstLine: line });
    else {
      this.#repeatedCount++;
      if (this.#repeated.length < REPEATED_KEYS_MAX) {
        this.#repeated.push({ path: [...outer.path, key], line, firstLine: known.firstLine });
      }
      known.line = line; // a parser keeps the last
    }
    return key;
  }

  /** How many keys are repeated. */
  get repeatedCount(): number {
    return this.#repeatedCount;
  }

  /** The first REPEATED_KEYS_MAX repeated keys, in their order. */
  get repeated(): readonly RepeatedKey[] {
    return this.#repeated;
  }

  /** Returns the line of a key or an element, from 1 on; for one that is missing, the line of the container that lacks it. */
  lineOf(path: Path): number {
    let line = 1;
    let container = this.#root;
    for (const key of path) {
      const found = container?.lineOf(key);
      if (found === undefined) break;
      line = found;
      container = container!.at(key);
    }
    return line;
  }
}
