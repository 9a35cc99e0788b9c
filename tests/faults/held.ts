/**
 * What a server holds open: sockets, files of its site, and what the kernel makes for it. What Deno opens for itself,
 * such as its cache of compiled code, comes and goes as it likes.
 * @module
 */

/** How many descriptors of process `pid` are a server's of the site at `root`. */
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
 * How many connections of this machine the kernel has reset because it had no memory for them, or too many that nobody
 * held open any longer: nobody's fault, and it happens where others load the same machine.
 */
export function connectionsGivenUp(): number {
  const lines = Deno.readTextFileSync("/proc/net/netstat").split("\n").filter((line) =>
    line.startsWith("TcpExt:")
  );
  const [names, values] = lines.map((line) => line.split(" "));
  return Number(values![names!.indexOf("TCPAbortOnMemory")]);
}
