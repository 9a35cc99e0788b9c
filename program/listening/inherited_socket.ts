/**
 * A listening socket that this process did not open.
 * @module
 */

/** A listening socket that another process opened. */
export interface InheritedSocket {
  readonly fd: number;
  /** What it was opened for, as settings are written; there may be several of one name, for several workers. */
  readonly name: string;
  /** All workers accept from it. */
  readonly isShared: boolean;
  /** It is for operators. */
  readonly isAdmin?: boolean;
  /** Which file a UNIX socket has that may be removed at the end, see `ListeningSocket`. */
  readonly file?: string | undefined;
}
