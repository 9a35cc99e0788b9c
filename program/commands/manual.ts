/**
 * `--man`: the manual page, epollet(1), in the macros of man(7); its options come from the table of flags.
 * @module
 */
import { formsOf, keyOf, variableOf } from "../config/flags/flag_forms.ts";
import { DEFAULT_CONFIG, type Flag, FLAG_GROUPS, FLAGS } from "../config/flags/flags.ts";
import { DEFAULT_PORT } from "../config/settings/settings.ts";
import { DEFAULT_SITE_SETTINGS } from "../../handlers/site/settings/site_settings.ts";

/** When its words were last changed: a page has to have a date, and the same program the same page. */
const DATE = "2026-11-21";
const { root } = DEFAULT_SITE_SETTINGS;

/** Text as roff takes it: what would be a command or another character stands for itself. */
function plain(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha").replaceAll("`", "\\(ga").replaceAll("'", "\\(aq").replaceAll('"', "\\(dq");
  return escaped.replace(/^\./gm, "\\&.");
}

function bold(text: string): string {
  return `\\fB${plain(text)}\\fR`;
}

function italic(text: string): string {
  return `\\fI${plain(text)}\\fR`;
}

/** Things and what there is to say about each; both are roff already. */
function list(items: readonly (readonly [thing: string, words: string])[]): string {
  return items.map(([thing, words]) => `.TP\n${thing}\n${words}`).join("\n");
}

function section(heading: string, text: string): string {
  return `.SH ${heading}\n${text}`;
}

/** A command in a line of its own, and what it does. */
function example(words: string, command: string): string {
  return `${plain(words)}\n.RS 4\n.EX\n${plain(command)}\n.EE\n.RE`;
}

/** The title of a flag: every form of it, and its value. */
function title(flag: Flag): string {
  const { letter, value, isOptional } = flag;
  const argument = value === undefined
    ? ""
    : isOptional
    ? `[=${italic(value)}]`
    : ` ${italic(value.replaceAll('"', ""))}`;
  const [own, opposite] = formsOf(flag).map(({ name }) => bold(`--${name}`));
  const short = letter === undefined ? [] : [bold(`-${letter}`)];
  return [...short, own + argument, ...(opposite === undefined ? [] : [opposite])].join(", ");
}

/** One sentence, and what the same is called elsewhere. */
function describe(flag: Flag): string {
  const { help, values } = flag;
  const isName = values?.some((value) => help.startsWith(value)); // which stays as it is written
  const words = [`${plain((isName ? help[0] : help[0]!.toUpperCase()) + help.slice(1))}.`];
  if (flag.isRepeatable) words.push("It may be given several times.");
  const key = keyOf(flag);
  if (key !== null) words.push(`In the file: ${bold(key)}.`);
  return words.join("\n");
}

function options(): string {
  const groups = FLAG_GROUPS.map(({ heading, flags }) => {
    const items = flags.map((flag) => [title(flag), describe(flag)] as const);
    return `.SS ${plain(heading)}\n${list(items)}`;
  });
  return groups.join("\n");
}

function environment(): string {
  // Of two forms, that which switches on: EPOLLET_SANDBOX=false is easier to read than EPOLLET_NO_SANDBOX=true.
  const shown = FLAGS.map((flag) =>
    formsOf(flag).find(({ name }) => !name.startsWith("no-")) ?? formsOf(flag)[0]!
  );
  const variables = shown.flatMap((form) => variableOf(form) ?? []);
  return `${
    plain(
      `Every flag that sets something has a variable, named after it (EPOLLET_NO_BROWSE is --no-browse).
Switches take true or false (also yes and no, on and off, 1 and 0); where a flag may be given several times,
each line is a value. An empty variable counts as none, and so does what Kubernetes puts into EPOLLET_PORT
beside a Service of that name (tcp://ADDRESS:PORT).`,
    )
  }
.PP
${variables.map(bold).join(",\n")}.
${
    list([
      [bold("PORT"), `The port, where ${bold("EPOLLET_PORT")} is not set.`],
    ])
  }`;
}

/** Lines of text of a width that editors and mandoc like; commands, and what is shown as it is, stay. */
function fill(page: string): string {
  let isShown = false;
  let previous = "";
  return page.split("\n").map((line) => {
    const isTag = previous === ".TP";
    previous = line;
    if (line === ".EX" || line === ".EE") isShown = line === ".EX";
    if (isShown || isTag || line.startsWith(".")) return line;
    return line.replace(/(.{1,78})(?: +|$)/g, "$1\n").trimEnd().replace(/^\./gm, "\\&.");
  }).join("\n");
}

/** The page, without the last line's end. */
export function manualPage(version: string): string {
  return fill([
    `.\\" Made by epollet --man.\n.TH EPOLLET 1 "${DATE}" "epollet ${plain(version)}" "User Commands"`,
    section("NAME", "epollet \\- static web server"),
    section(
      "SYNOPSIS",
      `.B epollet\n[${italic("PORT")}] [${italic("ROOT")}] [${italic("flags")}]`,
    ),
    section(
      "DESCRIPTION",
      `Serves the files below ${italic("ROOT")} (${plain(root)}) on ${
        italic("PORT")
      } (${DEFAULT_PORT}) over HTTP/1.1.
An argument that begins with a digit is the port, one that does not is the root.
No flag is needed for conditional requests, byte ranges, 404.html, and precompressed files beside the plain ones.
.PP
What is sent is never stale: a request that was sent after a file was changed gets the file as it is now.
Nothing outside of the root is served, whatever a URL or a symbolic link says.
Hidden files are not found, but for ${plain("/.well-known/")}.
.PP
A flag counts more than the environment, the environment more than the configuration file, and the file more than the
defaults, which are in parentheses below.`,
    ),
    section("OPTIONS", options()),
    section("ENVIRONMENT", environment()),
    section(
      "FILES",
      list([
        [
          italic(DEFAULT_CONFIG),
          `Settings and rules, in JSON with comments: what flags say, under their names in camelCase, and redirects,
rewrites, fields and passwords by path, and virtual hosts.
Unless ${
            bold("--config")
          } names it, it decides about the site at or below its directory and about nothing else.
${bold("--check")} prints one with all that is in force; with ${
            bold("--verbose")
          } also where each setting comes from.`,
        ],
        [italic(root), "The files, where no other directory is named."],
      ]),
    ),
    section(
      "SIGNALS",
      list([
        [
          `${bold("SIGTERM")}, ${bold("SIGINT")}`,
          "It takes no new clients, finishes what it is sending, and ends. A second one does not wait.",
        ],
        [
          bold("SIGHUP"),
          "The configuration is read again; where it has a mistake, the old one stays in force.",
        ],
        [bold("SIGUSR1"), "Log files are opened again, since somebody has renamed them."],
        [
          bold("SIGUSR2"),
          `A new process of the program takes over its sockets, and the old one finishes what it is sending.
One that serves alone has given up the right to start programs, unless it has ${bold("--no-sandbox")};
with ${bold("--workers")} there is a process that has not.`,
        ],
      ]),
    ),
    section(
      "EXIT STATUS",
      list([
        [bold("0"), "It was ended by a signal, or has printed what it was asked for."],
        [
          bold("1"),
          `It cannot run: the port is taken, a right is missing. Also when a second signal does not wait, and when
${bold("--healthcheck")} finds it unwell.`,
        ],
        [
          bold("2"),
          "A mistake in a flag, a variable or the configuration file, which one line on standard error names.",
        ],
        [bold("130"), `Ctrl\\-C ended ${bold("--hash-password")}.`],
      ]),
    ),
    section(
      "EXAMPLES",
      [
        example("A directory on the default port:", "epollet ./public"),
        example(
          "An application of one page, compressed, on port 8080:",
          "epollet 8080 dist --spa --compress",
        ),
        example("As another user, on a port that needs root:", "epollet 80 /srv/www --user www-data"),
        example("Is the configuration in order?", "epollet --check --config /etc/epollet.json"),
        example("Why is a URL answered as it is?", "epollet --explain /old/page"),
        example(
          "Completions, and this page:",
          [
            "epollet --completions bash > ~/.local/share/bash-completion/completions/epollet",
            "epollet --man > /usr/local/share/man/man1/epollet.1",
          ].join("\n"),
        ),
      ].join("\n.PP\n"),
    ),
    section("SEE ALSO", ".BR curl (1),\n.BR epoll (7),\n.BR inotify (7),\n.BR landlock (7)"),
  ].join("\n"));
}
