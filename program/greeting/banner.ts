/**
 * The greeting at a terminal: where the site is found, what is served, and by which rules, in two columns.
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import type { CommandLine } from "../config/settings/settings.ts";
import { describeSite } from "../config/settings/table.ts";
import type { ListeningSocket } from "../../server/listen/open.ts";
import { printable } from "../../server/usage_error.ts";
import { reachableElsewhere, reachableHere } from "../listening/reachable.ts";
import { allowedHostsOf } from "../setup/sites.ts";
import { placesOf, urlOf } from "./places.ts";

/** Columns of the labels, with the space around them. */
const LABEL_COLUMNS = 12;
/** The width up to which rules are in one line. */
const COLUMNS = 80;
/** A value with more characters is shown by its beginning. */
const VALUE_CHARACTERS_MAX = 48;

/** A label, and the lines beside it. */
type Row = readonly [label: string, lines: readonly string[]];

/** What the banner shows. */
export interface BannerFacts {
  readonly listening: readonly ListeningSocket[];
  readonly adminSockets: readonly ListeningSocket[];
  /** False for handlers that serve no files. */
  readonly servesFiles: boolean;
  readonly isColoured: boolean;
}

/** Returns the lines of the banner. */
export function bannerLines(command: CommandLine, facts: BannerFacts): string[] {
  const { listening, adminSockets, servesFiles, isColoured } = facts;
  const style = (code: number, text: string) => isColoured ? `\x1b[${code}m${text}\x1b[0m` : text;
  const sockets = placesOf(listening);
  const shown = (socket: ListeningSocket, place: string) => style(36, urlOf(socket, place, servesFiles));
  const elsewhere = sockets.flatMap((socket) =>
    reachableElsewhere(socket).map((place) => shown(socket, place))
  );
  const rows: Row[] = [
    ["Local", sockets.map((socket) => shown(socket, reachableHere(socket)))],
    ["Network", elsewhere.length > 0 ? elsewhere : alone(sockets)],
    [
      "Admin",
      placesOf(adminSockets).flatMap((socket) =>
        [reachableHere(socket), ...reachableElsewhere(socket)].map((place) =>
          style(36, urlOf(socket, place, true))
        )
      ),
    ],
    ...servesFiles ? siteRows(command) : [["Serving", [command.handler]] as const],
    ["Settings", command.config === null ? [] : [printable(command.config)]],
  ];
  const indent = " ".repeat(LABEL_COLUMNS);
  return [
    "",
    `  ${style(1, "epollet")} ${config.version}`,
    "",
    ...rows.flatMap(([label, lines]) =>
      lines.map((line, i) => i > 0 ? indent + line : style(1, `  ${label}`.padEnd(LABEL_COLUMNS)) + line)
    ),
    "",
  ];
}

/** Says why there are no addresses for other machines. */
function alone(sockets: readonly ListeningSocket[]): string[] {
  const isTcp = sockets.some(({ address }) => !address.address.startsWith("unix:"));
  return isTcp ? ["none: see --host to let other machines in"] : [];
}

/** What is served, and by which rules: at the top, and for each host. */
function siteRows(command: CommandLine): Row[] {
  const { site, hosts, live } = command;
  const rules = [
    `index ${site.index.join(", ")}`,
    ...live ? ["live"] : [],
    ...describeSite(site).filter(([name]) => name !== "index").map(rule),
  ];
  const names = allowedHostsOf(command);
  const own = Array.from(hosts, ([name, settings]) => {
    const different = describeSite(settings, site).map(rule).join("; ");
    return different === "" ? name : `${name}: ${different}`;
  });
  return [
    ["Files", [printable(String(site.root))]],
    ["Rules", wrapped(rules)],
    ["Hosts", own.map(printable)],
    ["Names", names === null || names.includes("*") ? [] : wrapped(["localhost", "IP addresses", ...names])],
  ];
}

/** A setting in a few words. */
function rule([name, value]: readonly [name: string, value: string]): string {
  if (value === "on") return name;
  const short = value.length > VALUE_CHARACTERS_MAX ? `${value.slice(0, VALUE_CHARACTERS_MAX - 1)}…` : value;
  return printable(`${name} ${short}`);
}

/** Joins `parts` to lines that fit. */
function wrapped(parts: readonly string[]): string[] {
  const lines = [""];
  parts.forEach((part, i) => {
    const text = i === parts.length - 1 ? part : `${part};`;
    const line = lines.at(-1) === "" ? text : `${lines.at(-1)} ${text}`;
    if (LABEL_COLUMNS + line.length > COLUMNS && lines.at(-1) !== "") lines.push(text);
    else lines[lines.length - 1] = line;
  });
  return lines;
}
