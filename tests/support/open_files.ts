/**
 * What a process has open, and a starter that leaves it things that it should not have.
 * @module
 */
import { assertEquals } from "@std/assert";
import { programCommand, Site } from "./program.ts";

const O_ACCMODE = 0o3;
const O_PATH = 0o10000000;

/** What a process has open: what /proc calls it, and how it was opened. */
function openIn(pid: number): { readonly name: string; readonly flags: number }[] {
  return Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).flatMap(({ name: fd }) => {
    try {
      const name = Deno.readLinkSync(`/proc/${pid}/fd/${fd}`);
      const [, flags] = /^flags:\s+(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/fdinfo/${fd}`))!;
      return { name, flags: parseInt(flags!, 8) };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return []; // closed meanwhile
      throw error;
    }
  });
}

/** The files of a process that it may write to, standard input, output and error left out. */
export function writableIn(pid: number): string[] {
  const standard = [0, 1, 2].map((fd) => Deno.readLinkSync(`/proc/${pid}/fd/${fd}`));
  return openIn(pid)
    .filter(({ name, flags }) => name.startsWith("/") && (flags & O_PATH) === 0 && (flags & O_ACCMODE) !== 0)
    .map(({ name }) => name)
    .filter((name) => !standard.includes(name) && !/^\/(dev|memfd:epollet: given up)/.test(name));
}

/** The files that a process shares memory with. */
function sharedIn(pid: number): string[] {
  const maps = Deno.readTextFileSync(`/proc/${pid}/maps`);
  return Array.from(maps.matchAll(/^\S+ ..[x-]s \S+ \S+ \d+ +(\/.*)$/gm), ([, path]) => path!)
    .filter((path) => !/^\/(dev\/zero|memfd:)/.test(path));
}

/** A shell that leaves descriptors open, among them some with high numbers, and becomes the program. */
export function careless(
  site: Site,
  args: readonly string[],
  commandOf: (args: readonly string[]) => string[] = programCommand,
): string[] {
  const left = ["7<secret.txt", "8<>secret.txt", "9>secret.txt", "61<secret.txt", "62</", "63<>left.fifo"];
  const script = `cd ${site.path("starter")}; ${left.map((word) => `exec ${word}`).join("; ")}; exec "$@"`;
  const settings = ["--port", "0", "--root", site.path("www"), "--config", site.path("conf/epollet.json")];
  return ["bash", "-c", script, "bash", ...commandOf([...settings, ...args])];
}

/** The files of such a start; `nobody` may write logs. */
export function carelessSite(): Site {
  const site = new Site({
    "www/index.html": "hello",
    "starter/secret.txt": "x",
    "conf/epollet.json": "{}",
    "log/x": "",
  });
  new Deno.Command("mkfifo", { args: [site.path("starter/left.fifo")] }).outputSync();
  for (const name of ["", "www", "conf", "log"]) {
    Deno.chmodSync(site.path(name), name === "log" ? 0o777 : 0o755);
  }
  return site;
}

/** What SECURITY.md names: sockets, what has no name, roots, directories of logs, three files in /proc; in memory nothing. */
const NAMED = /^(socket:|anon_inode:|\/proc\/\d+\/(maps|statm|fd|mountinfo)$|\/memfd:epollet: given up)/;

/** Nothing but what SECURITY.md names is open; of that, only `logs` can be written. */
export function assertOnlyNamed(site: Site, pid: number, logs: readonly string[] = []): void {
  const standard = [0, 1, 2].map((fd) => Deno.readLinkSync(`/proc/${pid}/fd/${fd}`));
  const named = [...standard, ...logs, site.path("www"), site.path("log")];
  const others = openIn(pid).map(({ name }) => name).filter((name) =>
    !named.includes(name) && !NAMED.test(name)
  );
  assertEquals(others, [], `process ${pid}`);
  assertEquals(writableIn(pid), logs, `process ${pid}`);
  assertEquals(sharedIn(pid), [], `process ${pid}`);
}
