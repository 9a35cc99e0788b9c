/**
 * The exit status of the program.
 * @module
 */

/** The program cannot run, or a second signal ended it before the requests in progress were finished. */
export const EXIT_FAILURE = 1;
/** The command line, the environment or the configuration has a mistake. */
export const EXIT_USAGE = 2;
/** Ctrl-C ended the program: 128 plus the number of SIGINT, as shells report it. */
export const EXIT_INTERRUPTED = 130;
