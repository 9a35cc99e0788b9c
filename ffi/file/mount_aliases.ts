/**
 * The paths under which a directory can be reached because it, or one above it, is mounted in several places.
 *
 * Source: proc_pid_mountinfo(5), `mount --bind` in mount(8).
 * @module
 */
import { SystemError } from "../libc/errno.ts";
import { readProcFile } from "./proc_file.ts";

/** A line of the mount table. */
interface Mount {
  readonly device: string;
  /** The directory of the file system that is mounted. */
  readonly root: string;
  /** Where it is mounted. */
  readonly point: string;
}

const TABLE = "/proc/self/mountinfo";
/** Escaped spaces, tabs, line feeds and backslashes in a path. */
const ESCAPES = /\\([0-7]{3})/g;

/** Returns true if `path` is `directory`, or below it. Both have no links, and no slash at the end. */
export function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

/** Returns `path` below `directory` as it is called below `other`. */
function moved(path: string, directory: string, other: string): string {
  const rest = path.slice(directory === "/" ? 0 : directory.length);
  return `${other === "/" ? "" : other}${rest === "/" ? "" : rest}` || "/";
}

/**
 * Returns all paths of `path`, a directory without links on the way to it: itself, and those by other mounts. If only
 * directories below it are mounted elsewhere, the places of those. Returns only `path` if the mounts cannot be read.
 */
export function pathsOfMounts(path: string): string[] {
  let mounts: Mount[];
  try {
    mounts = readMounts();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return [path];
  }
  const own = mounts.filter(({ point }) => isInside(path, point))
    .reduce<Mount | null>(
      (best, one) => best !== null && best.point.length > one.point.length ? best : one,
      null,
    );
  if (own === null) return [path];
  const inside = moved(path, own.point, own.root); // its path in the file system
  const others = mounts.filter(({ device }) => device === own.device).flatMap(({ root, point }) =>
    isInside(inside, root) ? [moved(inside, root, point)] : isInside(root, inside) ? [point] : []
  );
  return [...new Set([path, ...others])];
}

function readMounts(): Mount[] {
  const text = new TextDecoder().decode(readProcFile(TABLE));
  const plain = (escaped: string | undefined) =>
    (escaped ?? "").replace(ESCAPES, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [, , device, root, point] = line.split(" ");
    return { device: device ?? "", root: plain(root), point: plain(point) };
  });
}
