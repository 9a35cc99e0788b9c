/**
 * `--admin` and `--healthcheck` in the program as a user starts it: without privileges, and in its sandbox.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { probe } from "../../program/commands/healthcheck.ts";
import { CACHED_HEADS_BYTES_MAX } from "../../server/limits.ts";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";
import { exchange, get, Wire } from "../support/wire.ts";
import { awaited, eventually } from "../support/waiting.ts";

const NO_FILE = "--no-config";

/** Starts a program with `--admin`, and returns its admin port. */
async function startWithAdmin(root: string, ...args: string[]): Promise<{ program: Program; admin: number }> {
  const program = await Program.start(root, [NO_FILE, "--admin", "0", ...args]);
  return { program, admin: await program.adminPort() };
}

/** Returns the value of a metric. */
async function metric(port: number, name: string): Promise<number> {
  const { text } = await exchange(port, get("/metrics"));
  return Number(text.split("\n").find((line) => line.startsWith(`${name} `))?.slice(name.length));
}

Deno.test("operators see on their own port what clients did, and their own requests do not count", async () => {
  using site = new Site({ "index.html": "home" });
  const { program, admin } = await startWithAdmin(site.root);
  await using _ = program;
  for (let i = 0; i < 3; i++) await exchange(program.port, get("/"));
  for (const path of ["/metrics", "/healthz", "/readyz", "/events"]) {
    assertEquals((await exchange(program.port, get(path))).status, 404, `${path} on the public port`);
  }
  assertEquals((await exchange(admin, get("/index.html"))).status, 404, "the site on the port of operators");
  assertEquals(await metric(admin, 'epollet_requests_total{code="200",protocol="HTTP/1"}'), 3);
  assertEquals(await metric(admin, 'epollet_requests_total{code="404",protocol="HTTP/1"}'), 4);
  assertEquals(await metric(admin, "epollet_request_duration_seconds_count"), 7);
  assertEquals(await metric(admin, "epollet_connections_accepted_total"), 7);
  for (const name of ["process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"]) {
    assert(await metric(admin, name) > 0, name);
  }
  assert(await metric(admin, "epollet_inotify_watches") > 0);
  const { text } = await exchange(admin, get("/"));
  assertStringIncludes(text, "<title>epollet: status</title>");
});

/** Long heads. For each the access log keeps two forms of its line; without a bound they took 80 MB. */
const LONG_HEADS = 10_000;

Deno.test("the memory of known heads, with their log lines, is bounded and counted", async () => {
  using site = new Site({ "index.html": "home" });
  const flags = ["--access-log", "json", "--access-log-file", "/dev/null"];
  const { program, admin } = await startWithAdmin(site.root, ...flags);
  await using _ = program;
  const ask = async (first: number, end: number) => {
    const wires = await Promise.all(Array.from({ length: 32 }, () => Wire.connect(program.port)));
    let next = first;
    await Promise.all(wires.map(async (wire) => {
      while (next < end) {
        const request = get(`/?${next++}`, `User-Agent: ${"x".repeat(900)}`);
        for (let coming = 1; coming <= 3; coming++) { // the third request is known, and its line is kept
          await wire.send(request);
          await wire.expect();
        }
      }
      wire[Symbol.dispose]();
    }));
  };
  await ask(0, 300);
  const before = await metric(admin, "process_resident_memory_bytes");
  await ask(300, LONG_HEADS);
  const limit = await metric(admin, "epollet_heads_limit_bytes");
  const counted = await metric(admin, "epollet_heads_bytes");
  assertEquals(limit, CACHED_HEADS_BYTES_MAX);
  assert(counted <= limit && counted > limit * 0.8, `${counted} of ${limit}`);
  assert(await metric(admin, "epollet_heads") > 3000);
  const grown = await metric(admin, "process_resident_memory_bytes") - before;
  assert(grown < limit * 2, `${grown} bytes more than before`);
});

Deno.test("while it drains the program is alive and not ready, and --healthcheck distinguishes the two", async () => {
  using site = new Site({ "big": new Uint8Array(30_000_000) });
  const { program, admin } = await startWithAdmin(site.root);
  await using _ = program;
  const check = (...args: string[]) => runProgram([NO_FILE, "--admin", String(admin), ...args]);
  const both = () => Promise.all([check("--healthcheck"), check("--healthcheck=/readyz")]);
  assertEquals((await both()).map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""]]);
  using slow = await Wire.connect(program.port);
  await slow.send(get("/big"));
  await slow.arrival();
  program.kill("SIGTERM");
  const isReady = async () => (await exchange(admin, get("/readyz"))).status === 200;
  await eventually(async () => !await isReady(), "it is ready all the same");
  assertEquals((await exchange(admin, get("/readyz"))).status, 503);
  assertEquals((await exchange(admin, get("/healthz"))).status, 200);
  assertEquals(await metric(admin, "epollet_draining"), 1);
  assertEquals(await metric(admin, 'epollet_connections{state="writing"}'), 1);
  const [alive, ready] = await both();
  assertEquals([alive.code, ready.code], [0, 1]);
  assertEquals(ready.stderr, `epollet: http://127.0.0.1:${admin}/readyz answers 503\n`);
  using watcher = await Wire.connect(admin);
  await watcher.send(get("/events"));
  await watcher.arrival();
  assertEquals((await slow.expect()).body.length, 30_000_000, "what has begun is finished");
  assertEquals(
    await program.finish(),
    { code: 0, signal: null, stderr: "" },
    "who looks on does not keep it",
  );
  const gone = await check("--healthcheck");
  assertEquals([gone.code, gone.stdout], [1, ""]);
  assertMatch(gone.stderr, /^epollet: Cannot ask 127\.0\.0\.1:\d+: ECONNREFUSED \(connection refused\)\n$/);
});

Deno.test("--healthcheck asks the address of the environment or the file, and 127.0.0.1 for all interfaces", async () => {
  const asked: string[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    asked.push(request.url);
    return new Response("ok");
  });
  const { port } = server.addr;
  using site = new Site({ "epollet.json": JSON.stringify({ admin: `0.0.0.0:${port}` }) });
  const named = ["--healthcheck", "--config", "epollet.json"];
  assertEquals((await runProgram(named, site.root)).code, 0);
  const [program, ...args] = programCommand(["--healthcheck=/readyz", NO_FILE]);
  const { code } = await new Deno.Command(program, { args, env: { EPOLLET_ADMIN: String(port) } }).output();
  assertEquals(code, 0);
  assertEquals(asked, [`http://127.0.0.1:${port}/healthz`, `http://127.0.0.1:${port}/readyz`]);
  using broken = new Site({ "epollet.json": "{" });
  assertEquals((await runProgram(["--healthcheck"], broken.root)).code, 1, "yes or no is all it says");
});

Deno.test("a server that sends nothing, something else, or ends at once is unhealthy", async () => {
  for (
    const [answer, expected] of [
      [null, /^No answer from 127\.0\.0\.1:\d+ within 0\.2 s$/],
      ["SSH-2.0-OpenSSH_9.2\r\n", /^127\.0\.0\.1:\d+ does not speak HTTP$/],
      ["", /^127\.0\.0\.1:\d+ does not speak HTTP$/],
      ["HTTP/1.1 500 Oops\r\n\r\n", /^http:\/\/127\.0\.0\.1:\d+\/healthz answers 500$/],
    ] as const
  ) {
    // A second process, because `probe` blocks its own.
    const script = `
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      console.log(listener.addr.port);
      const connection = await listener.accept();
      const answer = ${JSON.stringify(answer)};
      if (answer === null) await new Promise(() => setTimeout(() => {}, 60000));
      await connection.write(new TextEncoder().encode(answer));
      connection.close();`;
    const [deno] = programCommand([]);
    const process = new Deno.Command(deno, { args: ["eval", script], stdout: "piped", stderr: "null" })
      .spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const port = Number((await awaited(reader.read(), "a port")).value);
    assertMatch(String(probe({ kind: "tcp", host: "127.0.0.1", port }, "/healthz", 200)), expected);
    process.kill("SIGKILL");
    await reader.cancel();
    await process.status;
  }
});

Deno.test("the port of the site, a name and a wrong address are refused; an open address is warned about", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const site = (...args: string[]) => runProgram([NO_FILE, ...args]);
  const mistakes = [
    [["8123", "--admin", "8123"], 2, "--admin 127.0.0.1:8123 is a port of the site"],
    [["--admin", "localhost.example:9090"], 2, 'Bad --admin "localhost.example:9090": expected a port'],
    [["--admin", "unix:/tmp/x"], 2, 'Bad --admin "unix:/tmp/x"'],
    [["--admin", "1.2.3:9090"], 2, 'Bad --admin "1.2.3:9090": expected an IPv4 or IPv6 address'],
    [["--healthcheck=/metrics"], 2, "expected one of /healthz, /readyz"],
    [["-p", "0", "--admin", String(port)], 1, `Cannot listen on 127.0.0.1:${port}: EADDRINUSE`],
  ] as const;
  await Promise.all(mistakes.map(async ([args, code, expected]) => {
    const finished = await site(...args);
    assertEquals([finished.code, finished.stderr.split("\n").length], [code, 2], args.join(" "));
    assertStringIncludes(finished.stderr, expected);
  }));
  using files = new Site({ "index.html": "" });
  const program = await Program.start(files.root, [NO_FILE, "--admin", "[::]:0"]);
  program.kill("SIGTERM");
  assertMatch((await program.finish()).stderr, /^epollet: --admin \[::\]:0 asks for no password: [^\n]+\n$/);
});

Deno.test("the supervisor reports each worker, and no counter falls when one is replaced", async () => {
  using site = new Site({ "index.html": "home" });
  const { program, admin } = await startWithAdmin(site.root, "--workers", "2");
  await using _ = program;
  const series = async (name: string) => {
    const { text } = await exchange(admin, get("/metrics"));
    const isWanted = (line: string) => line.startsWith(`${name}{worker=`) && !line.includes('"HTTP/2"');
    const lines = text.split("\n").filter(isWanted);
    return lines.map((line) => Number(line.split(" ").at(-1)));
  };
  const answered = 'epollet_requests_total{worker="0",code="200",protocol="HTTP/1"}';
  for (let i = 0; i < 20; i++) await exchange(program.port, get("/"));
  const before = await series("epollet_requests_total");
  assertEquals([before.length, before[0]! + before[1]!], [2, 20]);
  assert((await series("process_resident_memory_bytes")).every((bytes) => bytes > 0), "in their sandboxes");
  assertEquals((await exchange(admin, get("/readyz"))).status, 200);
  const { text } = await exchange(admin, get("/metrics"));
  assertStringIncludes(text, `${answered} ${before[0]}\n`);
  const started = await series("process_start_time_seconds");
  program.kill("SIGHUP"); // other workers
  const areOthers = async () => String(await series("process_start_time_seconds")) !== String(started);
  await eventually(areOthers, "the workers are not replaced");
  for (let i = 0; i < 20; i++) await exchange(program.port, get("/"));
  const after = await series("epollet_requests_total");
  assert(after[0]! >= before[0]! && after[1]! >= before[1]!, `${before} and then ${after}`);
  assertEquals(after[0]! + after[1]!, 40);
});
