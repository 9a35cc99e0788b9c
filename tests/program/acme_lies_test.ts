/**
 * An authority that is slow, or sends wrong certificates, while there is a good one: it stays in use.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { AcmeSite } from "../support/acme_serving.ts";
import { patient } from "../support/deadline.ts";
import { FakeAuthority } from "../support/fake_authority.ts";
import { certificateAt } from "../support/pebble.ts";
import { programCommand, runProgram } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { outputOf } from "../support/waiting.ts";

const NAME = "a.example.org";

/** Passes bytes on to an authority, and its answers back one byte at a time; or with a pause of null, nothing at all. */
class SlowProxy implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();

  constructor(port: number, pauseMs: number | null) {
    void (async () => {
      for await (const client of this.#listener) {
        this.#open.add(client);
        if (pauseMs !== null) void this.#pass(client, port, pauseMs).catch(() => {});
      }
    })();
  }

  get base(): string {
    return `https://localhost:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  async #pass(client: Deno.Conn, port: number, pauseMs: number): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port });
    this.#open.add(server);
    void client.readable.pipeTo(server.writable).catch(() => {});
    const writer = client.writable.getWriter();
    for await (const part of server.readable) {
      for (const byte of part) {
        await writer.write(Uint8Array.of(byte));
        await sleep(pauseMs);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const one of this.#open) {
      try {
        one.close();
      } catch { // its stream has closed it
      }
    }
  }
}

/** Returns the arguments of the command. */
function command(scene: AcmeSite, authority: FakeAuthority, base: string = authority.base): string[] {
  return [
    ...["certificate", NAME, "--dir", scene.dir, "--directory", `${base}/dir`, "--force"],
    ...["--ca", authority.certificates.root],
    ...["--http-port", String(scene.httpPort), "--tls-port", String(scene.tlsPort)],
  ];
}

Deno.test(
  "certificates that are wrong do not replace the present one, and one line says what is wrong",
  patient(400, async () => {
    await using authority = new FakeAuthority();
    using scene = new AcmeSite(authority);
    const first = await runProgram(command(scene, authority));
    assertEquals(first.code, 0, first.stderr);
    const file = `${scene.dir}/${NAME}.pem`;
    const before = Deno.readTextFileSync(file);
    const leafOf = (chain: string) => chain.slice(0, chain.indexOf("-----END CERTIFICATE-----") + 26);
    const issued = (wish: Partial<FakeAuthority>) => {
      const usual = { from: authority.from, days: authority.days, name: authority.name };
      Object.assign(authority, wish);
      const text = authority.issued();
      Object.assign(authority, usual);
      return text;
    };
    const other = () => authority.certificates.make({ names: [NAME], isIssued: true }).cert;
    const lies: readonly (readonly [text: () => string | Response, line: RegExp])[] = [
      [() => issued({ name: "b.example.org" }), /sends a certificate for other names/],
      [other, /that cannot be used: it has the key of another certificate/],
      [
        () => issued({ from: -30, days: -1 }),
        /that has expired, or is about to: is this machine's clock right\?/,
      ],
      [() => issued({ days: 30 / 86_400 }), /that has expired, or is about to/],
      [() => issued({ from: 1 }), /that is not valid yet: is this machine's clock right\?/],
      [() => leafOf(authority.issued()), /sends a certificate without its chain/],
      [() => leafOf(authority.issued()) + other(), /cannot be used: it has a chain in the wrong order/],
      [
        () => authority.issued().replace(/\nM.{20}/, "\nMAAAAAAAAAAAAAAAAAAAA"),
        /cannot be used: it has a damaged certificate/,
      ],
      [() => "", /cannot be used: it has no certificate in PEM/],
      [() => Response.json({ certificate: "x" }), /cannot be used: it has no certificate in PEM/],
      [
        () => authority.issued() + leafOf(other()).repeat(40),
        /cannot be used: it has (more than 16|a chain)/,
      ],
      [() => "x".repeat(300 * 1024), /answers with too long a body/],
      [
        () => new Response(null, { status: 301, headers: { location: "https://127.0.0.1:1/x" } }),
        /redirects to another host, which is not followed/,
      ],
      [
        () => new Response(null, { status: 307, headers: { location: `${authority.base}/x` } }),
        /redirects where it must not/,
      ],
      [
        () => new Response("<html>", { status: 503, headers: { "content-type": "text/html" } }),
        /refuses: status 503/,
      ],
    ];
    for (const [text, line] of lies) {
      authority.change = (path) => {
        if (path !== "/certificate") return null;
        const answer = text();
        return typeof answer === "string" ? new Response(answer) : answer;
      };
      const { code, stderr } = await runProgram(command(scene, authority));
      assertEquals(code, 1, `${line}: ${stderr}`);
      assertMatch(stderr, line);
      assertMatch(
        stderr,
        new RegExp(`^epollet: ${NAME.replaceAll(".", "\\.")}: [^\n]{1,400} Next try in \\d+ \\w+\n$`),
      );
      assertEquals(Deno.readTextFileSync(file), before);
    }
    authority.change = (path) =>
      path === "/newNonce" ? new Response(null, { headers: { "replay-nonce": "a b" } }) : null;
    const withoutNonce = await runProgram(command(scene, authority));
    assertMatch(withoutNonce.stderr, /^epollet: a\.example\.org: localhost:\d+ sends no nonce\. Next try/);
    authority.change = () => null;
    const good = await runProgram(command(scene, authority));
    assertEquals(good.code, 0, good.stderr);
  }),
);

Deno.test(
  "an authority that answers slowly, never, or never decides is waited for for a limited time, and the present certificate is served meanwhile",
  patient(400, async () => {
    await using authority = new FakeAuthority();
    using trickle = new SlowProxy(authority.port, 200);
    using silence = new SlowProxy(authority.port, null);
    await using undecided = new FakeAuthority();
    using scene = new AcmeSite(undecided);
    await using program = await scene.serve(NAME);
    const shown = await scene.served(NAME);
    undecided.change = (path, { base }) =>
      path === "/order"
        ? Response.json({
          status: "processing",
          authorizations: [`${base}/authorization`],
          finalize: `${base}/finalize`,
        })
        : null;
    const undecidedMs = performance.now();
    scene.change(NAME, { renewAtMs: 1 });
    const refused = program.warned(
      /^epollet: a\.example\.org: localhost:\d+ does not decide: it says processing\. Next try in \d+ s$/m,
    ).catch(() => {}); // the time for that is longer than such a wait

    const slow = async (base: string) => {
      using place = new AcmeSite(authority);
      const [deno, ...words] = programCommand(command(place, authority, base));
      const beginMs = performance.now();
      const process = new Deno.Command(deno!, { args: words, stdout: "piped", stderr: "piped" }).spawn();
      const { code, stderr } = await outputOf(process, base, 120_000);
      assertEquals(code, 1);
      assertMatch(
        new TextDecoder().decode(stderr),
        /^epollet: a\.example\.org: localhost:\d+ takes longer than 40 s to answer\. Next try in \d s\n$/,
      );
      return performance.now() - beginMs;
    };
    for (const ms of await Promise.all([slow(trickle.base), slow(silence.base)])) {
      assert(ms > 39_000 && ms < 60_000, `${ms}`);
    }
    assertEquals(await certificateAt(scene.tlsPort, NAME), shown);
    await refused;
    const isOver = () => scene.saved(NAME)["lastError"] !== null;
    while (!isOver() && performance.now() - undecidedMs < 240_000) await sleep(500);
    assertMatch(String(scene.saved(NAME)["lastError"]), /does not decide: it says processing$/);
    assert(performance.now() - undecidedMs > 170_000);
    assertEquals(await certificateAt(scene.tlsPort, NAME), shown);
    assertMatch(await scene.admin("/readyz"), /^200 /);
  }),
);
