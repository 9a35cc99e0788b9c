/**
 * What passes through the channels between a supervisor and its workers, and between a program and its successor.
 * @module
 */
import type { InheritedSocket } from "../listening/inherited_socket.ts";
import type { Snapshot } from "../../server/metrics/statistics.ts";

/** What a worker is told first: it needs no other knowledge of its supervisor. */
export interface WorkerConfiguration {
  readonly kind: "configuration";
  /** 0, 1, …: its successor gets the same. */
  readonly index: number;
  /** The sockets that it accepts from. */
  readonly sockets: readonly InheritedSocket[];
  /** The configuration file as its supervisor read it; null: there is none. */
  readonly config: { readonly path: string; readonly text: string; readonly isNamed: boolean } | null;
}

/** What a program's successor is told first. */
export interface Upgrade {
  readonly kind: "succession";
  readonly sockets: readonly InheritedSocket[];
}

/** To a worker. */
export type Command =
  | WorkerConfiguration
  | Upgrade
  | { /** Accept no more, finish what has begun, end. */ readonly kind: "drain" }
  | { /** The log has been renamed: open it anew. */ readonly kind: "reopen" }
  | { /** Answer with a {@linkcode Report}. */ readonly kind: "snapshot" }
  | { /** Answer that the loop turns. */ readonly kind: "ping" };

/** From a worker, or from a program's successor. */
export type Report =
  | { /** It accepts clients from now on. */ readonly kind: "ready" }
  | { /** It accepts no more connections; those that it has go on. */ readonly kind: "stopped-accepting" }
  | { /** Somebody else has told it to end: it accepts no more. */ readonly kind: "leaving" }
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot }
  | { /** The loop turns: the answer to a ping. */ readonly kind: "pong" }
  | {
    /** It has to say what others may have to say, too. */ readonly kind: "warning";
    readonly line: string;
  };
