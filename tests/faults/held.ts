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

/** A promise that is fulfilled so many milliseconds later. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
