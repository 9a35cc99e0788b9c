/**
 * Standard output and standard error that take nothing: a full disk, a pipe without a reader, closed descriptors. The
 * program logs errors meanwhile, and serves.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { patiently } from "../faults/clients.ts";
import { freePort } from "../support/free_port.ts";
import { IS_EMULATED, programCommand, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

const TEXT = "still served";

/** Starts the program by a shell that redirects its output, and lets it run out of descriptors. */
async function servesWith(redirection: string, args: readonly string[] = []): Promise<void> {
  using site = new Site({ "a.txt": TEXT });
  const port = freePort();
  const command = programCommand(["--port", String(port), "--root", site.root, "--no-config", ...args]);
  const quoted = command.map((word) => `'${word}'`).join(" ");
  // The program raises its limit on descriptors to the hard limit, which leaves room for few clients only. Without a
  // descriptor for the certificates, Deno would print an error itself, and wait for it to be read.
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
    await assertServes(port); // during the start, too
    const clients: Wire[] = [];
    for (let i = 0; i < 60; i++) clients.push(await Wire.connect(port)); // more than there are descriptors
    for (const client of clients) await client.send("GET");
    await sleep(300); // the program tries every tenth of a second, and logs an error
    for (const client of clients) client[Symbol.dispose]();
    await assertServes(port);
  } finally {
    Deno.kill(Number(Deno.readTextFileSync(site.path("pid"))), "SIGKILL");
    await shell.status;
  }
}

/** Sends twenty requests. The program may not have started yet, or not have closed other connections. */
async function assertServes(port: number): Promise<void> {
  let served = 0;
  for (let attempt = 0; served < 20; attempt++) {
    assert(attempt < (IS_EMULATED ? 3000 : 300), "it does not serve");
    try {
      using wire = await Wire.connect(port);
      await wire.send(get("/a.txt"));
      const answer = await patiently("an answer", wire.expect());
      if (answer.status === 503) await sleep(20); // the program has no descriptor for the client yet
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
      "a full pipe without a reader",
      "mkfifo p; exec 3<>p; head -c 65536 /dev/zero >&3; (PROGRAM) >&3 2>&3",
    ],
  ] as const
) {
  Deno.test(`the program serves and logs errors with standard output and error ${what}`, async () => {
    await servesWith(redirection);
  });
}
