/**
 * `--acme` with Let's Encrypt's test authority: from nothing to HTTPS, renewal, and what goes wrong on the way.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { AcmeSite, companionOf } from "../support/acme_serving.ts";
import { patient } from "../support/deadline.ts";
import { freePort } from "../support/free_port.ts";
import { certificateAt, HAS_PEBBLE, Pebble, statusAt } from "../support/pebble.ts";
import { isRunning } from "../support/process.ts";
import { Program } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";

const MISSING = "skipped: pebble is not installed";
const WAITING = /epollet waiting for a certificate/;

/** Clients of both versions of HTTP that check the certificate, some requests on each connection. */
class SecureLoad {
  answered = 0;
  /** What went wrong. */
  readonly failures: string[] = [];
  #isOver = false;
  readonly #clients: Promise<void>[];

  constructor(port: number, root: string) {
    const url = `https://localhost:${port}/`;
    this.#clients = [true, false, true, false].map((isSecond) => this.#ask(url, root, isSecond));
  }

  async #ask(url: string, root: string, isSecond: boolean): Promise<void> {
    while (!this.#isOver) {
      using client = Deno.createHttpClient({ caCerts: [root], http1: !isSecond, http2: isSecond });
      for (let i = 0; i < 5; i++) {
        try {
          const response = await fetch(url, { client });
          const text = await response.text();
          if (response.status === 200 && text === "hello") this.answered++;
          else this.failures.push(`${response.status} ${text}`);
        } catch (error) {
          this.failures.push(String(error));
        }
        await sleep(30);
      }
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }
}

Deno.test(
  "--acme gets from nothing to HTTPS with a valid chain, renews under load by HTTP/1 and HTTP/2 without an error, and again after its directory was deleted; the process that does it is started again when it dies, and ends with the server",
  patient(600, async () => {
    if (!HAS_PEBBLE) return console.log(MISSING);
    await using pebble = await Pebble.start({ validSeconds: 90, refusedNonces: 20 });
    using scene = new AcmeSite(pebble);
    await using program = await scene.serve(
      "localhost,www.example.org",
      "--workers",
      "2",
      "--access-log",
      "json",
    );
    const first = await scene.served("localhost");
    await scene.served("www.example.org");
    await eventually(async () => await scene.admin("/readyz") === "200 ready\n", "it is not ready");
    const root = await pebble.issuingRoot();
    assertEquals(await statusAt(pebble.tlsPort, "localhost", root), 200);
    const metrics = await scene.admin("/metrics");
    assertMatch(
      metrics,
      /^epollet_acme_not_after_seconds\{name="www\.example\.org",authority="localhost:\d+"\} 1\d{9}/m,
    );
    assertMatch(metrics, /^epollet_acme_failing\{name="localhost",authority="localhost:\d+"\} 0$/m);
    const load = new SecureLoad(pebble.tlsPort, Deno.readTextFileSync(root));
    const second = await scene.served("localhost", first);
    Deno.removeSync(scene.dir, { recursive: true });
    const third = await scene.served("localhost", second);
    assert(Deno.statSync(`${scene.dir}/localhost.pem`).isFile);
    const companion = companionOf(program)!;
    Deno.kill(companion, "SIGKILL");
    await eventually(() => ![undefined, companion].includes(companionOf(program)), "it is not started again");
    Deno.removeSync(`${scene.dir}/localhost.pem`);
    await scene.served("localhost", third);
    await load.end();
    assertEquals(load.failures, []);
    assert(load.answered > 200, `${load.answered}`);
    for (const version of ["1.1", "2.0"]) {
      const count = program.stdout.split(`"protocol":"HTTP/${version}"`).length;
      assert(count > 50, `HTTP/${version}: ${count}`);
    }
    const last = companionOf(program)!;
    assert(isRunning(last));
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    assertEquals(code, 0, stderr);
    assertMatch(
      stderr,
      /^epollet: The process for certificates \(\d+\) was killed by signal 9; it is started again$/m,
    );
    assertMatch(stderr, /^epollet: localhost: certificate from localhost:\d+, valid until /m);
    assert(!/PRIVATE KEY/.test(stderr));
    await eventually(() => !isRunning(last), "the process for certificates has not ended");
  }),
);

Deno.test(
  "without a listener for HTTP, the challenge is answered by TLS (tls-alpn-01); a client that offers it without a challenge gets no handshake",
  patient(300, async () => {
    if (!HAS_PEBBLE) return console.log(MISSING);
    await using pebble = await Pebble.start();
    using scene = new AcmeSite(pebble);
    await using program = await scene.serve("a.example.org", "--no-redirect-http");
    await scene.served("a.example.org");
    const args = [
      "s_client",
      "-connect",
      `127.0.0.1:${program.port}`,
      "-servername",
      "a.example.org",
      "-alpn",
      "acme-tls/1",
    ];
    const { stdout, stderr } = await new Deno.Command("openssl", { args, stdin: "null" }).output();
    assertMatch(new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr), /unrecognized.name/i);
    assertEquals(await statusAt(program.port, "a.example.org", await pebble.issuingRoot()), 200);
  }),
);

Deno.test(
  "while the authority is down, the port is up with a stand-in, /readyz and the metrics say why, and a killed supervisor leaves no process; when the authority is back, it is asked",
  patient(400, async () => {
    if (!HAS_PEBBLE) return console.log(MISSING);
    await using pebble = await Pebble.start();
    await pebble.stop();
    using scene = new AcmeSite(pebble);
    {
      await using program = await scene.serve("a.example.org");
      assertMatch(await certificateAt(pebble.tlsPort, "a.example.org"), WAITING);
      assertEquals(await scene.admin("/readyz"), "503 no certificate yet: a.example.org\n");
      assertEquals(await scene.admin("/healthz"), "200 ok\n");
      await eventually(
        async () =>
          /^epollet_acme_failing\{name="a\.example\.org",authority="localhost:\d+",error="Cannot reach localhost:\d+: ECONNREFUSED \(connection refused\)"\} 1$/m
            .test(await scene.admin("/metrics")),
        "the metrics do not say why",
      );
      await pebble.start();
      await scene.served("a.example.org");
      await eventually(async () => await scene.admin("/readyz") === "200 ready\n", "it is not ready");
      const companion = companionOf(program)!;
      Deno.kill(program.pid, "SIGKILL");
      await eventually(() => !isRunning(companion), "the process for certificates has not ended");
    }
    // The next start serves what is in the directory, and asks nothing.
    await pebble.stop();
    await using program = await scene.serve("a.example.org");
    assertMatch(await certificateAt(program.port, "a.example.org"), /Pebble/);
    assertEquals(await scene.admin("/readyz"), "200 ready\n");
  }),
);

Deno.test(
  "two servers with one directory get one certificate",
  patient(300, async () => {
    if (!HAS_PEBBLE) return console.log(MISSING);
    await using pebble = await Pebble.start();
    using scene = new AcmeSite(pebble);
    await using first = await scene.serve("a.example.org");
    await using second = await Program.startArguments([
      ...[
        String(freePort()),
        `${scene.root}/site`,
        "--acme",
        "a.example.org",
        "--acme-dir",
        scene.dir,
        ...pebble.flags,
      ],
    ]);
    const at = async (port: number) => await certificateAt(port, "a.example.org");
    await eventually(
      async () => /Pebble/.test(await at(first.port)) && /Pebble/.test(await at(second.port)),
      "no certificate",
    );
    assertEquals(await at(first.port), await at(second.port));
    await sleep(3000);
    const lines = (await Promise.all([first, second].map(async (program) => {
      program.kill("SIGTERM");
      return (await program.finish()).stderr;
    }))).join("").match(/: certificate from /g);
    assertEquals(lines?.length, 1);
  }),
);
