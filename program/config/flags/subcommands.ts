/**
 * What the program does beside serving: the first argument names it.
 * @module
 */

/** A subcommand, for help, completions and the manual page. */
export interface Subcommand {
  readonly name: string;
  /** What follows the name. */
  readonly args: string;
  /** One line of help. */
  readonly help: string;
  /** Its flags, each with the name of its value if it takes one. */
  readonly flags: readonly string[];
}

/** All of them. Each has a function of its own that reads its arguments. */
export const SUBCOMMANDS: readonly Subcommand[] = [
  {
    name: "certificate",
    args: "NAME...",
    help: "get or renew certificates by ACME, and exit",
    flags: [
      "--email ADDRESS",
      "--directory URL",
      "--staging",
      "--dir DIR",
      "--ca FILE",
      "--eab FILE",
      "--profile NAME",
      "--http-port PORT",
      "--tls-port PORT",
      "--force",
      "--help",
    ],
  },
  {
    name: "deploy",
    args: "DIR --to LINK",
    help: "copy DIR beside LINK as a release, and have LINK lead there at once",
    flags: ["--to LINK", "--keep N", "--index FILE", "--precompress", "--admin WHERE", "--help"],
  },
  {
    name: "rollback",
    args: "--to LINK",
    help: "have LINK lead to the release before",
    flags: ["--to LINK", "--admin WHERE", "--help"],
  },
  {
    name: "trust",
    args: "[--remove]",
    help: "make the system and browsers trust the authority of --https, or no longer",
    flags: ["--remove", "--help"],
  },
  {
    name: "learn",
    args: "[STEP]",
    help: "show in ten steps how select, poll, epoll and io_uring wait for clients",
    flags: ["--lang LANG", "--help"],
  },
  {
    name: "help",
    args: "[NAME]",
    help: "explain a flag or a key, with an example",
    flags: [],
  },
];
