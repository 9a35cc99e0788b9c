/**
 * Ports for programs that cannot be told to let the kernel choose.
 * @module
 */

/** Below the ports that kernels choose from unless told otherwise (32768 and up), so that no other test is given it. */
const [PORT_MIN, PORT_MAX] = [10_000, 32_000];

const taken = new Set<number>();

/** Returns a port on which nothing listened a moment ago, and another one each time. */
export function freePort(): number {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    if (taken.has(port)) continue;
    try {
      Deno.listen({ port, hostname: "127.0.0.1" }).close();
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) continue;
      throw error;
    }
    taken.add(port);
    return port;
  }
}
