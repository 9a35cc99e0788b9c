/**
 * The open files of a process, and a starter that leaves the process descriptors that it should not have.
 * @module
 */
import { assertEquals } from "@std/assert";
import { programCommand, Site } from "./program.ts";

const O_ACCMODE = 0o3;
const O_PATH = 0o10000000;

/** Returns the open files of a process: the name in /proc, and the flags. */
export function openIn(pid: number): { readonly name: string; readonly flags: number }[] {
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

/** Returns the files that a process may write to, except standard input, output and error. */
export function writableIn(pid: number): string[] {
  const standard = [0, 1, 2].map((fd) => Deno.readLinkSync(`/proc/${pid}/fd/${fd}`));
  return openIn(pid)
    .filter(({ name, flags }) => name.startsWith("/") && (flags & O_PATH) === 0 && (flags & O_ACCMODE) !== 0)
    .map(({ name }) => name)
    .filter((name) => !standard.includes(name) && !/^\/(dev|memfd:epollet: given up)/.test(name));
}

/** Returns the files that a process has mapped as shared memory. */
function sharedIn(pid: number): string[] {
  const maps = Deno.readTextFileSync(`/proc/${pid}/maps`);
  return Array.from(maps.matchAll(/^\S+ ..[x-]s \S+ \S+ \d+ +(\/.*)$/gm), ([, path]) => path!)
    .filter((path) => !/^\/(dev\/zero|memfd:)/.test(path));
}

/** Returns a shell that leaves descriptors open, some with high numbers, and becomes the program. */
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

/** Returns the files of such a start. The user that the program changes to may write the logs. */
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

/**
 * The descriptors that SECURITY.md names: sockets, files without a name, roots, directories of logs, three files in
 * /proc; no shared memory.
 */
const NAMED = /^(socket:|anon_inode:|\/proc\/\d+\/(maps|statm|fd|mountinfo)$|\/memfd:epollet: given up)/;

/** Asserts that only files that SECURITY.md names are open, and that only `logs` of these can be written. */
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
