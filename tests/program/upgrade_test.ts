/**
 * SIGUSR2: a running program is replaced by a new one on the same sockets. And the messages that systemd gets.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { close } from "../../ffi/socket/socket.ts";
import { REAP_PATIENCE_MS } from "../../server/limits.ts";
import { notification, notifySocket } from "../support/notify_socket.ts";
import { childrenOf, isRunning } from "../support/process.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { UnbrokenLoad } from "../support/unbroken_load.ts";
import { exchange, get, Wire } from "../support/wire.ts";
import { eventually } from "../support/waiting.ts";

/** Ends a program that this process did not start, and waits until it is gone. */
async function end(pid: number): Promise<void> {
  Deno.kill(pid, "SIGTERM");
  await eventually(() => !isRunning(pid), `process ${pid} does not end`);
}

/** Sends SIGUSR2, and returns the process id of the new program. */
async function successorOf(program: Program): Promise<number> {
  const workers = childrenOf(program.pid);
  program.kill("SIGUSR2");
  let successor: number | undefined;
  const isThere = () => {
    successor = childrenOf(program.pid).find((pid) => !workers.includes(pid));
    return successor !== undefined;
  };
  await eventually(isThere, "no program was started");
  return successor!;
}

for (const args of [["--no-sandbox"], ["--workers", "2"], ["--workers", "2", "--admin", "127.0.0.1:0"]]) {
  Deno.test(`the new program takes over without a lost client: ${args.join(" ")}`, async () => {
    using site = new Site({ "index.html": "hello" });
    await using program = await Program.start(site.root, [...args, "--no-config"]);
    const load = new UnbrokenLoad(program.port, 3);
    await load.more(20);
    const workers = childrenOf(program.pid);
    const successor = await successorOf(program);
    assertEquals(await program.exit(), 0);
    try {
      await load.more(40);
      await load.end();
      assertEquals(load.failures, []);
      assert(isRunning(successor));
      assert(!workers.some(isRunning));
      assertEquals((await exchange(program.port, get("/"))).text, "hello");
      const [, admin] = /Admin at http:\/\/127\.0\.0\.1:(\d+)\//.exec(program.stdout) ?? [];
      if (admin !== undefined) assertEquals((await exchange(Number(admin), get("/readyz"))).text, "ready\n");
    } finally {
      await end(successor);
    }
  });
}

Deno.test("the new program stays, however long the old one finishes its responses", async () => {
  using site = new Site({ "index.html": "hello", "large.bin": new Uint8Array(20_000_000) });
  await using program = await Program.start(site.root, ["--no-sandbox", "--no-config"]);
  using download = await Wire.connect(program.port);
  await download.send(get("/large.bin"));
  await download.arrival(); // the client does not read on
  const successor = await successorOf(program);
  try {
    // Longer than a start, and than a worker gets after it has closed its channel.
    await sleep(REAP_PATIENCE_MS + 1_000);
    assert(isRunning(program.pid), "the old one still sends");
    assertEquals((await exchange(program.port, get("/"))).text, "hello");
    assertEquals((await download.expect()).body.length, 20_000_000);
    assertEquals(await program.exit(), 0);
  } finally {
    await end(successor);
  }
});

Deno.test("a new program without workers serves clients of all of its predecessor's sockets", async () => {
  using site = new Site({ "html/index.html": "hello" });
  const configure = (workers: number) =>
    site.write("epollet.json", JSON.stringify({ port: 0, root: "html", sandbox: false, workers }));
  configure(2);
  await using program = await Program.startArguments(["--config", site.path("epollet.json")]);
  configure(0);
  const successor = await successorOf(program);
  try {
    assertEquals(await program.exit(), 0);
    const answers = Promise.all(Array.from({ length: 24 }, () => exchange(program.port, get("/"))));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise((resolve) => timer = setTimeout(resolve, 5_000));
    assert(
      await Promise.race([answers, patience]) !== undefined,
      "a client waits in a queue that no process accepts from",
    );
    clearTimeout(timer);
  } finally {
    await end(successor);
  }
});

Deno.test("when the new program fails to start, the old one keeps running", async () => {
  using site = new Site({ "html/index.html": "hello" });
  site.write("epollet.json", '{"port": 0, "root": "html"}');
  for (const args of [["--no-sandbox"], ["--workers", "1"]]) {
    site.write("epollet.json", '{"port": 0, "root": "html"}');
    await using program = await Program.startArguments(["--config", site.path("epollet.json"), ...args]);
    site.write("epollet.json", '{"port": 0, "root": "nowhere"}');
    program.kill("SIGUSR2");
    await program.warned(
      /Cannot open root .*nowhere: ENOENT[^]*The new program ended with status 2: this one keeps running\n/,
    );
    assertEquals((await exchange(program.port, get("/"))).text, "hello");
    program.kill("SIGTERM");
    assertEquals((await program.finish()).code, 0);
  }
});

for (const args of [["--no-sandbox"], ["--workers", "1"]]) {
  Deno.test(`a program that is told to end while a new one starts leaves no process behind: ${args.join(" ")}`, async () => {
    using site = new Site({ "index.html": "hello" });
    await using program = await Program.start(site.root, [...args, "--no-config"]);
    const successor = await successorOf(program);
    program.kill("SIGTERM");
    program.kill("SIGUSR2"); // it has no sockets left to pass on
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
    await eventually(() => !isRunning(successor), "the new one goes on");
  });

  Deno.test(`SIGHUP while a new program starts reloads the new one, too: ${args.join(" ")}`, async () => {
    using site = new Site({ "index.html": "hello" });
    site.write("epollet.json", JSON.stringify({ port: 0, root: "." }));
    await using program = await Program.startArguments(["--config", site.path("epollet.json"), ...args]);
    const successor = await successorOf(program);
    program.kill("SIGHUP");
    try {
      assertEquals(await program.exit(), 0);
      await program.printed(/Serving [^]*Serving [^]*Settings read again from/);
    } finally {
      await end(successor);
    }
  });
}

Deno.test("a single process in the sandbox says which flags make an upgrade possible", async () => {
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.start(site.root, ["--no-config"]);
  program.kill("SIGUSR2");
  await program.warned(
    /SIGUSR2: this process has given up the right to start programs .*--workers 1 or --no-sandbox/,
  );
  assertEquals((await exchange(program.port, get("/"))).text, "hello");
});

Deno.test("the first process of a container, with which all others end, starts no successor", async () => {
  using site = new Site({ "index.html": "hello" });
  const inContainer = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
  const [command, ...args] = [...inContainer, "true"];
  if (!(await new Deno.Command(command, { args, stderr: "null" }).output().catch(() => null))?.success) {
    return;
  }
  const started = programCommand(["0", site.root, "--no-config", "--no-sandbox"]);
  await using program = await Program.startCommand([...inContainer, ...started]);
  const [first] = childrenOf(program.pid) as [number];
  Deno.kill(first, "SIGUSR2");
  await program.warned(/SIGUSR2: this is the first process of its container.*\n$/);
  assertEquals((await exchange(program.port, get("/"))).text, "hello");
});

Deno.test("systemd is told when the program is ready, reloads, is replaced and ends", async () => {
  using site = new Site({ "index.html": "hello" });
  const fd = notifySocket(site.path("notify"));
  const messages: string[] = [];
  const heard = async (pattern: RegExp) => {
    const isHeard = () => {
      const message = notification(fd);
      if (message !== null) messages.push(message);
      return messages.some((message) => pattern.test(message));
    };
    await eventually(isHeard, `systemd does not hear ${pattern}`);
    return messages.splice(0);
  };
  try {
    const command = programCommand(["0", site.root, "--workers", "1", "--no-config"]);
    const started = Program.startCommand(["env", `NOTIFY_SOCKET=${site.path("notify")}`, ...command]);
    await using program = await started;
    await heard(new RegExp(`^READY=1\nMAINPID=${program.pid}$`));
    program.kill("SIGHUP");
    await heard(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    await heard(/^READY=1\n/);
    program.kill("SIGUSR2");
    const [main] = (await heard(/^MAINPID=\d+$/)).filter((message) => message.startsWith("MAINPID=")) as [
      string,
    ];
    const successor = Number(main.slice("MAINPID=".length));
    assertNotEquals(successor, program.pid);
    await program.exit();
    await end(successor);
    await heard(/^STOPPING=1$/);
  } finally {
    close(fd);
  }
});
