/**
 * What is at each URL of the soak's site, from the first state to the present one.
 * @module
 */
import type { Content } from "./contents.ts";

/** A file on disk. */
export interface Form {
  readonly content: Content;
  /** What Last-Modified has to say. */
  readonly modifiedSeconds: number;
}

/** What is at a URL at one time; both null: nothing. */
export class State {
  readonly file: Form | null;
  /** The same compressed, in a file beside it. */
  readonly gzip: Form | null;
  /** What came after it. A request holds the state that it was sent in, and so all that came later. */
  next: State | null = null;
  readonly beganMs: number = performance.now();

  constructor(file: Form | null, gzip: Form | null = null) {
    this.file = file;
    this.gzip = gzip;
  }
}

/** How a file is used; each kind has a directory of its own. */
export type ResourceKind =
  | "small"
  | "medium"
  | "large"
  | "page"
  | "script"
  | "swapped"
  | "linked"
  | "empty"
  | "lost";

/** A URL and its states. */
export class Resource {
  readonly kind: ResourceKind;
  /** The path of its URL. */
  readonly url: string;
  /** Below the root. */
  readonly path: string;
  readonly mediaType: string;
  #state: State = new State(null);
  /** Requests for it that are sent, and whose answers are not all here. */
  inFlight = 0;

  constructor(kind: ResourceKind, url: string, path: string) {
    this.kind = kind;
    this.url = url;
    this.path = path;
    this.mediaType = MEDIA_TYPES[path.slice(path.lastIndexOf("."))]!;
  }

  get state(): State {
    return this.#state;
  }

  /** It is as `state` says from now on, and the call that made it so has returned. */
  become(state: State): void {
    this.#state = this.#state.next = state;
  }
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".txt": "text/plain; charset=UTF-8",
  ".html": "text/html; charset=UTF-8",
  ".js": "text/javascript; charset=UTF-8",
  ".bin": "application/octet-stream",
};

/** An entry of a directory that is listed. */
export interface Entry {
  readonly name: string;
  readonly isDirectory: boolean;
  readonly size: number;
  readonly modifiedSeconds: number;
}

/** A directory that is listed. It changes only while nobody asks for it. */
export class Folder {
  readonly url: string;
  readonly path: string;
  /** By name; sorted as the listing has to be. */
  entries: readonly Entry[] = [];
  inFlight = 0;

  constructor(name: string) {
    this.path = name;
    this.url = `/${name}/`;
  }
}
