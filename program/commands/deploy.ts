/**
 * `epollet deploy DIR --to LINK`: publishes a tree by one rename of a link. `epollet rollback --to LINK` goes back.
 * @module
 */
import { parseArgs } from "node:util";
import { ENOENT, ENOTDIR, SystemError } from "../../ffi/libc/errno.ts";
import { isBelow, pathOf } from "../../ffi/file/path_walk.ts";
import { Folder } from "../../ffi/file/tree_files.ts";
import { HEALTHCHECK_TIMEOUT_MS } from "../../server/limits.ts";
import { printable, UsageError } from "../../server/usage_error.ts";
import { judge } from "../config/settings/given_flags.ts";
import { ADMIN, type AdminAddress } from "../config/settings/program_kinds.ts";
import { awaitServed } from "../deploy/await_served.ts";
import { copyTree } from "../deploy/copy_tree.ts";
import { precompress } from "../deploy/precompress.ts";
import { placeOf, RELEASES, Releases } from "../deploy/releases.ts";
import { EXIT_FAILURE } from "../terminal/exit.ts";
import { askAdmin } from "./healthcheck.ts";

export const DEPLOY_HELP = `epollet deploy DIR --to LINK [FLAG]...

Copies DIR to releases/NUMBER beside LINK, and then has LINK lead there, by one
rename. Serve LINK: the next request is answered from the new release. If
anything fails, LINK is unchanged.

      --to LINK        the link, such as /srv/site/current
      --keep N         keep the latest N releases, the one served among them (5)
      --index FILE     the file that DIR must have (index.html)
      --precompress    make .br, .zst and .gz of what gets smaller
      --admin WHERE    wait until each worker of the server with this --admin
                       ([ADDRESS:]PORT) serves the release
  -h, --help           print this help`;

export const ROLLBACK_HELP = `epollet rollback --to LINK

Has LINK lead to the release that was served before the one that it leads to now.

      --to LINK        the link, such as /srv/site/current
      --admin WHERE    wait until each worker of the server with this --admin
                       ([ADDRESS:]PORT) serves the release
  -h, --help           print this help`;

const KEEP = 5;
const KEEP_MAX = 1000;
/** A line for each root of each worker. */
const READINESS_LENGTH_MAX = 4 * 1024 * 1024;

type Values = Readonly<Record<string, string | boolean | undefined>>;

/** Reads flags. @throws {UsageError} */
function parse(
  command: string,
  args: readonly string[],
  flags: Record<string, { type: "string" | "boolean"; short?: string }>,
): { values: Values; positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        ...flags,
        to: { type: "string" },
        admin: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
      allowPositionals: true,
    });
    return { values: values as Values, positionals };
  } catch (error) {
    const [line] = (error as Error).message.split(". ");
    const [, flag] = /^Option '(?:-\w, )?(--[a-z]+) <value>' argument missing/.exec(line!) ?? [];
    const what = flag === undefined ? line : `${flag} needs a value`;
    throw new UsageError(`${what}: see epollet ${command} --help`);
  }
}

function linkOf({ to }: Values, command: string): string {
  if (typeof to === "string" && to !== "") return to;
  throw new UsageError(`No link is given: write epollet ${command} --to /srv/site/current`);
}

function keepOf({ keep }: Values): number {
  if (keep === undefined) return KEEP;
  const count = /^\d{1,4}$/.test(String(keep)) ? Number(keep) : 0;
  if (count >= 1 && count <= KEEP_MAX) return count;
  throw new UsageError(`Bad --keep "${keep}": expected a number of releases from 1 to ${KEEP_MAX}`);
}

function adminOf({ admin }: Values): AdminAddress | null {
  return typeof admin === "string" ? judge("--admin", admin, ADMIN.read) : null;
}

function askReadiness(admin: AdminAddress): ReturnType<typeof askAdmin> {
  return askAdmin(admin, "/readyz", HEALTHCHECK_TIMEOUT_MS, READINESS_LENGTH_MAX);
}

/** Makes sure that there is a server to wait for, before anything changes. @throws {UsageError} */
function checkReachable(admin: AdminAddress | null): void {
  const trouble = admin === null ? null : askReadiness(admin).trouble;
  if (trouble !== null) throw new UsageError(`${trouble}: give the --admin of a server that runs`);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** Waits until the release is served. Returns the exit status. */
async function waitFor(
  admin: AdminAddress | null,
  releases: Releases,
  number: number,
  say: (line: string) => void,
): Promise<number> {
  if (admin === null) return 0;
  using folder = releases.enter(number);
  const path = pathOf(folder.fd);
  const trouble = await awaitServed(() => askReadiness(admin), path.slice(0, path.lastIndexOf("/")), path);
  say(trouble === null ? `served by every worker` : `not served by every worker: ${trouble}`);
  return trouble === null ? 0 : EXIT_FAILURE;
}

/** What the arguments after `deploy` say. */
interface Deploy {
  readonly directory: string;
  readonly link: string;
  readonly keep: number;
  readonly index: string;
  readonly precompresses: boolean;
  readonly admin: AdminAddress | null;
}

/** Reads the arguments after `deploy`; null for help. @throws {UsageError} */
export function parseDeploy(args: readonly string[]): Deploy | null {
  const { values, positionals: [directory, unexpected] } = parse("deploy", args, {
    keep: { type: "string" },
    index: { type: "string" },
    precompress: { type: "boolean" },
  });
  if (values["help"] === true) return null;
  if (directory === undefined) {
    throw new UsageError("No directory is given: write epollet deploy dist --to /srv/site/current");
  }
  if (unexpected !== undefined) {
    throw new UsageError(`Unexpected argument "${unexpected}": epollet deploy takes one directory`);
  }
  return {
    directory,
    link: linkOf(values, `deploy ${directory}`),
    keep: keepOf(values),
    index: String(values["index"] ?? "index.html"),
    precompresses: values["precompress"] === true,
    admin: adminOf(values),
  };
}

/**
 * Runs `deploy` with its arguments, and returns the exit status.
 * @throws {UsageError} for an argument or a tree that cannot be deployed
 * @throws {SystemError}
 */
export async function deploy(args: readonly string[], say: (line: string) => void): Promise<number> {
  const parsed = parseDeploy(args);
  if (parsed === null) {
    say(DEPLOY_HELP);
    return 0;
  }
  const { directory, link, keep, index, precompresses, admin } = parsed;
  using source = openFolder(directory, "the directory that the build has made");
  checkIndex(source, index);
  checkApart(source, link);
  checkReachable(admin);
  using releases = new Releases(link, true);
  releases.clean();
  const { current: before, elsewhere } = releases;
  const report: string[] = [];
  const number = releases.make((target) => {
    using previous = before === null ? null : releases.tryEnter(before);
    const { files, bytes, linked } = copyTree(source, target, previous);
    const same = linked === 0 ? "" : `, ${linked} the same as in releases/${before}`;
    report.push(`${counted(files, "file")}, ${counted(bytes, "byte")}${same}`);
    if (!precompresses) return;
    const { made, linked: kept } = precompress(target, previous);
    report.push(`${counted(made, "compressed form")} made${kept === 0 ? "" : `, ${kept} taken over`}`);
  });
  releases.publish(number);
  say(`${link} -> releases/${number}: ${report.join("; ")}`);
  if (elsewhere !== null) say(`before, it led to ${printable(elsewhere)}, where rollback does not lead`);
  const status = await waitFor(admin, releases, number, say);
  const removed = status === 0 ? releases.keep(keep) : []; // what is served by any worker stays
  if (removed.length > 0) say(`removed: ${removed.map((each) => `releases/${each}`).join(", ")}`);
  return status;
}

/** @throws {UsageError} when the tree has no index, so that it is hardly a site */
function checkIndex(source: Folder, index: string): void {
  if (index.includes("/") || index === "" || index.startsWith(".")) {
    throw new UsageError(`Bad --index "${index}": expected the name of a file, such as index.html`);
  }
  const status = source.statusOf(index);
  if (status?.isFile || status?.isLink) return;
  throw new UsageError(
    `There is no ${index} in ${source.path}: name the directory that the build has made, or the file by --index FILE`,
  );
}

/** Makes sure that neither the tree contains the releases, nor they the tree. @throws {UsageError | SystemError} */
function checkApart(source: Folder, link: string): void {
  const { above } = placeOf(link);
  using parent = openFolder(above, "the directory of the link");
  if (isBelow(parent.fd, source.statusOf(".")!)) {
    throw new UsageError(
      `${source.path} would contain the releases beside ${link}: choose a link outside of it`,
    );
  }
  using releases = parent.tryEnter(RELEASES);
  if (releases !== null && isBelow(source.fd, releases.statusOf(".")!)) {
    throw new UsageError(`${source.path} is a release itself: name the directory that the build has made`);
  }
}

/** Opens a directory that the user named. @throws {UsageError} when it is none */
function openFolder(path: string, what: string): Folder {
  try {
    return Folder.open(path);
  } catch (error) {
    if (!(error instanceof SystemError) || ![ENOENT, ENOTDIR].includes(error.errno)) throw error;
    const why = error.errno === ENOENT ? "it does not exist" : "it is no directory";
    throw new UsageError(`Cannot open ${path}: ${why}: name ${what}`);
  }
}

/** Reads the arguments after `rollback`; null for help. @throws {UsageError} */
export function parseRollback(args: readonly string[]): Pick<Deploy, "link" | "admin"> | null {
  const { values, positionals: [unexpected] } = parse("rollback", args, {});
  if (values["help"] === true) return null;
  if (unexpected !== undefined) {
    throw new UsageError(`Unexpected argument "${unexpected}": epollet rollback takes --to LINK alone`);
  }
  return { link: linkOf(values, "rollback"), admin: adminOf(values) };
}

/** Runs `rollback` with its arguments, and returns the exit status. @throws {UsageError | SystemError} */
export async function rollback(
  args: readonly string[],
  say: (line: string) => void,
): Promise<number> {
  const parsed = parseRollback(args);
  if (parsed === null) {
    say(ROLLBACK_HELP);
    return 0;
  }
  const { link, admin } = parsed;
  checkReachable(admin);
  using releases = new Releases(link, false);
  const { current } = releases;
  if (current === null) throw new UsageError(`${link} leads to no release: there is none to go back from`);
  const before = releases.before(current);
  if (before === null) {
    throw new UsageError(`There is no release before releases/${current}: nothing to go back to`);
  }
  releases.switchTo(before);
  say(`${link} -> releases/${before} (was releases/${current})`);
  return await waitFor(admin, releases, before, say);
}
