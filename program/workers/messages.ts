/**
 * The messages between a supervisor and its workers, and between a program and its successor.
 * @module
 */
import type { EarlierRoot } from "../../handlers/site/kept/earlier_roots.ts";
import type { InheritedSocket } from "../listening/inherited_socket.ts";
import type { NamedCertificate } from "../../server/tls_options.ts";
import type { Challenges } from "../../server/challenges.ts";
import type { CertificateStatus, Snapshot } from "../../server/metrics/statistics.ts";

/** The first message to a worker, with all that it has to know of its supervisor. */
export interface WorkerConfiguration {
  readonly kind: "configuration";
  /** 0, 1, …; the worker's replacement has the same. */
  readonly index: number;
  /** The listening sockets of the worker. */
  readonly sockets: readonly InheritedSocket[];
  /** The configuration file as the supervisor read it; null when there is none. */
  /** The certificates, which the worker may not be permitted to read; null without TLS. */
  readonly tls: TlsForWorkers | null;
  readonly config: { readonly path: string; readonly text: string; readonly isNamed: boolean } | null;
  /** The directories that the roots led to before, the latest first. */
  readonly earlierRoots: readonly EarlierRoot[];
}

/** What workers need for TLS. */
export interface TlsForWorkers {
  readonly certificates: readonly NamedCertificate[];
  /** What the keys of session tickets are made of, in base64. */
  readonly ticketSecret: string;
}

/** The first message to the process that gets certificates, with the configuration file as the supervisor read it. */
export interface CompanionConfiguration {
  readonly kind: "companion";
  readonly config: WorkerConfiguration["config"];
  readonly sockets: readonly InheritedSocket[];
}

/** A message to the process that gets certificates. */
export type CompanionTask =
  | CompanionConfiguration
  | {
    /** All workers answer the challenges that were in the directory. */ readonly kind: "published";
    readonly id: number;
  };

/** A message from the process that gets certificates. */
export type CompanionReport =
  | {
    /** Have all workers answer what is in the directory now. */ readonly kind: "publish";
    readonly id: number;
  }
  | { /** Certificates were written. */ readonly kind: "renewed" }
  | { readonly kind: "statuses"; readonly statuses: readonly CertificateStatus[] }
  | { /** A line for the log. */ readonly kind: "line"; readonly line: string };

/** The first message to a program's successor. Programs of earlier versions send it, so its words do not change. */
export interface Upgrade {
  readonly kind: "succession";
  readonly sockets: readonly InheritedSocket[];
  /** What the keys of session tickets are made of, in base64; missing without TLS. */
  readonly ticketSecret?: string;
  /** The certificates of `--https`, which the successor's user may not be able to make; missing without it. */
  readonly certificates?: readonly NamedCertificate[];
  /** The directories that the roots led to before, the latest first; missing without any. */
  readonly earlierRoots?: readonly EarlierRoot[];
}

/** A message to a worker. */
export type Command =
  | WorkerConfiguration
  | Upgrade
  | { /** Accept no more clients, finish the requests in progress, end. */ readonly kind: "drain" }
  | {
    /** Serve these certificates from now on. */ readonly kind: "certificates";
    readonly certificates: readonly NamedCertificate[];
  }
  | {
    /** Answer these challenges from now on. */ readonly kind: "challenges";
    readonly challenges: Challenges;
  }
  | { /** Open the logs again, which were renamed. */ readonly kind: "reopen" }
  | { /** Send a snapshot. */ readonly kind: "snapshot" }
  | { /** Send a pong. */ readonly kind: "ping" };

/** A message from a worker, or from a program's successor. */
export type Report =
  | { /** The sender accepts clients from now on. */ readonly kind: "ready" }
  | { /** The sender accepts no more clients; its connections go on. */ readonly kind: "stopped-accepting" }
  | { /** A signal ends the sender, which accepts no more clients. */ readonly kind: "leaving" }
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot }
  | { /** The answer to a ping, sent by the loop. */ readonly kind: "pong" }
  | {
    /** A warning, which other workers may send, too. */ readonly kind: "warning";
    readonly line: string;
  };
