/**
 * The status that the program ends with.
 * @module
 */

/** It cannot run, or a second signal did not let it end in peace. */
export const EXIT_FAILURE = 1;
/** A mistake of the user's. */
export const EXIT_USAGE = 2;
/** What a shell says of a program that Ctrl-C ended. */
export const EXIT_INTERRUPTED = 130;
