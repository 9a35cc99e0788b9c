/**
 * The files at each URL of the soak's site, from the first state to the present one.
 * @module
 */
import type { Content } from "./contents.ts";

/** A file on disk. */
export interface Form {
  readonly content: Content;
  /** The value for Last-Modified. */
  readonly modifiedSeconds: number;
}

/** The state of a URL at one time. Both forms are null when there is no file. */
export class State {
  readonly file: Form | null;
  /** The compressed file beside it, or null. */
  readonly gzip: Form | null;
  /** The next state. A request keeps the state in which it was sent, and so can follow all later ones. */
  next: State | null = null;
  readonly beganMs: number = performance.now();

  constructor(file: Form | null, gzip: Form | null = null) {
    this.file = file;
    this.gzip = gzip;
  }
}

/** The use of a file. Each kind has a directory of its own. */
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
  /** The path of the URL. */
  readonly url: string;
  /** The path below the root. */
  readonly path: string;
  readonly mediaType: string;
  #state: State = new State(null);
  /** Requests in progress: sent, but not completely answered. */
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

  /** Changes the state, after the call that changed the file has returned. */
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

/** A directory that is listed. It changes only while no request for it is in progress. */
export class Folder {
  readonly url: string;
  readonly path: string;
  /** The entries in the order of the listing, sorted by name. */
  entries: readonly Entry[] = [];
  inFlight = 0;

  constructor(name: string) {
    this.path = name;
    this.url = `/${name}/`;
  }
}
