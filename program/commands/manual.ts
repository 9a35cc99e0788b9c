/**
 * `--man`: the manual page, epollet(1), in the macros of man(7); its options come from the table of flags.
 * @module
 */
import { formsOf, variableOf } from "../config/flags/flag_forms.ts";
import { DEFAULT_CONFIG, type Flag, FLAG_GROUPS, FLAGS } from "../config/flags/flags.ts";
import { DEFAULT_PORT } from "../config/settings/settings.ts";
import { DEFAULT_SITE_SETTINGS } from "../../handlers/site/settings/site_settings.ts";
import { SUBCOMMANDS } from "../config/flags/subcommands.ts";

/** The date of the last change of its words: man(7) wants one, and one program prints one page. */
const DATE = "2026-11-30";
const { root } = DEFAULT_SITE_SETTINGS;

/** Escapes `text` for roff, so that no character is a command. */
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

/** A list of terms and their descriptions, both in roff. */
function list(items: readonly (readonly [term: string, words: string])[]): string {
  return items.map(([term, words]) => `.TP\n${term}\n${words}`).join("\n");
}

function section(heading: string, text: string): string {
  return `.SH ${heading}\n${text}`;
}

/** A command in a line of its own, after what it does. */
function example(words: string, command: string): string {
  return `${plain(words)}\n.RS 4\n.EX\n${plain(command)}\n.EE\n.RE`;
}

/** The term of a flag: every form of it, and its value. */
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

/** The line of help as a sentence, and the key in the file. */
function describe(flag: Flag): string {
  const { help, key, values } = flag;
  const isName = values?.some((value) => help.startsWith(value)); // a value stays as it is written
  const words = [`${plain((isName ? help[0] : help[0]!.toUpperCase()) + help.slice(1))}.`];
  if (flag.isRepeatable) words.push("It may be given several times.");
  if (key !== undefined) words.push(`In the file: ${bold(key)}.`);
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
  // The form that switches on: EPOLLET_SANDBOX=false is easier to read than EPOLLET_NO_SANDBOX=true.
  const shown = FLAGS.map((flag) =>
    formsOf(flag).find(({ name }) => !name.startsWith("no-")) ?? formsOf(flag)[0]!
  );
  const variables = shown.flatMap((form) => variableOf(form) ?? []);
  return `${
    plain(
      `Every flag that sets something has a variable named after it (EPOLLET_NO_BROWSE is --no-browse).
Switches take true or false (also yes and no, on and off, 1 and 0); where a flag may be given several times,
each line is a value. An empty variable counts as unset, and so does what Kubernetes puts into EPOLLET_PORT
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

/** Breaks text into lines of a width that editors and mandoc like; commands and examples stay as they are. */
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
      [
        `.B epollet\n[${italic("PORT")}] [${italic("ROOT")}] [${italic("flags")}]`,
        ...SUBCOMMANDS.map(({ name, args }) => `.br\n.B epollet ${name}\n${plain(args)}`),
      ].join("\n"),
    ),
    section(
      "DESCRIPTION",
      `Serves the directory or file ${italic("ROOT")} (${plain(root)}) on ${
        italic("PORT")
      } (${DEFAULT_PORT}) over HTTP.
The argument that begins with a digit is the port, another one is the root.
Conditional requests, byte ranges, 404.html and precompressed files beside the plain ones need no flag.
.PP
Files are served as they are when a request arrives, also right after a change.
Nothing outside of the root is served, whatever a URL or a symbolic link says.
Hidden files are not served, except those below ${plain("/.well-known/")}.
.PP
Flags overrule the environment, which overrules the configuration file, which overrules the defaults (in parentheses
below).`,
    ),
    section(
      "COMMANDS",
      list(SUBCOMMANDS.map(({ name, args, help }) => [
        `${bold(`epollet ${name}`)} ${plain(args)}`,
        `${plain(help[0]!.toUpperCase() + help.slice(1))}.\n${bold(`epollet ${name} --help`)} tells more.`,
      ])),
    ),
    section("OPTIONS", options()),
    section("ENVIRONMENT", environment()),
    section(
      "FILES",
      list([
        [
          italic(DEFAULT_CONFIG),
          `Settings and rules, in JSON with comments: those of flags, under their names in camelCase, and redirects,
rewrites, headers and passwords by path, and virtual hosts.
Unless ${
            bold("--config")
          } names it, it decides about the site at or below its directory and about nothing else.
${bold("--check")} prints one with all that is in force; with ${
            bold("--verbose")
          } also where each setting comes from.`,
        ],
        [italic(root), "The files, where no other directory is named."],
        [
          italic("/var/lib/epollet/acme/"),
          `Certificates, keys and accounts of ${bold("--acme")}, where ${
            bold("--acme-dir")
          } names no other directory;
for other users than root in ${italic("~/.local/share/epollet/acme/")}.
No site may contain it.`,
        ],
        [
          italic("~/.local/share/epollet/"),
          `The local authority of ${bold("--https")}, where ${bold("XDG_DATA_HOME")} names no other directory:
its key and certificate in ${plain("authority.pem")}, its certificate alone in ${plain("root.pem")}.
No site may contain it.`,
        ],
      ]),
    ),
    section(
      "SIGNALS",
      list([
        [
          `${bold("SIGTERM")}, ${bold("SIGINT")}`,
          "It accepts no more connections, finishes the responses that it is sending, and ends. After a second signal it ends at once.",
        ],
        [
          bold("SIGHUP"),
          "The configuration is read again. If it has a mistake, the old one stays in force.",
        ],
        [bold("SIGUSR1"), "Log files are opened again, after a rotation has renamed them."],
        [
          bold("SIGUSR2"),
          `A new process of the program takes over the sockets, and the old one finishes the responses that it is sending.
This needs ${bold("--workers")} or ${
            bold("--no-sandbox")
          }: a single process in the sandbox cannot start programs.`,
        ],
      ]),
    ),
    section(
      "EXIT STATUS",
      list([
        [bold("0"), "It was ended by a signal, or has printed what it was asked for."],
        [
          bold("1"),
          `It cannot run: the port is taken, a permission is missing. Also after a second signal, and when
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
        example("For development: pages reload when their files change:", "epollet ./public --dev"),
        example(
          "A single-page application, compressed, on port 8080:",
          "epollet 8080 dist --spa --compress",
        ),
        example("As another user, on a port that needs root:", "epollet 80 /srv/www --user www-data"),
        example(
          "HTTPS, with a certificate that is got and renewed:",
          "epollet 443 /srv/www --user www-data --redirect-http 80 --acme example.org",
        ),
        example(
          "HTTPS on this machine, with a certificate that its browsers trust:",
          "epollet trust\nepollet ./public --https",
        ),
        example("Check the configuration:", "epollet --check --config /etc/epollet.json"),
        example("Explain one flag:", "epollet help --live"),
        example("Print why a URL is answered as it is:", "epollet --explain /old/page"),
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
