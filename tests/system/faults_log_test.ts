/**
 * Standard output and standard error that take nothing: a full disk, nobody who reads, a reader who has left, none at
 * all. The program has something to complain of meanwhile, and serves.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { patiently } from "../faults/clients.ts";
import { IS_EMULATED, programCommand, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

const TEXT = "still served";

/** Starts the program by a shell that puts something else in the place of its output, and lets it run out of descriptors. */
async function servesWith(redirection: string, args: readonly string[] = []): Promise<void> {
  using site = new Site({ "a.txt": TEXT });
  const port = freePort();
  const command = programCommand(["--port", String(port), "--root", site.root, "--no-config", ...args]);
  const quoted = command.map((word) => `'${word}'`).join(" ");
  // It raises the limit of descriptors to the hard one, which leaves room for a few clients only.
  // Deno itself complains of certificates that it finds no descriptor for, and would wait for that to be read.
  const script = `unset NODE_EXTRA_CA_CERTS; ulimit -n 48; ${
    redirection.replace("PROGRAM", `echo $BASHPID >pid; exec ${quoted}`)
  }`;
  const shell = new Deno.Command("bash", {
    args: ["-c", script],
    cwd: site.root,
    stdin: "null",
    stderr: "null",
  }).spawn();
  try {
    await assertServes(port); // while it starts, too
    const clients: Wire[] = [];
    for (let i = 0; i < 60; i++) clients.push(await Wire.connect(port)); // more than there are descriptors
    for (const client of clients) await client.send("GET");
    await sleep(300); // each tenth of a second it tries, and complains
    for (const client of clients) client[Symbol.dispose]();
    await assertServes(port);
  } finally {
    Deno.kill(Number(Deno.readTextFileSync(site.path("pid"))), "SIGKILL");
    await shell.status;
  }
}

function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}

/** Twenty requests; it may be that it has not started yet, or not closed others' connections. */
async function assertServes(port: number): Promise<void> {
  let served = 0;
  for (let attempt = 0; served < 20; attempt++) {
    assert(attempt < (IS_EMULATED ? 3000 : 300), "it does not serve");
    try {
      using wire = await Wire.connect(port);
      await wire.send(get("/a.txt"));
      const answer = await patiently("an answer", wire.expect());
      if (answer.status === 503) await sleep(20); // it has no descriptor for it yet
      else assertEquals([answer.status, answer.text], [200, TEXT]);
      if (answer.status === 200) served++;
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) await sleep(20);
      else if (!(error instanceof Error && /^(connection reset|the server closed)/.test(error.message))) {
        throw error;
      }
    }
  }
}

for (
  const [what, redirection] of [
    ["on a full disk", "(PROGRAM) >/dev/full 2>/dev/full"],
    ["closed", "(PROGRAM) >&- 2>&-"],
    ["pipes whose reader has left", "(PROGRAM) 2>&1 | true"],
    [
      "a pipe that is full, and that nobody reads",
      "mkfifo p; exec 3<>p; head -c 65536 /dev/zero >&3; (PROGRAM) >&3 2>&3",
    ],
  ] as const
) {
  Deno.test(`the program serves, and goes on when it has to complain, with standard output and error ${what}`, async () => {
    await servesWith(redirection);
  });
}
