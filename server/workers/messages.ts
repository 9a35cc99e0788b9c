/**
 * What passes through the channels between a supervisor and its workers, and between a program and its successor.
 * @module
 */
import type { Snapshot } from "../statistics.ts";

/** What a worker is told first: it needs no other knowledge of its supervisor. */
export interface Birth {
  readonly kind: "birth";
  /** 0, 1, …: its successor gets the same. */
  readonly index: number;
  /** The sockets that it accepts from, as {@linkcode SocketName} names them. */
  readonly sockets: readonly InheritedSocket[];
  /** The configuration file as its supervisor read it; null: there is none. */
  readonly config: { readonly path: string; readonly text: string } | null;
}

/** A listening socket that another process opened. */
export interface InheritedSocket {
  readonly fd: number;
  /** What it listens on, as settings are written. */
  readonly name: string;
}

/** To a worker. */
export type Command =
  | Birth
  | { /** Accept no more, finish what has begun, end. */ readonly kind: "drain" }
  | { /** The log has been renamed: open it anew. */ readonly kind: "reopen" }
  | { /** Answer with a {@linkcode Report}. */ readonly kind: "snapshot" };

/** From a worker, or from a program's successor. */
export type Report =
  | { /** It accepts clients from now on. */ readonly kind: "ready" }
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot };
