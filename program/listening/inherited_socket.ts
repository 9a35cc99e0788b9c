/**
 * Listening sockets that this process did not open.
 * @module
 */

/** A listening socket that another process opened. */
export interface InheritedSocket {
  readonly fd: number;
  /** The address as it is written in the settings. With several workers, several sockets can have the same name. */
  readonly name: string;
  /** True when all workers accept from this socket. */
  readonly isShared: boolean;
  /** True for the socket of `--admin`. */
  readonly isAdmin?: boolean;
  /** The socket file to remove at the end, as in `ListeningSocket`; undefined when none is to be removed. */
  readonly file?: string | undefined;
}
