/**
 * Counts what a server holds open: sockets, files of its site, and kernel objects. Descriptors that Deno opens for
 * itself are not counted, because they change at any time.
 * @module
 */

/** Returns the number of descriptors of process `pid` that belong to a server of the site at `root`. */
export function descriptorsHeld(pid: number, root: string): number {
  let count = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      const target = Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
      if (/^(socket|anon_inode):/.test(target) || target.startsWith(root)) count++;
    } catch {
      // the descriptor of the listing itself, or one that was closed meanwhile
    }
  }
  return count;
}

/**
 * Returns the number of connections on this machine that the kernel has reset for lack of memory, or because there
 * were too many orphaned sockets. That is not a fault of the server, and happens when other programs load the same
 * machine.
 */
export function connectionsGivenUp(): number {
  const lines = Deno.readTextFileSync("/proc/net/netstat").split("\n").filter((line) =>
    line.startsWith("TcpExt:")
  );
  const [names, values] = lines.map((line) => line.split(" "));
  return Number(values![names!.indexOf("TCPAbortOnMemory")]);
}
